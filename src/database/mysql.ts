// The database on MySQL 8 or MariaDB 10.11, or newer.
import type { Socket } from 'node:net'
import { createPool, type Pool, type PoolConnection } from 'mysql2'
import type { MysqlAddress } from '../servers/addresses.js'
import { CONNECT_TIMEOUT_MS, IDLE_TRANSACTION_MS, KEEP_ALIVE_MS, PoolSockets } from '../servers/pool-sockets.js'
import { MysqlDialect, type MysqlPool, type QueryCompiler } from './kysely.js'
import { InnoDbQueryCompiler } from './mysql-compiler.js'
import type { Sessions } from './sessions.js'

/** @param connections at the most */
export function mysqlDialect({ url }: MysqlAddress, connections: number, sessions: Sessions): MysqlDialect {
  const pool = createPool({
    uri: url.replace(/^mariadb:/, 'mysql:'),
    connectionLimit: connections,
    // Connections that nobody uses are let go, with a word of good-bye, before the server ends them: one that it ends could be
    // taken in that very moment. mysql2 looks after them only where not all of them may stay.
    maxIdle: connections - 1,
    idleTimeout: IDLE_TRANSACTION_MS / 2,
    gracefulEnd: true,
    connectTimeout: CONNECT_TIMEOUT_MS,
    charset: 'utf8mb4_bin',
    // Sums of whole numbers are decimals to MySQL.
    decimalNumbers: true,
    enableKeepAlive: true,
    keepAliveInitialDelay: KEEP_ALIVE_MS,
  })
  const sockets = new PoolSockets()
  pool.on('connection', (connection) => {
    // One that breaks while nobody waits for it, be it told once or twice; whoever asks it next gets the error.
    connection.on('error', () => undefined)
    sockets.add(socketOf(connection))
    sessions.opened(connection)
  })
  const end = (done: (error: unknown) => void) => {
    const ended = new Promise((resolve) => pool.end(resolve))
    sockets.endAfter(ended).then(() => done(null), done)
  }
  return new InnoDbDialect({ pool: { getConnection: preparing(pool, sessions), end } })
}

/** mysql2's types know nothing of it. */
function socketOf(connection: PoolConnection): Socket {
  return (connection as unknown as { readonly stream: Socket }).stream
}

/** Here, and not by `onCreateConnection`: Kysely's driver would not let go of a connection that fails there. */
function preparing(pool: Pool, sessions: Sessions): MysqlPool['getConnection'] {
  const prepared = new WeakSet<PoolConnection>()
  const getConnection: MysqlPool['getConnection'] = (callback) =>
    pool.getConnection((error, connection) => {
      if (error) return callback(error, connection)
      if (sessions.isDoubtful(connection)) {
        connection.destroy()
        return getConnection(callback)
      }
      if (prepared.has(connection)) return callback(error, connection)
      const ready = () => {
        prepared.add(connection)
        callback(null, connection)
      }
      prepareSession(connection).then(ready, (reason) => {
        connection.destroy()
        callback(reason, connection)
      })
    })
  return getConnection
}

class InnoDbDialect extends MysqlDialect {
  override createQueryCompiler(): QueryCompiler {
    return new InnoDbQueryCompiler()
  }
}

/** What a server's defaults must not decide. */
const SETTINGS = [
  // A server with skip-character-set-client-handshake ignores the client's, and takes each byte of a text for a letter.
  'names utf8mb4 collate utf8mb4_bin',
  'session autocommit = 1',
  "session completion_type = 'NO_CHAIN'",
  'session sql_safe_updates = 0',
  // Bad values are refused, and `||` joins texts.
  "session sql_mode = 'STRICT_ALL_TABLES,PIPES_AS_CONCAT,NO_ENGINE_SUBSTITUTION,ERROR_FOR_DIVISION_BY_ZERO'",
  "session time_zone = '+00:00'",
  // Holds within transactions, too; MySQL has no limit for these alone.
  `session wait_timeout = ${IDLE_TRANSACTION_MS / 1000}`,
]

const SESSION = [
  `set ${SETTINGS.join(', ')}`,
  // Only rows that are found are locked.
  'set session transaction isolation level read committed',
]

async function prepareSession(connection: PoolConnection): Promise<void> {
  for (const sql of SESSION) {
    await new Promise<void>((done, failed) => {
      connection.query({ sql, timeout: CONNECT_TIMEOUT_MS }, (error) => (error ? failed(error) : done()))
    })
  }
}
