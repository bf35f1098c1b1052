// Connections to PostgreSQL, for the database and for a queue, and facts about the server.
import { Socket } from 'node:net'
import pg from 'pg'
import { settledWithin } from '../domain/timeout.js'
import { UserError, usageError } from '../errors.js'
import type { PostgresAddress } from './addresses.js'
import { problemOf } from './explain.js'
import { CONNECT_TIMEOUT_MS, KEEP_ALIVE_MS, PoolSockets } from './pool-sockets.js'

/** For all questions of a queue before the work begins. */
const BEGIN_TIMEOUT_MS = 4500

interface PoolOptions extends Pick<pg.PoolConfig, 'types' | 'query_timeout'> {
  /** The most that are open at a time. */
  readonly connections: number
  /** How long to wait for a connection when all are in use. */
  readonly freeTimeoutMs?: number
  /** The first statement on each connection, which also finds a server that hangs. */
  readonly firstStatement?: string
}

class QuickClient extends pg.Client {
  constructor(config?: pg.ClientConfig | string) {
    super(typeof config === 'object' ? { ...config, connectionTimeoutMillis: CONNECT_TIMEOUT_MS } : config)
  }
}

/**
 * Connects on the first query, and reconnects after a lost connection. `letGo` ends every connection, also to a server that
 * hangs; queries on them fail.
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
    // The pool drops a connection that fails here.
    onConnect: (client) => client.query(first),
    ...config,
  })
  // The next query gets the error of a connection that breaks while it is idle, or between two statements.
  pool.on('error', () => undefined)
  pool.on('connect', (client) => client.on('error', () => undefined))
  return { pool, letGo: () => sockets.endAfter(pool.end()) }
}

/** The pool of a queue, whose tables are in a schema of their own. Statements without an answer fail after `timeoutMs`. */
export function openQueuePool(address: PostgresAddress, schema: string, connections: number, timeoutMs = 5000) {
  const firstStatement = `set search_path to ${schema}`
  return openPool(address, { connections, firstStatement, query_timeout: timeoutMs })
}

/** @throws UserError if the answer takes longer than a command may take to begin */
export async function withinSeconds<Answer>(address: PostgresAddress, question: Promise<Answer>): Promise<Answer> {
  if (await settledWithin(BEGIN_TIMEOUT_MS, question)) return question
  throw new UserError(problemOf({ cause: 'unreachable', reason: 'it does not answer' }, address))
}

export interface PostgresFacts {
  /** `15.20` */
  readonly version: string
  readonly major: number
  readonly user: string
  readonly database: string
  /** Follows another server and takes no changes. */
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

/** BullMQ's functions need what came with it. */
const OLDEST_MAJOR = 13

/** @throws UserError if the server cannot carry the queue (exit 2; exit 4 for a standby, which may become the primary) */
export function refuseUnfit({ version, major, standby }: PostgresFacts, address: PostgresAddress): void {
  if (major < OLDEST_MAJOR) {
    throw usageError({
      code: 'postgres_too_old',
      message: `PostgreSQL ${version} at ${address.name} is too old: the queue needs ${OLDEST_MAJOR} or newer.`,
      fix: 'Update it, or unset ORDERCTL_QUEUE_URL to work without a server for the queue.',
    })
  }
  if (standby) throw new UserError(problemOf({ cause: 'read_only', reason: 'it is a standby' }, address))
}
