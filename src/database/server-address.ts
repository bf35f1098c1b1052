// Database servers, as the configuration names them.

export interface PostgresAddress {
  readonly kind: 'postgres'
  /** With user and password: for the connection alone, never to be shown. */
  readonly url: string
  /** Host, port and database, fit to be shown. */
  readonly name: string
}

/** MySQL, and MariaDB, which speaks the same. */
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

const SERVERS = [
  { kind: 'postgres', protocols: ['postgres:', 'postgresql:'], port: 5432 },
  { kind: 'mysql', protocols: ['mysql:', 'mariadb:'], port: 3306 },
] as const

/** Reads `postgres://…` and `mysql://…`; undefined for all else. A database must be named. */
export function serverAddress(text: string): PostgresAddress | MysqlAddress | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const server = SERVERS.find(({ protocols }) => protocols.some((protocol) => protocol === url?.protocol))
  const database = url?.pathname.slice(1)
  if (!url || !server || !database) return undefined
  const name = `${url.hostname || 'localhost'}:${url.port || server.port}/${decodeURIComponent(database)}`
  return { kind: server.kind, url: text, name }
}
