// What the tests of the import share: long files, what an import reports, and everything that it stores.

import { readFileSync } from 'node:fs'
import { parse } from 'csv-parse/sync'
import { expect } from 'vitest'
import type { ImportResult } from '../../src/command-line/import-view.js'
import type { Cli, Running } from './cli.js'
import { csv, line } from './lines.js'
import type { Shop } from './shop.js'

/** Bytes that the reader hands over at once; one transaction stores them. */
const BLOCK_BYTES = 524_288

/** One-line orders that fill more than a block of a file. */
export function moreThanABlock(name: string): string[] {
  const product = 'x'.repeat(250)
  const width = line({ order: `${name}-0000`, sku: 'FILLER', product }).length
  return Array.from({ length: Math.ceil((BLOCK_BYTES * 1.1) / width) }, (_, index) =>
    line({ order: `${name}-${index}`, customer: 'C-FILLER', sku: 'FILLER', product }),
  )
}

export async function importJson(shop: Cli, ...args: string[]): Promise<{ code: number | null; told: ImportResult }> {
  const { code, result } = await shop.json('import', ...args)
  return { code, told: result as ImportResult }
}

export function importLines(shop: Shop, ...lines: string[]) {
  return importJson(shop, shop.file('orders.csv', csv(...lines)))
}

/** The figures that a dry run reports, too. */
export function countsOf(told: ImportResult) {
  const { rows, orders, imported, duplicates, conflicts, rejected, products_created, published } = told
  return { rows, orders, imported, duplicates, conflicts, rejected, products_created, published }
}

export function conflictsAndRejects(told: ImportResult): Record<string, string>[] {
  return told.rejects_file === null ? [] : readRejects(told.rejects_file)
}

export function readRejects(path: string): Record<string, string>[] {
  return parse(readFileSync(path), { columns: true, relax_column_count: true })
}

/** Orders as [reference, customer, total in minor units, currency], in the order of their ids. */
export function orders(shop: Shop, where = 'true'): unknown[] {
  const query = `select reference, customers.customer_id, total, currency from orders
    join customers on customers.id = orders.customer_id where ${where} order by orders.id`
  return shop.sqlite.prepare(query).raw().all()
}

/** Everything that an import stores, without ids and times. */
export function stored(shop: Shop) {
  return {
    orders: shop.rows(
      `select orders.source, reference, customers.customer_id, currency, total, ordered_at, business_day, status,
         due_at is not null as due
       from orders join customers on customers.id = orders.customer_id left join due_orders on order_id = orders.id
       order by orders.source, reference`,
    ),
    lines: shop.rows(
      `select source, reference, line_number, sku, quantity, order_lines.unit_price, order_lines.total
       from order_lines join orders on orders.id = order_id join products on products.id = product_id
       order by source, reference, line_number`,
    ),
    customers: shop.rows('select customer_id, name from customers order by customer_id'),
    products: shop.rows('select sku, name, on_hand, reserved from products order by sku'),
    adjustments: shop.rows(
      'select sku, delta from stock_adjustments join products on products.id = product_id order by sku, delta',
    ),
    asides: shop.rows('select * from import_asides'),
    spoiled: shop.rows('select * from import_spoiled'),
  }
}

/** What the finished imports of a file counted. */
export function finishedCounts(shop: Shop, file: string) {
  return shop.rows(
    `select rows, orders, imported, duplicates, conflicts, rejected, products_created from imports
     where file = ? and status = 'finished'`,
    file,
  )
}

/** Every row of every table but `imports`. */
export function everyRow(shop: Shop): Record<string, unknown[]> {
  const query = `select name from sqlite_master
    where type = 'table' and name not like 'sqlite_%' and name <> 'imports'`
  const tables = shop.sqlite.prepare(query).pluck().all()
  return Object.fromEntries(tables.map((table) => [String(table), shop.rows(`select * from "${table}"`)]))
}

/** The binary under bash, for what only a shell can arrange. The script runs it as "$@". */
export function shell(shop: Shop, script: string, ...args: string[]): Running {
  return shop.startInShell(script, ...args)
}

/** What became of each order of a file: `imported`, or the column and the reason of its lines. */
export async function fates(shop: Shop, file: string | Buffer): Promise<Record<string, string>> {
  shop.file('orders.csv', file)
  const { code, told } = await importJson(shop, 'orders.csv')
  expect(told.rows).toBe(told.imported + told.rejected)
  expect(code).toBe(told.rejected > 0 ? 3 : 0)
  const rejected = conflictsAndRejects(told)
  expect(rejected).toHaveLength(told.rejected)
  return Object.fromEntries([
    ...orders(shop).map((row) => [(row as string[])[0], 'imported']),
    ...rejected.map((row) => [row['order_id'], `${row['rejected_column']}: ${row['rejected_reason']}`]),
  ])
}
