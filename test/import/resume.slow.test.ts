// An import that is cut off, at any point and in any way, and what the next run does.

import { appendFileSync, copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect } from 'vitest'
import type { ImportResult } from '../../src/command-line/import-view.js'
import type { Outcome } from '../support/cli.js'
import { csv, line } from '../support/lines.js'
import { countsOf, finishedCounts, importJson, stored } from '../support/orders-file.js'
import { Shop, test } from '../support/shop.js'
import { until } from '../support/until.js'

/** Long ones, so that they are many transactions: six blocks. */
const LINES = 12_000
const ORDERS = LINES / 3
const BAD = Array.from({ length: 30 }, (_, index) => 396 + 397 * index)

/** Each order has three lines, a third of the file apart. */
const PLACES = [0, ORDERS, 2 * ORDERS]
const skuAt = (index: number) => `S-${index % 37}`

const FILE = csv(
  ...Array.from({ length: LINES }, (_, index) => {
    const order = index % ORDERS
    const quantity = BAD.includes(index) ? 'none' : (index % 5) + 1
    const product = 'x'.repeat(200)
    return line({
      order: `O-${order}`,
      customer: `C-${order % 100}`,
      sku: skuAt(index),
      product,
      quantity,
      price: '1.25',
    })
  }),
)

/** Orders that an earlier import stored: ten as the file has them, ten with another price. */
const SAME = Array.from({ length: 10 }, (_, index) => index)
const CHANGED = SAME.map((order) => ORDERS - 10 + order)
const linesOf = (orders: readonly number[]) => orders.flatMap((order) => PLACES.map((place) => place + order))

const NOT_DUE = 'select count(*) from orders left join due_orders on order_id = id where due_at is null'

// Made once: the file, a database with the earlier import, and what an undisturbed import comes to.
let folder: string
let undisturbed: { readonly told: ImportResult; readonly rows: ReturnType<typeof stored>; readonly rejects: string }

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'orderctl-resume-'))
  const texts = FILE.split('\n').slice(1)
  const textsOf = (orders: readonly number[]) => linesOf(orders).map((index) => texts[index] ?? '')
  const shop = new Shop()
  shop.file('earlier.csv', csv(...textsOf(SAME), ...textsOf(CHANGED).map((text) => text.replace(',1.25,', ',1.30,'))))
  await importJson(shop, 'earlier.csv')
  shop.sqlite.exec(SLOW_CHUNKS)
  shop.sqlite.pragma('wal_checkpoint(truncate)')
  copyFileSync(shop.path, join(folder, 'orders.sqlite'))
  shop.sqlite.exec('drop trigger slow')
  shop.file('orders.csv', FILE)
  const { told } = await importJson(shop, 'orders.csv')
  undisturbed = { told, rows: stored(shop), rejects: readFileSync(String(told.rejects_file), 'utf8') }
  await shop.close()
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Makes every chunk take some tenths of a second, so that a signal after one comes before the last on any machine. */
const SLOW_CHUNKS = `create trigger slow after update of byte_offset on imports begin
  select count(*) from (with recursive numbers(n) as (select 1 union all select n + 1 from numbers where n < 3000000)
    select n from numbers);
end`

/** Gives the shop the earlier import and the file. */
function prepare(shop: Shop): string {
  copyFileSync(join(folder, 'orders.sqlite'), shop.path)
  return shop.file('orders.csv', FILE)
}

/** Lines that the database says the unfinished import has read. */
const linesRead = (shop: Shop) =>
  Number(shop.value("select coalesce(max(rows), 0) from imports where status = 'reading'"))

/** Imports in a process of its own: slow statements would stop the tests beside it. */
const finish = (shop: Shop, ...flags: string[]) => shop.start({}, 'import', 'orders.csv', '--json', ...flags).ended

/** Puts import 2 back to where half of its orders have fallen due. */
function release(shop: Shop): void {
  shop.sqlite.exec(
    `delete from due_orders where order_id % 2 = 0 and order_id in (select id from orders where import_id = 2);
     update imports set status = 'releasing', ended_at = null, lease_until = 0 where id = 2`,
  )
}

/** Starts an import, and sends it the signal once more than so many lines are stored, unless it ends before. */
async function cutOff(shop: Shop, signal: NodeJS.Signals, lines: number, ...flags: string[]): Promise<Outcome> {
  const { child, ended } = shop.start({}, 'import', 'orders.csv', ...flags)
  let over = false
  void ended.then(() => {
    over = true
  })
  await until(() => over || linesRead(shop) > lines)
  child.kill(signal)
  const outcome = await ended
  await shop.endLeases()
  return outcome
}

function expectSameAsUndisturbed(shop: Shop, file: string, outcome: Outcome): void {
  expect(outcome.code).toBe(3)
  const told = JSON.parse(outcome.stdout) as ImportResult
  expect(countsOf(told)).toEqual(countsOf(undisturbed.told))
  expect(stored(shop)).toEqual(undisturbed.rows)
  expect(readFileSync(String(told.rejects_file), 'utf8')).toBe(undisturbed.rejects)
  const { published, ...counts } = countsOf(undisturbed.told)
  expect(finishedCounts(shop, file)).toEqual([counts])
}

test('an undisturbed import comes to what the file says', () => {
  // 4,000 orders, of which 30 have a bad line; of the other ones, 10 are duplicates and 10 are conflicts.
  expect(countsOf(undisturbed.told)).toEqual({
    ...{ rows: LINES, orders: 3950, imported: 3 * 3950, published: 3950, products_created: 13 },
    ...{ duplicates: 3 * 10, conflicts: 3 * 10, rejected: 3 * 30 },
  })
  expect(undisturbed.rows.orders.filter((order) => (order as { due: number }).due === 0)).toEqual([])
})

describe.concurrent('killed', () => {
  test('again and again, an import with --resume has the same outcome in the end', async ({ newShop: shop }) => {
    const file = prepare(shop)
    let outcome: Outcome
    let kills = -1
    do {
      outcome = await cutOff(shop, 'SIGKILL', linesRead(shop), '--resume', '--json')
      kills += 1
    } while (outcome.code === null)
    expectSameAsUndisturbed(shop, file, outcome)
    expect(kills).toBeGreaterThan(3)
  })

  test('and run with --discard, an import undoes what was stored, and has the same outcome', async ({
    newShop: shop,
  }) => {
    const file = prepare(shop)
    await cutOff(shop, 'SIGKILL', LINES / 4)
    expectSameAsUndisturbed(shop, file, await finish(shop, '--discard'))
    const statuses = shop.sqlite.prepare('select status from imports order by id').pluck().all()
    expect(statuses).toEqual(['finished', 'undone', 'finished'])
  })

  test('while its orders fell due, an import lets the rest fall due in the next run, and reads nothing twice', async ({
    newShop: shop,
  }) => {
    const file = prepare(shop)
    await finish(shop)
    release(shop)
    const held = Number(shop.value(NOT_DUE))
    const told = JSON.parse((await finish(shop, '--resume')).stdout) as ImportResult
    expect(held).toBeGreaterThan(1900)
    expect(countsOf(told)).toEqual({ ...countsOf(undisturbed.told), published: held })
    expect(stored(shop)).toEqual(undisturbed.rows)
    expect(finishedCounts(shop, file)).toHaveLength(1)
  })

  test('while its orders fell due, an import without --resume ends it, then reads the new lines of the file', async ({
    newShop: shop,
  }) => {
    prepare(shop)
    await finish(shop)
    release(shop)
    shop.file('orders.csv', csv(line({ order: 'NEW' })))
    const told = JSON.parse((await finish(shop)).stdout) as ImportResult
    expect(told).toMatchObject({ import_id: '3', rows: 1, imported: 1, published: 1 })
    expect(shop.value(NOT_DUE)).toBe(0)
    expect(shop.value("select count(*) from imports where status <> 'finished'")).toBe(0)
  })
})

describe.concurrent('--resume', () => {
  test('starts from the beginning if there is nothing to resume', async ({ shop }) => {
    shop.file('orders.csv', csv(line({ order: 'A-1' }), line({ order: 'A-2' })))
    expect((await importJson(shop, 'orders.csv', '--resume')).told).toMatchObject({ rows: 2, imported: 2 })
    expect((await importJson(shop, 'orders.csv', '--resume')).told).toMatchObject({ rows: 2, duplicates: 2 })
  })

  test('refuses a file that has changed where it was read; restored or longer, it goes on', async ({
    newShop: shop,
  }) => {
    const file = prepare(shop)
    await cutOff(shop, 'SIGKILL', 0)
    const before = stored(shop)
    writeFileSync(file, FILE.replace('Ann', 'Eve'))
    const { code, result } = await shop.json('import', 'orders.csv', '--resume')
    const [message, fix] = [expect.stringContaining(file), expect.stringContaining('with --discard')]
    expect({ code, result }).toMatchObject({ code: 1, result: { error: { code: 'file_changed', message, fix } } })
    expect(stored(shop)).toEqual(before)

    writeFileSync(file, FILE)
    appendFileSync(file, `${line({ order: 'NEW' })}\n`)
    const grown = JSON.parse((await finish(shop, '--resume')).stdout) as ImportResult
    const { rows, orders, imported } = undisturbed.told
    expect(grown).toMatchObject({ rows: rows + 1, orders: orders + 1, imported: imported + 1 })
    expect(stored(shop).orders).toHaveLength(undisturbed.rows.orders.length + 1)
  })
})

test('Ctrl-C ends an import after the lines in progress; --resume goes on', async ({ newShop: shop }) => {
  const file = prepare(shop)
  const cut = await cutOff(shop, 'SIGINT', 0)
  expect(cut.code).toBe(130)
  expect(cut.stderr).toMatch(/Interrupted after [\d,]+ lines, stored in .*--resume.* orderctl import undo 2\n/)
  expect(shop.value('select count(*) from due_orders join orders on id = order_id where import_id = 2')).toBe(0)
  expectSameAsUndisturbed(shop, file, await finish(shop, '--resume'))
})

test('of two imports of one file at once, one stores it and the other finds duplicates', async ({ shop }) => {
  const lines = Array.from({ length: 20_000 }, (_, index) => line({ order: `O-${index % 9000}`, sku: `S-${index}` }))
  shop.file('orders.csv', csv(...lines))
  const both = await Promise.all([1, 2].map(() => shop.startJson({}, 'import', 'orders.csv')))
  expect(both.map(({ code }) => code)).toEqual([0, 0])
  const told = both.map(({ result }) => result as ImportResult)
  expect(told.map(({ imported }) => imported).sort()).toEqual([0, 20_000])
  expect(told.map(({ duplicates }) => duplicates).sort()).toEqual([0, 20_000])
  expect(shop.value('select count(*) from orders')).toBe(9000)
  expect(shop.value('select count(*) from order_lines')).toBe(20_000)
  expect(shop.value(NOT_DUE)).toBe(0)
})
