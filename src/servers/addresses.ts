// Where the database and the queue are, as the configuration names them.
import { resolve } from 'node:path'

export interface SqliteAddress {
  readonly kind: 'sqlite'
  /** Absolute path of the file; empty for a private one that goes away when it is closed. */
  readonly path: string
}

/** A database on a PostgreSQL server. */
export interface PostgresAddress {
  readonly kind: 'postgres'
  /** With user and password: for the connection alone, never to be shown. */
  readonly url: string
  /** Host, port and database, fit to be shown. */
  readonly name: string
}

/** A database on a MySQL server, or on MariaDB, which speaks the same. */
export interface MysqlAddress {
  readonly kind: 'mysql'
  readonly url: string
  readonly name: string
}

/**
 * After which the server ends a transaction whose process says nothing more: one that stands still in the middle of it would
 * keep everybody else from the rows that it has locked. Between two statements pass milliseconds.
 */
export const IDLE_TRANSACTION_MS = 30_000

/** How long a connection may take to be made. */
export const CONNECT_TIMEOUT_MS = 5000

/** After so long of silence, a connection is asked whether its server is still there. */
export const KEEP_ALIVE_MS = 10_000

/** A server that holds tables. */
export type ServerAddress = PostgresAddress | MysqlAddress

/** A Redis server, as the configuration names it. */
export interface RedisAddress {
  readonly kind: 'redis'
  /** With user and password: for the connection alone, never to be shown. */
  readonly url: string
  /** Host, port and database number, fit to be shown. */
  readonly name: string
}

/** A RabbitMQ server and a virtual host on it, as the configuration names them. */
export interface RabbitAddress {
  readonly kind: 'amqp'
  /** With user and password: for the connection alone, never to be shown. */
  readonly url: string
  /** Host, port and virtual host, fit to be shown. */
  readonly name: string
}

export type DatabaseAddress = SqliteAddress | ServerAddress

export type QueueAddress = { readonly kind: 'embedded' } | RedisAddress | PostgresAddress | RabbitAddress

export function readDatabaseAddress(text: string): DatabaseAddress {
  const server = serverAddress(text)
  if (server) return server
  const path = text.startsWith('sqlite:') ? text.slice('sqlite:'.length).replace(/^\/\/(?=\/)/, '') : ''
  if (path === '' || path.startsWith('//'))
    throw new Error(
      'write sqlite:PATH, such as sqlite:/var/lib/shop/orders.sqlite, postgres://USER@HOST/DATABASE or mysql://USER@HOST/DATABASE',
    )
  return { kind: 'sqlite', path: resolve(path) }
}

export function readQueueAddress(text: string): QueueAddress {
  if (text === 'embedded') return { kind: 'embedded' }
  const address = redisAddress(text) ?? readPostgresAddress(text) ?? rabbitAddress(text)
  if (!address)
    throw new Error(
      'write embedded, redis://HOST, rediss://HOST, postgres://HOST/DATABASE, amqp://HOST/VHOST or amqps://HOST/VHOST',
    )
  return address
}

export function readRedisAddress(text: string): RedisAddress | undefined {
  if (text === '') return undefined
  const address = redisAddress(text)
  if (!address) throw new Error('write redis://HOST, or rediss://HOST for TLS, such as redis://127.0.0.1:6379/0')
  return address
}

/** Undefined for what is neither postgres://HOST/DATABASE nor mysql://HOST/DATABASE. */
function serverAddress(text: string): ServerAddress | undefined {
  return readPostgresAddress(text) ?? readMysqlAddress(text)
}

/** Undefined for what is no postgres://HOST/DATABASE. */
export function readPostgresAddress(text: string): PostgresAddress | undefined {
  const name = placeIn(text, ['postgres:', 'postgresql:'], 5432)
  return name === undefined ? undefined : { kind: 'postgres', url: withPlainTls(text), name }
}

function readMysqlAddress(text: string): MysqlAddress | undefined {
  const name = placeIn(text, ['mysql:', 'mariadb:'], 3306)
  return name === undefined ? undefined : { kind: 'mysql', url: text, name }
}

function placeIn(text: string, protocols: readonly string[], port: number): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || !protocols.includes(url.protocol) || url.hostname === '') return undefined
  const database = /^\/([^/]+)$/.exec(url.pathname)?.[1]
  return database && `${url.hostname}:${url.port || port}/${unescaped(database)}`
}

/** pg takes these for verify-full, and warns at every start that this will change one day. */
function withPlainTls(url: string): string {
  return url.replace(/(?<=[?&]sslmode=)(prefer|require|verify-ca)(?=&|$)/, 'verify-full')
}

/** pg reads a name of which this is not true as it stands, too. */
function unescaped(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

function redisAddress(text: string): RedisAddress | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || !['redis:', 'rediss:'].includes(url.protocol) || url.hostname === '') return undefined
  if (!/^\/?\d*$/.test(url.pathname)) return undefined
  const database = url.pathname.slice(1)
  const name = `${url.hostname}:${url.port || 6379}${database === '' ? '' : `/${database}`}`
  return { kind: 'redis', url: text, name }
}

/** A server that is named without a virtual host is asked for `/`. */
function rabbitAddress(text: string): RabbitAddress | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || !['amqp:', 'amqps:'].includes(url.protocol) || url.hostname === '') return undefined
  const port = url.port || (url.protocol === 'amqp:' ? 5672 : 5671)
  return { kind: 'amqp', url: text, name: `${url.hostname}:${port}${url.pathname.replace(/^\/$/, '')}` }
}
