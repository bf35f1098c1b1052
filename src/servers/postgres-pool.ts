// Connections to PostgreSQL that stand within seconds or say why not, and what the server tells about itself.
import pg from 'pg'
import { settledWithin } from '../domain/patience.js'
import type { PostgresAddress } from './addresses.js'
import { PoolSockets } from './pool-sockets.js'
import { unreachable } from './postgres-errors.js'

/** A server that owes us an answer for so long is not there, and the connection is given up. */
const ANSWER_TIMEOUT_MS = 5000

/** For a connection, and for all that is asked before the work begins. */
const BEGIN_TIMEOUT_MS = 4500

/** A connection can be lost without a word; a server that is there answers probes. */
const PROBE_AFTER_MS = 10_000

export interface PostgresPool {
  readonly pool: pg.Pool
  /** Ends every connection, also those to a server that hangs; queries on them fail. */
  letGo(): Promise<void>
}

/** Connects when it is first asked, again when a connection was lost, and never more than so often at a time. */
export function openPool(
  { url }: PostgresAddress,
  schema: string,
  connections: number,
  answerTimeoutMs = ANSWER_TIMEOUT_MS,
): PostgresPool {
  const sockets = new PoolSockets()
  const pool = new pg.Pool({
    connectionString: url,
    application_name: 'orderctl',
    max: connections,
    connectionTimeoutMillis: BEGIN_TIMEOUT_MS,
    query_timeout: answerTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: PROBE_AFTER_MS,
    stream: () => sockets.make(),
    onConnect: (client) => client.query(`set search_path to ${schema}`),
  })
  // Whoever asks hears of it.
  pool.on('error', () => undefined)
  return { pool, letGo: () => sockets.endAfter(pool.end()) }
}

/** @throws UserError where the answer takes longer than a command may take to begin */
export async function withinSeconds<Answer>(address: PostgresAddress, question: Promise<Answer>): Promise<Answer> {
  if (await settledWithin(BEGIN_TIMEOUT_MS, question)) return question
  throw unreachable(address, 'it does not answer')
}

/** What a server tells about itself. */
export interface PostgresFacts {
  /** `15.20` */
  readonly version: string
  readonly major: number
  readonly user: string
  readonly database: string
  /** It follows another server and takes no changes. */
  readonly standby: boolean
  readonly connections: number
  readonly mostConnections: number
}

export async function readFacts(pool: pg.Pool): Promise<PostgresFacts> {
  const { rows } = await pool.query<PostgresFacts>(`
    select split_part(current_setting('server_version'), ' ', 1) as version,
      cast(current_setting('server_version_num') as integer) / 10000 as major,
      current_user as user,
      current_database() as database,
      pg_is_in_recovery() as standby,
      cast((select count(*) from pg_stat_activity where backend_type = 'client backend') as integer) as connections,
      cast(current_setting('max_connections') as integer) as "mostConnections"`)
  const [facts] = rows
  if (!facts) throw new Error('PostgreSQL said nothing about itself')
  return facts
}
