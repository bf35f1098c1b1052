// The database on PostgreSQL, 13 or newer.

import {
  CompiledQuery,
  type DatabaseConnection,
  type Driver,
  PostgresDialect,
  type PostgresDialectConfig,
  PostgresDriver,
  type QueryCompiler,
  type TransactionSettings,
} from 'kysely'
import pg from 'pg'
import { CONNECT_TIMEOUT_MS, IDLE_TRANSACTION_MS, KEEP_ALIVE_MS, type PostgresAddress } from '../servers/addresses.js'
import { PoolSockets } from '../servers/pool-sockets.js'
import { PostgresTablesCompiler } from './postgres-compiler.js'
import type { Sessions } from './sessions.js'

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
export function postgresDialect({ url }: PostgresAddress, connections: number, sessions: Sessions): PostgresDialect {
  const sockets = new PoolSockets()
  const pool = new pg.Pool({
    connectionString: url,
    max: connections,
    application_name: 'orderctl',
    connectionTimeoutMillis: FREE_TIMEOUT_MS,
    Client: QuickClient,
    stream: () => sockets.make(),
    // A server that hangs is found before a statement without a limit of its own waits for it. The pool lets go of a
    // connection that fails here; Kysely's driver, by its onCreateConnection, does not.
    onConnect: (client) => client.query(FIRST_QUESTION),
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
  pool.on('connect', (client) => sessions.opened(client))
  const connect = async () => {
    for (;;) {
      const client = await pool.connect()
      if (!sessions.isDoubtful(client)) return client
      client.release(true)
    }
  }
  // pg forgets a connection that was refused for want of a password, and leaves it open for as long as the server does.
  const end = () => sockets.endAfter(pool.end())
  return new TablesDialect({ pool: { connect, end } })
}

const FIRST_QUESTION = {
  text: 'select 1',
  query_timeout: CONNECT_TIMEOUT_MS,
}

class TablesDialect extends PostgresDialect {
  readonly #config: PostgresDialectConfig

  constructor(config: PostgresDialectConfig) {
    super(config)
    this.#config = config
  }

  override createDriver(): Driver {
    return new TablesDriver(this.#config)
  }

  override createQueryCompiler(): QueryCompiler {
    return new PostgresTablesCompiler()
  }
}

/**
 * Says with each transaction what others say once for a session: behind a pooler, the next transaction may be in a session
 * that others have used, and what is set for a session would stay with it.
 */
class TablesDriver extends PostgresDriver {
  override async beginTransaction(
    connection: DatabaseConnection,
    { isolationLevel = 'read committed', accessMode }: TransactionSettings,
  ): Promise<void> {
    const begin = `begin isolation level ${isolationLevel} ${accessMode ?? ''}`
    const limit = `set local idle_in_transaction_session_timeout = ${IDLE_TRANSACTION_MS}`
    await connection.executeQuery(CompiledQuery.raw(`${begin}; ${limit}`))
  }
}
