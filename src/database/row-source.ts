// Rows as one parameter: a statement takes a whole batch as JSON text, so its text is constant, it costs one round trip,
// and no limit on parameters applies. SQLite reads it by json_each; PostgreSQL's jsonb_to_recordset and MySQL's
// JSON_TABLE come here too.
import { type AliasedRawBuilder, sql } from 'kysely'

declare const rowsOf: unique symbol

/** A JSON array of objects of the shape `Row`, made by `packRows`; safe to send between threads. */
export type PackedRows<Row> = string & { readonly [rowsOf]: Row }

export function packRows<Row extends object>(rows: readonly Row[]): PackedRows<Row> {
  return JSON.stringify(rows) as PackedRows<Row>
}

export function unpackRows<Row>(packed: PackedRows<Row>): Row[] {
  return JSON.parse(packed)
}

/**
 * A table expression over the packed rows, for `from` and `join`.
 *
 * @param columns the columns to read; each is null where a row lacks it
 * @example db.selectFrom(rowSource('line', ['sku', 'quantity'], packRows(lines))).select('line.sku')
 */
export function rowSource<Row extends object, Alias extends string>(
  alias: Alias,
  columns: readonly (keyof Row & string)[],
  packed: PackedRows<Row>,
): AliasedRawBuilder<Row, Alias> {
  const values = columns.map((column) => sql`value ->> ${sql.lit(`$.${column}`)} as ${sql.ref(column)}`)
  return sql<Row>`(select ${sql.join(values)} from json_each(${packed}))`.as(alias)
}

/** The packed ids as a subquery for `in`. */
export function idsIn<Id extends number>(ids: readonly Id[]) {
  return sql<Id>`(select value from json_each(${JSON.stringify(ids)}))`
}
