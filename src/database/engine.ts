// Differences between the databases that code with statements has to know: row locks, the clock, and table definitions.
import {
  type CreateTableNode,
  type DialectAdapter,
  type Kysely,
  MysqlAdapter,
  PostgresAdapter,
  type SelectQueryBuilder,
  sql,
} from 'kysely'
import type { Schema } from './schema.js'

export type Engine = 'sqlite' | 'postgres' | 'mysql'

/** Declares a text column on MySQL, so that it stores all of Unicode and compares byte by byte. */
export const MYSQL_TEXT = 'character set utf8mb4 collate utf8mb4_bin'

/** A database, or a transaction in it. */
export type Executing = { getExecutor(): { readonly adapter: DialectAdapter } }

export function engineOf(db: Executing): Engine {
  const { adapter } = db.getExecutor()
  if (adapter instanceof PostgresAdapter) return 'postgres'
  return adapter instanceof MysqlAdapter ? 'mysql' : 'sqlite'
}

/** Whether only one transaction can write at a time, so that rows need no locks. */
export function writesAlone(db: Executing): boolean {
  return engineOf(db) === 'sqlite'
}

/**
 * Locks the rows of the query until the end of the transaction, in the query's order.
 *
 * @param others whether to wait for rows that another transaction has locked, or to skip them
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

/** Rows of `settings` that only serve as locks, for things that have no row of their own yet. */
type NamedLock = 'turn_imports' | 'turn_schedule' | 'turn_names'

/** Takes an exclusive lock until the end of the transaction. */
export async function takeNamedLock(trx: Kysely<Schema>, name: NamedLock): Promise<void> {
  if (writesAlone(trx)) return
  await forUpdate(trx, trx.selectFrom('settings').select('name').where('name', '=', name)).execute()
}

/** Takes a shared lock until the end of the transaction. */
export async function shareNamedLock(trx: Kysely<Schema>, name: NamedLock): Promise<void> {
  if (writesAlone(trx)) return
  await trx.selectFrom('settings').select('name').where('name', '=', name).forShare().execute()
}

const TIME = {
  postgres: sql<{ now: number }>`select floor(extract(epoch from clock_timestamp()) * 1000)::bigint as now`,
  mysql: sql<{ now: number }>`select cast(floor(unix_timestamp(sysdate(3)) * 1000) as signed) as now`,
}

/**
 * Reads the clock that leases use, in epoch milliseconds. It is the server's clock, so a host whose clock is wrong
 * cannot take leases of others or keep its own too long. Processes of a SQLite file share a machine, and clocks.ts ends
 * those whose clock differs.
 */
export async function databaseTime(db: Kysely<Schema>): Promise<number> {
  const engine = engineOf(db)
  if (engine === 'sqlite') return Date.now()
  const { rows } = await TIME[engine].execute(db)
  return rows[0]?.now ?? Date.now()
}

/**
 * Updates PostgreSQL's statistics, which it does itself only about once a minute. Until then, the planner may take a
 * table that an import has just filled for empty, and compare every row with every id of a batch.
 */
export async function refreshStatistics(db: Kysely<Schema>, ...tables: readonly (keyof Schema)[]): Promise<void> {
  if (engineOf(db) !== 'postgres') return
  for (const table of tables) await sql`analyze ${sql.table(table)}`.execute(db)
}

/**
 * Makes other writers of tables that are replaced wait for the end of the transaction. Only PostgreSQL would lock the
 * rows in another order than they do.
 */
export async function lockTables(trx: Kysely<Schema>, ...tables: readonly (keyof Schema)[]): Promise<void> {
  if (engineOf(trx) !== 'postgres') return
  await sql`lock table ${sql.join(tables.map((name) => sql.table(name)))} in share row exclusive mode`.execute(trx)
}

/**
 * Changes a table definition for servers: removes `without rowid` and foreign keys. A foreign key costs a lookup for
 * every row written (a fifth of a drain on PostgreSQL) and a lock on the referenced row, and would find nothing:
 * statements read the row that they refer to, and removeUnusedNames takes a lock. `rebuild --check` checks them.
 */
export function onServer({ endModifiers: _, ...table }: CreateTableNode): CreateTableNode {
  return { ...table, columns: table.columns.map(({ references: __, ...column }) => column) }
}
