#!/usr/bin/env node
// The entry point of `orderctl`.
import module from 'node:module'

// Node 22.8 and newer cache compiled code between runs, which halves the start-up time.
module.enableCompileCache?.()

if (process.env['DEBUG']) {
  // Stack traces are shown. Source maps make them name lines of src/.
  process.setSourceMapsEnabled(true)
  // Bug reports contain the output of DEBUG=*, and ioredis would add the password of Redis.
  process.env['DEBUG'] += ',-ioredis:*'
}

const { main } = await import('../dist/command-line/main.js').catch((error) => {
  if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error
  const fix = 'Run `npm ci && npm run build` in the folder of orderctl. `npm ci --ignore-scripts` does not build.'
  process.stderr.write(`Error: orderctl is not built, or a package is missing: ${error.message}\n${fix}\n`)
  process.exit(1)
})
await main(import.meta.url)
