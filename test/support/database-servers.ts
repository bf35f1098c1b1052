// Tests on real database servers. They share those that test/support/find-database-servers.ts has found, so each makes databases of
// its own, which are removed when all tests have run.
import { randomBytes } from 'node:crypto'
import { inject } from 'vitest'
import { askServer } from './ask-server.js'
import type { FoundServer } from './find-database-servers.js'
import { describeUnless, type SuiteOptions } from './servers.js'

export type ServerEngine = 'postgres' | 'mysql'

const SERVER_ENGINES = ['postgres', 'mysql'] as const satisfies readonly ServerEngine[]

/** Named by ORDERCTL_TEST_POSTGRES_URL and ORDERCTL_TEST_MYSQL_URL, or found at the standard ports; null where there is none. */
const servers = inject('databaseServers')

/** How the engine is called where the server is not known. */
const PRODUCTS = { postgres: 'PostgreSQL', mysql: 'MySQL or MariaDB' }

/** Why tests on the engine cannot run; undefined where they can. */
function whyNoServer(engine: ServerEngine): string | undefined {
  return servers[engine] ? undefined : `no ${PRODUCTS[engine]} server was found`
}

/** On one server engine. Skipped where there is no server; in CI, that is a failure. */
export function describeOnServer(
  engine: ServerEngine,
  name: string,
  body: () => void,
  options: SuiteOptions = {},
): void {
  const product = servers[engine]?.product ?? PRODUCTS[engine]
  describeUnless(whyNoServer(engine), `${product}: ${name}`, body, options)
}

/** Once for each server engine. */
export function describeOnServers(
  name: string,
  body: (engine: ServerEngine) => void,
  options: SuiteOptions = {},
): void {
  for (const engine of SERVER_ENGINES) describeOnServer(engine, name, () => body(engine), options)
}

/** For tests that run, so there is one. */
function serverOf(engine: ServerEngine): FoundServer {
  const server = servers[engine]
  if (!server) throw new Error(`there is no ${PRODUCTS[engine]} server`)
  return server
}

/** A MySQL database whose own texts lack most letters: nothing in it may take its defaults. */
const HOW: Record<ServerEngine, string> = { postgres: '', mysql: 'character set latin1' }

/**
 * @param how in the server's words
 * @returns the URL of a new, empty database
 */
export async function makeDatabase(engine: ServerEngine, { suffix = '', how = HOW[engine] } = {}): Promise<string> {
  const name = `${inject('databasePrefix')}${randomBytes(5).toString('hex')}${suffix}`
  await askServer(serverOf(engine).url, `create database ${name} ${how}`)
  return urlWith(engine, { pathname: name })
}

/** The server's URL with other parts. */
export function urlWith(
  engine: ServerEngine,
  parts: Partial<Pick<URL, 'username' | 'password' | 'hostname' | 'port' | 'pathname'>>,
): string {
  return Object.assign(new URL(serverOf(engine).url), parts).href
}
