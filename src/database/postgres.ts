// The database on PostgreSQL, 13 or newer.
import { Socket } from 'node:net'
import pg from 'pg'
import { CompiledQuery, type DatabaseConnection, PostgresDialect, type QueryCompiler } from './kysely.js'
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
  const sockets = new Set<Socket>()
  const pool = new pg.Pool({
    connectionString: url,
    max: connections,
    application_name: 'orderctl',
    connectionTimeoutMillis: FREE_TIMEOUT_MS,
    Client: QuickClient,
    idle_in_transaction_session_timeout: IDLE_TRANSACTION_MS,
    stream: () => rememberIn(sockets),
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
  const end = async () => {
    await pool.end()
    // pg forgets a connection that was refused for want of a password, and leaves it open for as long as the server does.
    for (const socket of sockets) socket.destroy()
  }
  return new TablesDialect({ pool: { connect: () => pool.connect(), end }, onCreateConnection: prepareSession })
}

/** Whatever the server's default is: what a statement reads must be what was committed when it began. */
async function prepareSession(connection: DatabaseConnection): Promise<void> {
  const readCommitted = 'set session characteristics as transaction isolation level read committed'
  await connection.executeQuery(CompiledQuery.raw(readCommitted))
}

function rememberIn(sockets: Set<Socket>): Socket {
  const socket = new Socket()
  sockets.add(socket)
  socket.once('close', () => sockets.delete(socket))
  return socket
}

class TablesDialect extends PostgresDialect {
  override createQueryCompiler(): QueryCompiler {
    return new PostgresTablesCompiler()
  }
}
