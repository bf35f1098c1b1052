// The servers that find-servers.ts has found. Tests share them: each creates databases, schemas, queues or keys of its
// own.
import { randomBytes } from 'node:crypto'
import { describe, inject, test } from 'vitest'
import { type QueueAddress, readQueueAddress } from '../../src/servers/addresses.js'
import { askServer } from './ask-server.js'

export type ServerEngine = 'postgres' | 'mysql'
export type ServerName = ServerEngine | 'redis' | 'rabbitmq'

export interface SuiteOptions {
  readonly concurrent?: boolean
}

const found = inject('servers')

/** Names for servers that were not found. */
const PRODUCTS = { postgres: 'PostgreSQL', mysql: 'MySQL or MariaDB', redis: 'Redis', rabbitmq: 'RabbitMQ' }

/** Skipped for a reason. In CI, it then fails. */
export function describeUnless(reason: string | undefined, name: string, body: () => void, options?: SuiteOptions) {
  if (reason === undefined) describe(name, options ?? {}, body)
  else if (process.env['CI']) {
    test(name, () => {
      throw new Error(`${reason}, and in CI these tests must run`)
    })
  } else describe.skip(`${name} (${reason})`, body)
}

/** Skipped if there is no such server. */
export function describeWith(server: ServerName, name: string, body: () => void, options?: SuiteOptions): void {
  describeUnless(found[server] ? undefined : `no ${PRODUCTS[server]} server was found`, name, body, options)
}

/** Once for each server engine. */
export function describeOnServers(name: string, body: (engine: ServerEngine) => void, options?: SuiteOptions): void {
  for (const engine of ['postgres', 'mysql'] as const) {
    const product = found[engine]?.product ?? PRODUCTS[engine]
    describeWith(engine, `${product}: ${name}`, () => body(engine), options)
  }
}

/** The server's URL, with other parts. @throws if there is no such server: for tests that run */
export function serverUrl(server: ServerName, parts: Partial<URL> = {}): string {
  const url = found[server]?.url
  if (url === undefined) throw new Error(`there is no ${PRODUCTS[server]} server`)
  return Object.assign(new URL(url), parts).href
}

/** The address of a queue on a server of this kind. */
export function addressOf<Kind extends QueueAddress['kind']>(kind: Kind, url: string) {
  const isOfKind = (address: QueueAddress): address is Extract<QueueAddress, { kind: Kind }> => address.kind === kind
  const address = readQueueAddress(url)
  if (!isOfKind(address)) throw new Error(`${url} is no address of ${kind}`)
  return address
}

export function randomName(): string {
  return `orderctl_test_${randomBytes(6).toString('hex')}`
}

/** MySQL's default lacks most letters: no table of ours may use it. */
const HOW: Record<ServerEngine, string> = { postgres: '', mysql: 'character set latin1' }

/** @returns the URL of a new, empty database. @param how options of `create database` */
export async function makeDatabase(engine: ServerEngine, { suffix = '', how = HOW[engine] } = {}): Promise<string> {
  const name = `${inject('databasePrefix')}${randomBytes(5).toString('hex')}${suffix}`
  await askServer(serverUrl(engine), `create database ${name} ${how}`)
  return serverUrl(engine, { pathname: name })
}
