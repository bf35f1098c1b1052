// Parses the configured addresses of the database, the queue and Redis.
import { resolve } from 'node:path'

export interface SqliteAddress {
  readonly kind: 'sqlite'
  /** Absolute path of the file. Empty for a private database that is deleted when it is closed. */
  readonly path: string
}

type Setting = 'ORDERCTL_DATABASE_URL' | 'ORDERCTL_QUEUE_URL' | 'ORDERCTL_REDIS_URL'

interface Server<Kind> {
  readonly kind: Kind
  /** Includes user and password: for connecting only, never shown. */
  readonly url: string
  /** Host, port and database (or virtual host), without secrets. */
  readonly name: string
  readonly setting: Setting
}

export type PostgresAddress = Server<'postgres'>
/** MySQL or MariaDB, which speak the same protocol. */
export type MysqlAddress = Server<'mysql'>
export type RedisAddress = Server<'redis'>
export type RabbitAddress = Server<'amqp'>

export type DatabaseAddress = SqliteAddress | PostgresAddress | MysqlAddress
export type QueueAddress = { readonly kind: 'embedded' } | RedisAddress | PostgresAddress | RabbitAddress
export type Address = DatabaseAddress | RedisAddress | RabbitAddress

export function readDatabaseAddress(text: string): DatabaseAddress {
  const server = readServer(text, 'ORDERCTL_DATABASE_URL')
  if (server?.kind === 'postgres' || server?.kind === 'mysql') return server
  const path = text.startsWith('sqlite:') ? text.slice('sqlite:'.length).replace(/^\/\/(?=\/)/, '') : ''
  if (path !== '' && !path.startsWith('//')) return { kind: 'sqlite', path: resolve(path) }
  throw new Error(
    'expected sqlite:PATH, such as sqlite:/var/lib/shop/orders.sqlite, postgres://USER@HOST/DATABASE or mysql://USER@HOST/DATABASE',
  )
}

export function readQueueAddress(text: string): QueueAddress {
  if (text === 'embedded') return { kind: 'embedded' }
  const server = readServer(text, 'ORDERCTL_QUEUE_URL')
  if (server && server.kind !== 'mysql') return server
  throw new Error(
    'expected embedded, redis://HOST, rediss://HOST, postgres://HOST/DATABASE, amqp://HOST/VHOST or amqps://HOST/VHOST',
  )
}

export function readRedisAddress(text: string): RedisAddress | undefined {
  if (text === '') return undefined
  const server = readServer(text, 'ORDERCTL_REDIS_URL')
  if (server?.kind === 'redis') return server
  throw new Error('expected redis://HOST, or rediss://HOST for TLS, such as redis://127.0.0.1:6379/0')
}

const DATABASE = /^\/[^/]+$/
const NUMBER = /^\/?\d*$/

type Kind = Exclude<Address['kind'], 'sqlite'>

/** For each URL scheme: the kind of server, its default port, and the paths that it allows. */
const SCHEMES: Readonly<Record<string, readonly [kind: Kind, port: number, path: RegExp]>> = {
  'postgres:': ['postgres', 5432, DATABASE],
  'postgresql:': ['postgres', 5432, DATABASE],
  'mysql:': ['mysql', 3306, DATABASE],
  'mariadb:': ['mysql', 3306, DATABASE],
  'redis:': ['redis', 6379, NUMBER],
  'rediss:': ['redis', 6379, NUMBER],
  'amqp:': ['amqp', 5672, /^/],
  'amqps:': ['amqp', 5671, /^/],
}

function readServer(text: string, setting: Setting): Exclude<Address, SqliteAddress> | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const [kind, port, allowed] = SCHEMES[url?.protocol ?? ''] ?? []
  if (!url || !kind || url.hostname === '' || !allowed?.test(url.pathname)) return undefined
  // pg prefers the parameter.
  const host = (kind === 'postgres' && url.searchParams.get('host')) || url.hostname
  const path = allowed === DATABASE ? decoded(url.pathname) : url.pathname.replace(/^\/$/, '')
  const name = `${host}:${url.port || port}${path}`
  if (kind === 'postgres') return { kind, url: withPostgresTls(text, url, host), name, setting }
  return { kind, url: kind === 'mysql' ? withMysqlTls(text, url) : text, name, setting }
}

/** Whether only this host can read what is sent to the host: it is a loopback address or a Unix socket. */
export function isLocalHost(host: string): boolean {
  return /^(localhost|127(\.\d+){3}|\[::1\]|(\/|%2f).*)$/i.test(host)
}

/** Adds TLS to the address of another host, unless it says otherwise (`sslmode=disable`). */
function withPostgresTls(text: string, { searchParams }: URL, host: string): string {
  // pg treats these modes as verify-full, and warns at every start that this will change.
  const url = text.replace(/(?<=[?&]sslmode=)(prefer|require|verify-ca)(?=&|$)/, 'verify-full')
  if (isLocalHost(host) || [...searchParams].some(([key, value]) => key.startsWith('ssl') && value !== '')) return url
  return `${url}${url.includes('?') ? '&' : '?'}sslmode=verify-full`
}

/** The same (`ssl=false`). mysql2 by itself would accept a certificate for any host name. */
function withMysqlTls(text: string, url: URL): string {
  const written = url.searchParams.get('ssl')
  if (written === null && isLocalHost(url.hostname)) return text
  const options = tlsOptions(written ?? 'true')
  if (!options) return text
  url.searchParams.set('ssl', JSON.stringify({ verifyIdentity: options['rejectUnauthorized'] !== false, ...options }))
  return url.href
}

/** Returns undefined for `false`, and for the name of a profile of mysql2. */
function tlsOptions(text: string): Readonly<Record<string, unknown>> | undefined {
  if (text === 'true') return {}
  try {
    const options: unknown = JSON.parse(text)
    return typeof options === 'object' && options !== null ? { ...options } : undefined
  } catch {
    return undefined
  }
}

/** Decodes a name. Like pg, keeps it unchanged if it is not valid percent-encoding. */
function decoded(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}
