// Servers that hold tables, as the configuration names them.

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

/** Undefined for what is neither postgres://HOST/DATABASE nor mysql://HOST/DATABASE. */
export function serverAddress(text: string): ServerAddress | undefined {
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
