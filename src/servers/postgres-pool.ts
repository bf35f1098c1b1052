// Connection pools to PostgreSQL, for the database and for a queue, and facts about the server.
import { Socket } from 'node:net'
import pg from 'pg'
import { settledWithin } from '../domain/timeout.js'
import { UserError, usageError } from '../errors.js'
import type { PostgresAddress } from './addresses.js'
import { problemOf } from './explain.js'
import { CONNECT_TIMEOUT_MS, KEEP_ALIVE_MS, PoolSockets } from './pool-sockets.js'

/** Time limit for all queries of a queue before work begins. */
const BEGIN_TIMEOUT_MS = 4500

interface PoolOptions extends Pick<pg.PoolConfig, 'types' | 'query_timeout'> {
  /** Maximum number of open connections. */
  readonly connections: number
  /** How long to wait for a connection when all are in use. */
  readonly freeTimeoutMs?: number
  /** First statement on each connection, which also detects a server that hangs. */
  readonly firstStatement?: string
}

class QuickClient extends pg.Client {
  constructor(config?: pg.ClientConfig | string) {
    super(typeof config === 'object' ? { ...config, connectionTimeoutMillis: CONNECT_TIMEOUT_MS } : config)
  }
}

/**
 * Opens a pool that connects on the first query and reconnects after a lost connection. `endPool` ends every
 * connection, even to a server that hangs; queries on them fail.
 */
export function openPool({ url }: PostgresAddress, options: PoolOptions) {
  const { connections, freeTimeoutMs = BEGIN_TIMEOUT_MS, firstStatement = 'select 1', ...config } = options
  const sockets = new PoolSockets()
  const first = { text: firstStatement, query_timeout: CONNECT_TIMEOUT_MS }
  const pool = new pg.Pool({
    connectionString: url,
    application_name: 'orderctl',
    max: connections,
    connectionTimeoutMillis: freeTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
    Client: QuickClient,
    stream: () => sockets.add(new Socket()),
    // The pool discards a connection if this fails.
    onConnect: (client) => client.query(first),
    ...config,
  })
  // If a connection breaks while it is idle or between two statements, the next query gets its error.
  pool.on('error', () => undefined)
  pool.on('connect', (client) => client.on('error', () => undefined))
  return { pool, endPool: () => sockets.endAfter(pool.end()) }
}

/**
 * Opens a queue's pool, whose tables are in a schema of their own. Statements without an answer fail after `timeoutMs`.
 */
export function openQueuePool(address: PostgresAddress, schema: string, connections: number, timeoutMs = 5000) {
  const firstStatement = `set search_path to ${schema}`
  return openPool(address, { connections, firstStatement, query_timeout: timeoutMs })
}

/** @throws UserError if the answer takes longer than a command may take to start */
export async function withinStartLimit<Answer>(address: PostgresAddress, question: Promise<Answer>): Promise<Answer> {
  if (await settledWithin(BEGIN_TIMEOUT_MS, question)) return question
  throw new UserError(problemOf({ cause: 'unreachable', reason: 'timed out' }, address))
}

export interface PostgresFacts {
  /** `15.20` */
  readonly version: string
  readonly major: number
  readonly user: string
  readonly database: string
  /** Whether the server replicates another one and is read-only. */
  readonly standby: boolean
}

export async function readFacts(pool: pg.Pool): Promise<PostgresFacts> {
  const { rows } = await pool.query<PostgresFacts>(`
    select split_part(current_setting('server_version'), ' ', 1) as version,
      cast(current_setting('server_version_num') as integer) / 10000 as major,
      current_user as user,
      current_database() as database,
      pg_is_in_recovery() as standby`)
  const [facts] = rows
  if (!facts) throw new Error('PostgreSQL returned no row')
  return facts
}

/** The oldest release that has what BullMQ's functions need. */
const OLDEST_MAJOR = 13

/**
 * @throws UserError if the server cannot carry the queue (exit 2; exit 4 for a standby, which may become the primary)
 */
export function refuseUnfit({ version, major, standby }: PostgresFacts, address: PostgresAddress): void {
  if (major < OLDEST_MAJOR) {
    throw usageError({
      code: 'postgres_too_old',
      message: `PostgreSQL ${version} at ${address.name} is too old: the queue needs ${OLDEST_MAJOR} or newer.`,
      fix: 'Update it, or unset ORDERCTL_QUEUE_URL to use the embedded queue.',
    })
  }
  if (standby) throw new UserError(problemOf({ cause: 'read_only', reason: 'it is a standby' }, address))
}
