// A transport over BullMQ on PostgreSQL.
import { setTimeout as sleep } from 'node:timers/promises'
import {
  ConnectionClosedError,
  type PgPool,
  PostgresConnection,
  PostgresQueueBackend,
  Queue,
  type QueueBaseOptions,
  Worker,
} from 'bullmq'
import pg from 'pg'
import { EXIT, errorCode } from '../../errors.js'
import type { PostgresAddress } from '../../servers/addresses.js'
import { explainError } from '../../servers/explain.js'
import { openQueuePool } from '../../servers/postgres-pool.js'
import { sqlCause } from '../../servers/recognise.js'
import type { Transport } from '../transport.js'
import { type JobCounts, linkTo, processorOf, QUEUE_NAME, queueOptions, workerOf, workerOptions } from './bullmq.js'
import { createTables } from './postgres-tables.js'

/** One connection listens for new jobs; two send statements. */
const WORKER_CONNECTIONS = 3

/** Pause before a worker retries a statement that failed because the server was unreachable. */
const RETRY_MS = 1000

/** Maximum number of attempts of a statement that ends in deadlocks. */
const MOST_CONFLICTS = 5

/** Number of events that BullMQ keeps. Nothing reads them. It may keep up to 256 more before it removes them. */
const EVENTS_KEPT = 100

export function bullMqOnPostgres(address: PostgresAddress, schema: string, leaseMs: number): Transport {
  return {
    driver: 'bullmq-postgres',
    name: `PostgreSQL at ${address.name}`,
    connect: async (onLost) => {
      const { pool, endPool } = openQueuePool(address, schema, 1)
      /** The next link creates tables that were dropped. */
      const onDropped = () => {
        onLost()
        endPool().catch(() => undefined)
      }
      try {
        await createTables(pool, address, schema)
        const connection = forBullMq(pool, address, onDropped)
        const jobs = new Queue(QUEUE_NAME, { ...queueOptions(EVENTS_KEPT), connection }, backendOn(connection))
        const check = () => connection.query('delete from job where false')
        return linkTo(jobs, { check, count: () => countJobs(connection), end: endPool })
      } catch (error) {
        await endPool()
        throw error
      }
    },
    startWorker: async (deliver, { concurrency }) => {
      const { pool, endPool } = openQueuePool(address, schema, WORKER_CONNECTIONS)
      const connection = forBullMq(pool, address)
      const options = { ...workerOptions(concurrency, leaseMs), connection, runRetryDelay: RETRY_MS }
      return workerOf(new Worker(QUEUE_NAME, processorOf(deliver), options, backendOn(connection)), endPool)
    },
    explain: (error) => explainError(error instanceof ConnectionClosedError ? error.cause : error, address),
  }
}

/**
 * Counts jobs by state in one statement. BullMQ's own count takes three round trips, omits waiting jobs of a paused
 * queue, and takes the newest job for the oldest.
 */
async function countJobs(pool: PgPool): Promise<JobCounts> {
  const { rows } = await pool.query<{ state: string; jobs: number; oldest: number }>(
    `select state, cast(count(*) as integer) as jobs, cast(min(added_at_ms) as double precision) as oldest
      from job where queue = $1 group by state`,
    [QUEUE_NAME],
  )
  const [waiting, active, delayed] = ['waiting', 'active', 'delayed'].map((state) =>
    rows.find((row) => row.state === state),
  )
  return {
    waiting: waiting?.jobs ?? 0,
    active: active?.jobs ?? 0,
    delayed: delayed?.jobs ?? 0,
    oldestAt: waiting?.oldest ?? null,
  }
}

/** Makes BullMQ's backend use our connections. */
function backendOn(pool: PgPool) {
  return (name: string, options: QueueBaseOptions<unknown>) =>
    new PostgresQueueBackend(new ReadyConnection(pool), name, { ...options, connection: pool })
}

/** Skips BullMQ's check, which uses the default schema. `createTables` has checked ours. */
class ReadyConnection extends PostgresConnection {
  override async waitUntilReady(): Promise<void> {}
}

/** The code of a missing table or schema. */
const DROPPED = /^(42P01|3F000)$/

/**
 * Adapts the pool to BullMQ, which waits and retries only after a ConnectionClosedError; it would count any other error
 * as the job's. Each statement is a transaction of its own, so one that ends in a deadlock can be sent again.
 *
 * @param onDropped called if the tables are missing
 */
function forBullMq(pool: pg.Pool, address: PostgresAddress, onDropped = () => {}): PgPool {
  const rethrow = (error: unknown): never => {
    const isDropped = DROPPED.test(errorCode(error) ?? '')
    if (isDropped) onDropped()
    const isUnreachable = isDropped || explainError(error, address)?.exit === EXIT.unreachable
    throw isUnreachable ? new ConnectionClosedError(undefined, error) : error
  }
  const bullPool: PgPool = {
    // pg types a listener by its event; BullMQ types each listener by itself.
    connect: () => pool.connect().catch(rethrow) as ReturnType<PgPool['connect']>,
    query: (text, params) => sendAgain(() => queryInOneMessage(pool, text, params)).catch(rethrow),
    end: () => pool.end(),
    on: () => bullPool,
    removeAllListeners: () => bullPool,
  }
  return bullPool
}

/**
 * Sends a statement and its parameters as one message, which the server commits by itself. pg would send five, and the
 * server commits after the last. A connection that fell silent after the fourth would keep its locks until TCP gives
 * up, possibly after hours, since no time limit of PostgreSQL 16 or older applies there. Meanwhile, BullMQ's workers
 * would poll without a pause for a job that they cannot lock.
 */
async function queryInOneMessage(pool: pg.Pool, text: string, params: readonly unknown[] = []) {
  if (params.length === 0) return pool.query(text)
  // A statement that failed may have left its plan behind.
  const prepare = `deallocate all; prepare statement as ${text.replace(/;\s*$/, '')}`
  // For several statements, pg returns an array, which its types do not say.
  const results = [await pool.query(`${prepare}\n; execute statement (${params.map(literal).join()})`)].flat()
  const result = results.at(-1)
  if (!result) throw new Error('PostgreSQL returned no result')
  return result
}

/** The server converts a quoted literal to the parameter's type. */
function literal(value: unknown): string {
  if (value === null || value === undefined) return 'null'
  if (!Array.isArray(value)) return pg.escapeLiteral(String(value))
  const elements = value.map((element) => `"${String(element).replace(/["\\]/g, '\\$&')}"`)
  return pg.escapeLiteral(`{${elements.join()}}`)
}

async function sendAgain<Answer>(send: () => Promise<Answer>): Promise<Answer> {
  for (let conflicts = 1; ; conflicts++) {
    try {
      return await send()
    } catch (error) {
      if (conflicts === MOST_CONFLICTS || sqlCause(error) !== 'locked') throw error
      await sleep(10 * conflicts * Math.random())
    }
  }
}
