// Passes the rows of a batch as one JSON parameter. The statement's text stays constant, all rows take one round trip,
// and limits on the number of parameters do not apply.
import { type AliasedRawBuilder, type Expression, type Kysely, type RawBuilder, type SqlBool, sql } from 'kysely'
import { type Engine, type Executing, engineOf, MYSQL_TEXT } from './engine.js'
import type { ColumnKind, PackedRows } from './packed-rows.js'
import type { Schema } from './schema.js'

type Json = string | Expression<string>

/**
 * Returns a table expression over the packed rows, for `from` and `join`.
 *
 * @example
 * const source = rowSource(db, 'line', packRows({ sku: 'text', quantity: 'integer' }, lines))
 * db.selectFrom(source).select('line.sku')
 */
export function rowSource<Row, Alias extends string>(
  db: Executing,
  alias: Alias,
  { columns, json }: PackedRows<Row, Json>,
): AliasedRawBuilder<Row, Alias> {
  const named = Object.entries<ColumnKind>(columns).map(([name, kind], index) => ({ name: sql.ref(name), kind, index }))
  return READERS[engineOf(db)].rows<Row>(named, json).as(alias)
}

/**
 * Returns the condition that a column has one of the ids, given as an array or as its JSON. Finds rows by their ids,
 * whatever size the planner assumes for the table.
 *
 * @example db.selectFrom('orders').where(isAmong(db, 'orders.id', [1, 2])).select('reference')
 */
export function isAmong(
  db: Executing,
  column: string | RawBuilder<number>,
  ids: readonly number[] | Json,
): RawBuilder<SqlBool> {
  const json = typeof ids === 'string' || 'toOperationNode' in ids ? ids : JSON.stringify(ids)
  return READERS[engineOf(db)].isAmong(typeof column === 'string' ? sql.ref(column) : column, json)
}

/** Deletes the rows whose column has one of the ids. @param ids as JSON */
export async function deleteAmong<Table extends keyof Schema>(
  db: Kysely<Schema>,
  table: Table,
  column: keyof Schema[Table] & string,
  ids: string,
): Promise<void> {
  const deletion = db.deleteFrom<keyof Schema>(table)
  await deletion.where(isAmong(db, column, ids)).execute()
}

/**
 * Keeps the planner off a column's indexes, for conditions next to one that finds rows by id. Statistics lag behind
 * columns that change with every batch, so the planner might read such an index in full.
 */
export function withoutIndex(column: string): RawBuilder<number> {
  return sql`(${sql.ref(column)} + 0)`
}

interface Reader {
  rows<Row>(
    columns: readonly { readonly name: RawBuilder<unknown>; readonly kind: ColumnKind; readonly index: number }[],
    json: Json,
  ): RawBuilder<Row>
  isAmong(column: RawBuilder<unknown>, json: Json): RawBuilder<SqlBool>
}

const READERS: Record<Engine, Reader> = {
  sqlite: {
    rows(columns, json) {
      const values = columns.map(({ name, index }) => sql`json_extract(value, ${sql.lit(`$[${index}]`)}) as ${name}`)
      return sql`(select ${sql.join(values)} from jsonb_each(${json}))`
    },
    isAmong: (column, json) => sql`${column} in (select value from json_each(${json}))`,
  },
  // Arrays cost half as much as jsonb_to_recordset over objects.
  postgres: {
    rows(columns, json) {
      const values = columns.map(({ name, kind, index }) => {
        return sql`(value ->> ${sql.lit(index)})::${sql.raw(TYPES[kind][0])} as ${name}`
      })
      return sql`(select ${sql.join(values)} from jsonb_array_elements(${json}::jsonb) as packed(value))`
    },
    // An array, since the planner turns `in (select …)` into a join, and scans a table that was small when last
    // analyzed. That made a drain 15 times slower.
    isAmong: (column, json) =>
      sql`${column} = any(array(select id::bigint from jsonb_array_elements_text(${json}::jsonb) as packed(id)))`,
  },
  // Without `error on error`, a text that is too long would become null.
  mysql: {
    rows(columns, json) {
      const values = columns.map(({ name, kind, index }) => {
        return sql`${name} ${sql.raw(TYPES[kind][1])} path ${sql.lit(`$[${index}]`)} error on error`
      })
      return sql`json_table(${json}, '$[*]' columns (${sql.join(values)}))`
    },
    isAmong: (column, json) =>
      sql`${column} in (select id from json_table(${json}, '$[*]' columns (id bigint path '$')) as packed)`,
  },
}

/**
 * The column types on PostgreSQL, and in MySQL's JSON_TABLE. Without a declared character set, MariaDB uses the
 * database's, and silently replaces characters that it lacks with `?`. Long texts cost MySQL a temporary table on disk.
 */
const TYPES: Record<ColumnKind, readonly [postgres: string, mysql: string]> = {
  integer: ['bigint', 'bigint'],
  real: ['double precision', 'double'],
  text: ['text', `varchar(255) ${MYSQL_TEXT}`],
  'long text': ['text', `mediumtext ${MYSQL_TEXT}`],
}
