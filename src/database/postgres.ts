// The database on PostgreSQL, 13 or newer.
import pg from 'pg'
import type { PostgresAddress } from '../servers/addresses.js'
import { IDLE_TRANSACTION_MS } from '../servers/pool-sockets.js'
import { openPool } from '../servers/postgres-pool.js'
import {
  CompiledQuery,
  type DatabaseConnection,
  type Driver,
  PostgresDialect,
  type PostgresDialectConfig,
  PostgresDriver,
  type QueryCompiler,
  type TransactionSettings,
} from './kysely.js'
import { PostgresTablesCompiler } from './postgres-compiler.js'
import type { Sessions } from './sessions.js'

/** Longer than a process that has died holds any lock. */
const FREE_TIMEOUT_MS = 2 * IDLE_TRANSACTION_MS

/** pg returns these as text, since not all of their values are JavaScript numbers: bigint, and sums of bigint. */
const WHOLE_NUMBERS = new Set<number>([pg.types.builtins.INT8, pg.types.builtins.NUMERIC])

/** @param connections at most */
export function postgresDialect(address: PostgresAddress, connections: number, sessions: Sessions): PostgresDialect {
  const { pool, letGo } = openPool(address, {
    connections,
    freeTimeoutMs: FREE_TIMEOUT_MS,
    types: {
      getTypeParser: (type: number, format?: 'text' | 'binary') =>
        WHOLE_NUMBERS.has(type) ? Number : pg.types.getTypeParser(type, format),
    },
  })
  pool.on('connect', (client) => sessions.opened(client))
  const connect = async () => {
    for (;;) {
      const client = await pool.connect()
      if (!sessions.isDoubtful(client)) return client
      client.release(true)
    }
  }
  return new TablesDialect({ pool: { connect, end: letGo } })
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

/** Sets limits per transaction: behind a pooler, a session is shared, and settings of the session would stay with it. */
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
