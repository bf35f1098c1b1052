// Connects to a database on MySQL 8 or newer, or on MariaDB 10.11 or newer.
import type { Socket } from 'node:net'
import { type Dialect, MysqlDialect, type MysqlPool } from 'kysely'
import { createPool, type Pool, type PoolConnection } from 'mysql2'
import type { MysqlAddress } from '../servers/addresses.js'
import { CONNECT_TIMEOUT_MS, IDLE_TRANSACTION_MS, KEEP_ALIVE_MS, PoolSockets } from '../servers/pool-sockets.js'
import { InnoDbQueryCompiler } from './mysql-compiler.js'
import type { Sessions } from './sessions.js'

/** @param connections maximum number of connections */
export function mysqlDialect({ url }: MysqlAddress, connections: number, sessions: Sessions): Dialect {
  const pool = createPool({
    uri: url.replace(/^mariadb:/, 'mysql:'),
    connectionLimit: connections,
    // Closes idle connections before the server does. mysql2 does this only if maxIdle is below the limit.
    maxIdle: connections - 1,
    idleTimeout: IDLE_TRANSACTION_MS / 2,
    gracefulEnd: true,
    connectTimeout: CONNECT_TIMEOUT_MS,
    charset: 'utf8mb4_bin',
    // MySQL returns sums of whole numbers as decimals.
    decimalNumbers: true,
    // mysql2's own reading changes the last digit of some doubles.
    typeCast: (field, next) => (field.type === 'DOUBLE' ? numberIn(field.string()) : next()),
    enableKeepAlive: true,
    keepAliveInitialDelay: KEEP_ALIVE_MS,
  })
  const sockets = new PoolSockets()
  pool.on('connection', (connection) => {
    // If an idle connection breaks, the next query gets its error.
    connection.on('error', () => undefined)
    // mysql2's types lack this property.
    sockets.add((connection as unknown as { readonly stream: Socket }).stream)
    sessions.opened(connection)
  })
  const end = (done: (error: unknown) => void) => {
    const ended = new Promise((resolve) => pool.end(resolve))
    sockets.endAfter(ended).then(() => done(null), done)
  }
  const dialect = new MysqlDialect({ pool: { getConnection: preparing(pool, sessions), end } })
  return Object.assign(dialect, { createQueryCompiler: () => new InnoDbQueryCompiler() })
}

function numberIn(text: string | null): number | null {
  return text === null ? null : Number(text)
}

/** Prepares new connections. Kysely's `onCreateConnection` would leak a connection whose preparation fails. */
function preparing(pool: Pool, sessions: Sessions): MysqlPool['getConnection'] {
  const prepared = new WeakSet<PoolConnection>()
  const getConnection: MysqlPool['getConnection'] = (callback) =>
    pool.getConnection((error, connection) => {
      if (error) return callback(error, connection)
      if (sessions.isStale(connection)) {
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

/** Session settings that must not depend on a server's defaults. */
const SETTINGS = [
  // With skip-character-set-client-handshake, a server ignores the client's charset.
  'names utf8mb4 collate utf8mb4_bin',
  'session autocommit = 1',
  "session completion_type = 'NO_CHAIN'",
  'session sql_safe_updates = 0',
  // Rejects invalid values, and makes `||` concatenate.
  "session sql_mode = 'STRICT_ALL_TABLES,PIPES_AS_CONCAT,NO_ENGINE_SUBSTITUTION,ERROR_FOR_DIVISION_BY_ZERO'",
  "session time_zone = '+00:00'",
  // Also limits idle transactions, for which MySQL has no limit of their own.
  `session wait_timeout = ${IDLE_TRANSACTION_MS / 1000}`,
]

async function prepareSession(connection: PoolConnection): Promise<void> {
  // Read committed locks only the rows that a statement finds.
  for (const sql of [`set ${SETTINGS.join(', ')}`, 'set session transaction isolation level read committed']) {
    await new Promise<void>((done, failed) => {
      connection.query({ sql, timeout: CONNECT_TIMEOUT_MS }, (error) => (error ? failed(error) : done()))
    })
  }
}
