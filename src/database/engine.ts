// In what databases differ for those who write statements: how rows are locked, and whose clock counts.
import { type DialectAdapter, type Kysely, MysqlAdapter, PostgresAdapter, type SelectQueryBuilder, sql } from 'kysely'
import type { Schema } from './schema.js'

export type Engine = 'sqlite' | 'postgres' | 'mysql'

/** Every text column that is declared on MySQL has these: it keeps all of Unicode and compares it byte by byte. */
export const MYSQL_TEXT = 'character set utf8mb4 collate utf8mb4_bin'

/** A database, or a transaction in it. */
export interface Executing {
  getExecutor(): { readonly adapter: DialectAdapter }
}

export function engineOf(db: Executing): Engine {
  const { adapter } = db.getExecutor()
  if (adapter instanceof PostgresAdapter) return 'postgres'
  return adapter instanceof MysqlAdapter ? 'mysql' : 'sqlite'
}

/** Where one transaction writes at a time, rows need no locks: what was read in it stays so until its end. */
export function writesAlone(db: Executing): boolean {
  return engineOf(db) === 'sqlite'
}

/**
 * Locks the rows that the query finds until the end of the transaction, in the order that it asks for.
 *
 * @param others what to do about rows that somebody else has locked
 */
export function forUpdate<Tables, Table extends keyof Tables, Row>(
  db: Executing,
  query: SelectQueryBuilder<Tables, Table, Row>,
  others: 'wait' | 'skip' = 'wait',
): SelectQueryBuilder<Tables, Table, Row> {
  if (writesAlone(db)) return query
  const locked = query.forUpdate()
  return others === 'skip' ? locked.skipLocked() : locked
}

/** Rows in `settings` that say nothing and are there to be locked. */
type Turn = 'turn_imports' | 'turn_schedule' | 'turn_names'

/**
 * Waits until it is alone with the turn, until the end of the transaction: for what must not happen twice at a time, and
 * has no row yet to be locked. Where one transaction writes at a time, it is its turn.
 */
export async function takeTurn(trx: Kysely<Schema>, name: Turn): Promise<void> {
  if (writesAlone(trx)) return
  await forUpdate(trx, trx.selectFrom('settings').select('name').where('name', '=', name)).execute()
}

/** Waits until nobody is alone with the turn, and keeps it so until the end of the transaction. */
export async function shareTurn(trx: Kysely<Schema>, name: Turn): Promise<void> {
  if (writesAlone(trx)) return
  await trx.selectFrom('settings').select('name').where('name', '=', name).forShare().execute()
}

/**
 * The time by which leases are given and judged, in epoch milliseconds. That of the server, so that a host whose clock is
 * wrong neither takes nor keeps what is another's. Those who open a file run on one machine; clocks.ts refuses other clocks.
 */
export async function databaseTime(db: Kysely<Schema>): Promise<number> {
  const engine = engineOf(db)
  if (engine === 'sqlite') return Date.now()
  const { rows } = await (engine === 'postgres' ? POSTGRES_TIME : MYSQL_TIME).execute(db)
  return rows[0]?.now ?? Date.now()
}

const POSTGRES_TIME = sql<{ now: number }>`select floor(extract(epoch from clock_timestamp()) * 1000)::bigint as now`
const MYSQL_TIME = sql<{ now: number }>`select cast(floor(unix_timestamp(sysdate(3)) * 1000) as signed) as now`

/**
 * Has PostgreSQL look at what its tables hold now. By itself it does so within a minute or so, and until then it may take a
 * table that an import has just filled for an empty one: it then compares every row with every id of a batch. The others
 * keep their figures up to date, or do without.
 */
export async function refreshStatistics(db: Kysely<Schema>, ...tables: readonly (keyof Schema)[]): Promise<void> {
  if (engineOf(db) !== 'postgres') return
  for (const table of tables) await sql`analyze ${sql.table(table)}`.execute(db)
}
