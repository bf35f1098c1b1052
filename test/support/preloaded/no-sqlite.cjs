// Makes the native part of better-sqlite3 missing, as after `npm ci --ignore-scripts`.
const Module = require('node:module')
const load = Module._extensions['.node']
Module._extensions['.node'] = (module, file) => {
  if (file.includes('better_sqlite3'))
    throw Object.assign(new Error(`Cannot find ${file}`), { code: 'MODULE_NOT_FOUND' })
  return load(module, file)
}
