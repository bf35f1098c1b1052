// Rows as one parameter: a statement takes a whole batch as JSON text, so its text is constant, it costs one round trip,
// and no limit on parameters applies. SQLite reads it by json_each; PostgreSQL's and MySQL's ways to do it come here too.
import { type AliasedRawBuilder, type Expression, sql } from './kysely.js'
import type { PackedRows } from './packed-rows.js'

/**
 * A table expression over the packed rows, for `from` and `join`.
 *
 * @example db.selectFrom(rowSource('line', packRows(['sku', 'quantity'], lines))).select('line.sku')
 */
export function rowSource<Row, Alias extends string>(
  alias: Alias,
  { columns, json }: PackedRows<Row, string | Expression<string>>,
): AliasedRawBuilder<Row, Alias> {
  const values = columns.map(
    (column, index) => sql`json_extract(value, ${sql.lit(`$[${index}]`)}) as ${sql.ref(column)}`,
  )
  return sql<Row>`(select ${sql.join(values)} from jsonb_each(${json}))`.as(alias)
}

/** The ids as a subquery for `in`. */
export function idsIn<Id extends number>(ids: readonly Id[]) {
  return packedIdsIn<Id>(JSON.stringify(ids))
}

/** The same for ids that are a JSON array already. */
export function packedIdsIn<Id extends number>(json: string | Expression<string>) {
  return sql<Id>`(select value from json_each(${json}))`
}
