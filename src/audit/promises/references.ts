// What foreign keys enforce in a file, and nothing enforces on a server (`onServer` in database/engine.ts): rows of an order have
// their order, and all that they name.
import { sql } from 'kysely'
import type { Comparison } from './promise.js'

/** Tables, the column with the order's key, and the tables that their columns refer to. */
const REFERENCES: readonly (readonly [string, string, Readonly<Record<string, string>>])[] = [
  ['orders', 'id', { customer_id: 'customers', import_id: 'imports' }],
  ['order_lines', 'order_id', { order_id: 'orders', product_id: 'products' }],
  ['stock_reservations', 'order_id', { order_id: 'orders', product_id: 'products' }],
  ['payments', 'order_id', { order_id: 'orders' }],
  ['due_orders', 'order_id', { order_id: 'orders' }],
]

/** Each row by its order's key, although that order may not exist. */
export function references() {
  const rows = REFERENCES.map(([table, key, targets]) => {
    const found = Object.entries(targets).map(([column, target]) => ({
      join: sql`left join ${sql.table(target)} on ${sql.ref(`${target}.id`)} = ${sql.ref(`${table}.${column}`)}`,
      isThere: sql`${sql.ref(`${target}.id`)} is not null`,
    }))
    const right = sql.join(
      found.map(({ isThere }) => isThere),
      sql` and `,
    )
    return sql`select ${sql.ref(`${table}.${key}`)} as id, 1 as expected, case when ${right} then 1 else 0 end as actual,
      case when ${right} then 0 else 1 end as differs
      from ${sql.table(table)} ${sql.join(
        found.map(({ join }) => join),
        sql` `,
      )}`
  })
  return sql<Comparison>`(${sql.join(rows, sql` union all `)})`.as('compared')
}
