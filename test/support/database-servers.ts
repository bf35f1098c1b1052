// Tests on the database servers that find-servers.ts has found, which they share: each creates databases of its own.
import { randomBytes } from 'node:crypto'
import { inject } from 'vitest'
import { askServer } from './ask-server.js'
import { describeUnless, type SuiteOptions } from './servers.js'

export type ServerEngine = 'postgres' | 'mysql'

const SERVER_ENGINES = ['postgres', 'mysql'] as const satisfies readonly ServerEngine[]

const servers = inject('databaseServers')

/** Names for engines without a server. */
const PRODUCTS = { postgres: 'PostgreSQL', mysql: 'MySQL or MariaDB' }

/** Skipped if there is no server. In CI, it then fails. */
export function describeOnServer(engine: ServerEngine, name: string, body: () => void, options?: SuiteOptions): void {
  const product = servers[engine]?.product ?? PRODUCTS[engine]
  const reason = servers[engine] ? undefined : `no ${product} server was found`
  describeUnless(reason, `${product}: ${name}`, body, options)
}

/** Once for each server engine. */
export function describeOnServers(name: string, body: (engine: ServerEngine) => void, options?: SuiteOptions): void {
  for (const engine of SERVER_ENGINES) describeOnServer(engine, name, () => body(engine), options)
}

/** MySQL's default lacks most letters: no table of ours may use it. */
const HOW: Record<ServerEngine, string> = { postgres: '', mysql: 'character set latin1' }

/** @returns the URL of a new, empty database. @param how options of `create database` */
export async function makeDatabase(engine: ServerEngine, { suffix = '', how = HOW[engine] } = {}): Promise<string> {
  const name = `${inject('databasePrefix')}${randomBytes(5).toString('hex')}${suffix}`
  await askServer(urlWith(engine, {}), `create database ${name} ${how}`)
  return urlWith(engine, { pathname: name })
}

/** The server's URL with other parts. */
export function urlWith(engine: ServerEngine, parts: Partial<URL>): string {
  const server = servers[engine]
  if (!server) throw new Error(`there is no ${PRODUCTS[engine]} server`)
  return Object.assign(new URL(server.url), parts).href
}
