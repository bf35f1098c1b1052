// Adds figures to rows that may exist already.
import { type OnConflictBuilder, sql } from 'kysely'
import type { Schema } from './schema.js'

/**
 * Returns the callback of `onConflict` that adds the inserted figures to those of the existing row.
 *
 * @param key of the table
 */
export function addFigures<Table extends keyof Schema>(
  table: Table,
  key: readonly (keyof Schema[Table] & string)[],
  figures: readonly (keyof Schema[Table] & string)[],
) {
  const sums = figures.map((name) => [
    name,
    sql<number>`${sql.ref(`${table}.${name}`)} + ${sql.ref(`excluded.${name}`)}`,
  ])
  return (conflict: OnConflictBuilder<Schema, Table>) => conflict.columns(key).doUpdateSet(Object.fromEntries(sums))
}
