// Rows as one parameter: a statement takes a whole batch as JSON text, so its text is constant, it costs one round trip,
// and no limit on parameters applies. Each database reads it in its own way.

import { type AliasedRawBuilder, type Expression, type RawBuilder, type SqlBool, sql } from 'kysely'
import { type Engine, type Executing, engineOf, MYSQL_TEXT } from './engine.js'
import type { ColumnKind, PackedRows } from './packed-rows.js'

type Json = string | Expression<string>

/**
 * A table expression over the packed rows, for `from` and `join`.
 *
 * @example db.selectFrom(rowSource(db, 'line', packRows({ sku: 'text', quantity: 'integer' }, lines))).select('line.sku')
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
 * That a column holds one of the ids, which come as an array or as JSON of one. Rows are found by their ids, one by one,
 * whatever the planner takes the table to hold.
 *
 * @example db.selectFrom('orders').where(isAmong(db, 'orders.id', [1, 2])).select('reference')
 */
export function isAmong(db: Executing, column: string, ids: readonly number[] | Json): RawBuilder<SqlBool> {
  const json = typeof ids === 'string' || 'toOperationNode' in ids ? ids : JSON.stringify(ids)
  return READERS[engineOf(db)].isAmong(sql.ref(column), json)
}

/**
 * A column of whole numbers in a condition that stands beside others by which rows are to be found: no index over it is used.
 * Of what changes with every batch, or every chunk, planners know what was true a while ago, and would read all of it.
 */
export function besideIds(column: string): RawBuilder<number> {
  return sql`(${sql.ref(column)} + 0)`
}

interface NamedColumn {
  readonly name: RawBuilder<unknown>
  readonly kind: ColumnKind
  readonly index: number
}

interface Reader {
  rows<Row>(columns: readonly NamedColumn[], json: Json): RawBuilder<Row>
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
  // Half as dear as jsonb_to_recordset over objects.
  postgres: {
    rows(columns, json) {
      const values = columns.map(({ name, kind, index }) => {
        const value = sql`value ->> ${sql.lit(index)}`
        return sql`(${value})::${sql.raw(POSTGRES_TYPES[kind])} as ${name}`
      })
      return sql`(select ${sql.join(values)} from jsonb_array_elements(${json}::jsonb) as packed(value))`
    },
    // An array, since of `in (select …)` the planner makes a join, and reads all of a table that was small when it last
    // looked: a drain was 15 times slower.
    isAmong: (column, json) =>
      sql`${column} = any(array(select id::bigint from jsonb_array_elements_text(${json}::jsonb) as packed(id)))`,
  },
  // Without `error on error`, a text that is too long would become null.
  mysql: {
    rows(columns, json) {
      const values = columns.map(
        ({ name, kind, index }) =>
          sql`${name} ${sql.raw(MYSQL_TYPES[kind])} path ${sql.lit(`$[${index}]`)} error on error`,
      )
      return sql`json_table(${json}, '$[*]' columns (${sql.join(values)}))`
    },
    isAmong: (column, json) =>
      sql`${column} in (select id from json_table(${json}, '$[*]' columns (id bigint path '$')) as packed)`,
  },
}

const POSTGRES_TYPES: Record<ColumnKind, string> = {
  integer: 'bigint',
  real: 'double precision',
  text: 'text',
  'long text': 'text',
}

/**
 * The type of a JSON_TABLE column. Its text must be declared to be what the tables hold: on MariaDB, it otherwise has the
 * character set of the database, and a letter that is missing there silently becomes `?`. Long texts cost a temporary table
 * on disk.
 */
const MYSQL_TYPES: Record<ColumnKind, string> = {
  integer: 'bigint',
  real: 'double',
  text: `varchar(255) ${MYSQL_TEXT}`,
  'long text': `mediumtext ${MYSQL_TEXT}`,
}
