// Checks that every good order of the files is stored once, is settled once, and that imports have counted every line.
import { basename } from 'node:path'
import { figure, type Row, text } from '../tables.js'
import type { FileContent } from './files.js'
import { differences, grouped, nameOf, type ShopState, type StoredOrder } from './shop-state.js'

const TERMINAL = ['completed', 'failed', 'rolled_back']

export function* checkOrders(state: ShopState, files: ReadonlyMap<string, FileContent>): Generator<string> {
  const stored = grouped(state.orders, nameOf)
  const versions = new Map<string, Set<string>>()
  for (const { source, orders } of files.values())
    for (const [reference, { content }] of orders) {
      const name = nameOf({ source, reference })
      versions.set(name, (versions.get(name) ?? new Set()).add(content))
    }
  for (const [name, contents] of versions) {
    const [order, ...others] = stored.get(name) ?? []
    if (!order) yield `order ${name} is lost`
    else if (!contents.has(order.content)) yield `order ${name} is stored as ${order.content}, which is in no file`
    if (others.length > 0) yield `order ${name} is stored ${others.length + 1} times`
  }
  for (const name of stored.keys()) if (!versions.has(name)) yield `order ${name} is in no file`
  const due = state.by('due_orders', 'order_id')
  for (const order of state.orders) {
    if (!TERMINAL.includes(order.status)) yield `order ${nameOf(order)} is still ${order.status}`
    else if (due.has(order.id)) yield `order ${nameOf(order)} is ${order.status} and in the queue`
    const total = order.lines.reduce((sum, line) => sum + line.total, 0n)
    if (total !== order.total) yield `order ${nameOf(order)} has the total ${order.total}, its lines ${total}`
  }
}

/** By import id: the file tells what each finished import must have counted, the orders which of them it stored. */
export function* checkImports(state: ShopState, files: ReadonlyMap<string, FileContent>): Generator<string> {
  const stored = new Map(state.orders.map((order) => [nameOf(order), order]))
  for (const row of state.rows('imports')) {
    const name = basename(text(row, 'file'))
    const file = files.get(name)
    if (!file) yield `import ${row['id']} is of an unknown file, ${name}`
    else if (text(row, 'status') === 'finished')
      yield* differences(`import ${row['id']} (${name})`, countsExpected(row, file, stored), countsOf(row))
    else if (text(row, 'status') !== 'undone') yield `import ${row['id']} (${name}) is still ${row['status']}`
  }
}

const COUNTS = ['rows', 'orders', 'imported', 'duplicates', 'updated', 'conflicts', 'rejected', 'skipped']

const countsOf = (row: Row) => new Map(COUNTS.map((count) => [count, figure(row, count)]))

function countsExpected(row: Row, file: FileContent, stored: ReadonlyMap<string, StoredOrder>) {
  const lines = { imported: 0, duplicates: 0, conflicts: 0 }
  let orders = 0
  for (const [reference, order] of file.orders) {
    const found = stored.get(nameOf({ source: file.source, reference }))
    const isOwn = found?.importId === text(row, 'id')
    if (isOwn) orders += 1
    lines[isOwn ? 'imported' : found?.content === order.content ? 'duplicates' : 'conflicts'] += order.lines.length
  }
  const { rows, rejected, skipped } = file
  return new Map(
    Object.entries({ rows, orders, ...lines, updated: 0, rejected, skipped }).map(([name, count]) => [
      name,
      BigInt(count),
    ]),
  )
}
