// The database on PostgreSQL, 13 or newer.
import pg from 'pg'
import { PostgresDialect, type QueryCompiler } from './kysely.js'
import { PoolSockets } from './pool-sockets.js'
import { PostgresTablesCompiler } from './postgres-compiler.js'
import { CONNECT_TIMEOUT_MS, IDLE_TRANSACTION_MS, KEEP_ALIVE_MS, type PostgresAddress } from './server-address.js'

/** For one that is free, where all are in use: longer than any lock is held by a process that has died. */
const FREE_TIMEOUT_MS = 2 * IDLE_TRANSACTION_MS

class QuickClient extends pg.Client {
  constructor(config?: pg.ClientConfig | string) {
    super(typeof config === 'object' ? { ...config, connectionTimeoutMillis: CONNECT_TIMEOUT_MS } : config)
  }
}

/** Types that pg gives as text, since not all of their values are numbers of JavaScript's: bigint, and sums of them. */
const WHOLE_NUMBERS = new Set<number>([pg.types.builtins.INT8, pg.types.builtins.NUMERIC])

/** @param connections at the most */
export function postgresDialect({ url }: PostgresAddress, connections: number): PostgresDialect {
  const sockets = new PoolSockets()
  const pool = new pg.Pool({
    connectionString: url,
    max: connections,
    application_name: 'orderctl',
    connectionTimeoutMillis: FREE_TIMEOUT_MS,
    Client: QuickClient,
    idle_in_transaction_session_timeout: IDLE_TRANSACTION_MS,
    stream: () => sockets.make(),
    // In the pool, which lets go of a connection that fails here; Kysely's driver, by its onCreateConnection, does not.
    onConnect: (client) => client.query(SESSION),
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
    types: {
      getTypeParser: (type: number, format?: 'text' | 'binary') =>
        WHOLE_NUMBERS.has(type) ? Number : pg.types.getTypeParser(type, format),
    },
  })
  // A connection that breaks while nobody uses it; whoever asks next gets another one, or its error.
  pool.on('error', () => undefined)
  // One that breaks between two statements of a transaction; the next of them gets the error.
  pool.on('connect', (client) => client.on('error', () => undefined))
  // pg forgets a connection that was refused for want of a password, and leaves it open for as long as the server does.
  const end = () => sockets.endAfter(pool.end())
  return new TablesDialect({ pool: { connect: () => pool.connect(), end } })
}

/** Whatever the server's default is: what a statement reads must be what was committed when it began. */
const SESSION = {
  text: 'set session characteristics as transaction isolation level read committed',
  query_timeout: CONNECT_TIMEOUT_MS,
}

class TablesDialect extends PostgresDialect {
  override createQueryCompiler(): QueryCompiler {
    return new PostgresTablesCompiler()
  }
}
