// The package as oclif's only plugin.
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Command, type Interfaces, Plugin } from '@oclif/core'

/**
 * Describes the package by its manifest, so that oclif does not search for it, for plugins and for TypeScript.
 *
 * @param url of a file in a folder of the package
 */
export function describePackage(url: string): Interfaces.Options {
  const root = dirname(dirname(fileURLToPath(url)))
  const read = (file: string) => JSON.parse(readFileSync(join(root, file), 'utf8'))
  const pjson: Interfaces.PJSON = read('package.json')
  const manifest: Interfaces.Manifest = read('oclif.manifest.json')
  const { name, version } = pjson
  const plugin = new Plugin({ isRoot: true, root, pjson })
  const commands = Object.values(manifest.commands).map((command): Command.Loadable => {
    const load = async (): Promise<Command.Class> => {
      const module = await import(new URL(`../${command.relativePath?.join('/')}`, url).href)
      return Object.assign(module.default, { id: command.id, plugin })
    }
    return { ...command, pluginAlias: name, pluginType: 'core', load }
  })
  Object.assign(plugin, { name, version, root, pjson, manifest, commands, alias: name, type: 'core', isRoot: true })
  Object.assign(plugin, { hooks: {}, moduleType: 'module', valid: true, hasManifest: true })
  return { root, plugins: new Map([[name, plugin]]), ...(process.env['DEBUG'] ? {} : { logger: SILENT }) }
}

/** Loading oclif's logger takes longer than most commands run. Without DEBUG, it prints nothing. */
const SILENT: Interfaces.Logger = {
  namespace: 'oclif',
  child: () => SILENT,
  trace() {},
  debug() {},
  info() {},
  warn() {},
  error() {},
}
