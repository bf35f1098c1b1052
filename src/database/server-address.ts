// Servers that hold tables, as the configuration names them.

/** A database on a PostgreSQL server. */
export interface PostgresAddress {
  readonly kind: 'postgres'
  /** With user and password: for the connection alone, never to be shown. */
  readonly url: string
  /** Host, port and database, fit to be shown. */
  readonly name: string
}

/** Undefined for what is no postgres://HOST/DATABASE. */
export function readPostgresAddress(text: string): PostgresAddress | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || !['postgres:', 'postgresql:'].includes(url.protocol) || url.hostname === '') return undefined
  const database = /^\/([^/]+)$/.exec(url.pathname)?.[1]
  if (database === undefined) return undefined
  return {
    kind: 'postgres',
    url: withPlainTls(text),
    name: `${url.hostname}:${url.port || 5432}/${unescaped(database)}`,
  }
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
