// An import that is cut off, at any point and in any way, and what the next run makes of it.

import { appendFileSync, copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import SqliteDatabase from 'better-sqlite3'
import { afterAll, beforeAll, describe, expect } from 'vitest'
import type { ImportResult } from '../../src/command-line/import-view.js'
import type { Outcome, Running } from '../support/cli.js'
import { csv, line } from '../support/lines.js'
import { countsOf, finishedCounts, importJson, shell, stored } from '../support/orders-file.js'
import { Shop, test } from '../support/shop.js'
import { until } from '../support/until.js'

/** Long ones, so that they are many transactions: six blocks. */
const LINES = 12_000
const ORDERS = LINES / 3

/** Orders whose three lines are far apart, every 397th line bad; an earlier import stored some, as they are or otherwise. */
function longFile(): string {
  return csv(
    ...Array.from({ length: LINES }, (_, index) => {
      const order = index % ORDERS
      const quantity = index % 397 === 396 ? 'none' : (index % 5) + 1
      const customer = `C-${order % 100}`
      return line({ order: `O-${order}`, customer, sku: skuAt(index), product: PADDING, quantity, price: '1.25' })
    }),
  )
}

const SKUS = 37
const skuAt = (index: number) => `S-${index % SKUS}`

const NOT_DUE = 'select count(*) from orders left join due_orders on order_id = id where due_at is null'

const PADDING = 'x'.repeat(200)

/** The orders that an earlier import stored. */
const KNOWN = Array.from({ length: 20 }, (_, index) => (index < 10 ? index : ORDERS - 20 + index))

/** Twenty orders of the long file: ten as it has them, ten otherwise. */
function earlierFile(lines: readonly string[]): string {
  const theirs = KNOWN.flatMap((order) => [0, 1, 2].map((third) => lines[third * ORDERS + order] ?? ''))
  return csv(...theirs.map((text, index) => (index < 30 ? text : text.replace(',1.25,', ',1.30,'))))
}

// Made once: the files, a database with the earlier import, and what an undisturbed import comes to.
let folder: string
let undisturbed: { readonly told: ImportResult; readonly rows: ReturnType<typeof stored>; readonly rejects: string }

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'orderctl-resume-'))
  const file = longFile()
  writeFileSync(join(folder, 'orders.csv'), file)
  const shop = new Shop()
  shop.file('earlier.csv', earlierFile(file.split('\n').slice(1)))
  await importJson(shop, 'earlier.csv')
  copyFileSync(shop.path, join(folder, 'orders.sqlite'))
  slowChunks(join(folder, 'orders.sqlite'))
  copyFileSync(join(folder, 'orders.csv'), join(shop.folder, 'orders.csv'))
  const { told } = await importJson(shop, 'orders.csv')
  undisturbed = { told, rows: stored(shop), rejects: readFileSync(String(told.rejects_file), 'utf8') }
  await shop.close()
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

function prepare(shop: Shop): string {
  copyFileSync(join(folder, 'orders.sqlite'), shop.path)
  copyFileSync(join(folder, 'orders.csv'), join(shop.folder, 'orders.csv'))
  return join(shop.folder, 'orders.csv')
}

/** Lines that the database says were read by the import under way. */
const linesRead = (shop: Shop) =>
  Number(shop.value("select coalesce(max(rows), 0) from imports where status = 'reading'"))

/** In a process of its own: slow statements would stop the test that watches others. */
const finish = (shop: Shop, ...flags: string[]) => shop.start({}, 'import', 'orders.csv', '--json', ...flags).ended

/** Ends the run with the signal as soon as the condition holds, unless it ends before. */
async function cutOff(running: Running, signal: NodeJS.Signals, when: () => boolean): Promise<Outcome> {
  let over = false
  void running.ended.then(() => {
    over = true
  })
  await until(() => over || when())
  running.child.kill(signal)
  return running.ended
}

function expectAllAsUndisturbed(shop: Shop, file: string, outcome: Outcome): void {
  expect(outcome.code).toBe(3)
  const told = JSON.parse(outcome.stdout) as ImportResult
  expect(countsOf(told)).toEqual(countsOf(undisturbed.told))
  expect(stored(shop)).toEqual(undisturbed.rows)
  expect(readFileSync(String(told.rejects_file), 'utf8')).toBe(undisturbed.rejects)
  const { rows, orders, imported, duplicates, conflicts, rejected, products_created } = undisturbed.told
  expect(finishedCounts(shop, file)).toEqual([
    { rows, orders, imported, duplicates, conflicts, rejected, products_created },
  ])
}

test('an undisturbed import comes to what the file says', () => {
  const bad = new Set<number>()
  for (let index = 396; index < LINES; index += 397) bad.add(index % ORDERS)
  const knownAndSound = KNOWN.filter((order) => !bad.has(order))
  expect(countsOf(undisturbed.told)).toEqual({
    rows: LINES,
    orders: ORDERS - bad.size - knownAndSound.length,
    imported: LINES - 3 * (bad.size + knownAndSound.length),
    duplicates: 3 * knownAndSound.filter((order) => order < 10).length,
    conflicts: 3 * knownAndSound.filter((order) => order >= 10).length,
    rejected: 3 * bad.size,
    products_created:
      SKUS - new Set(KNOWN.flatMap((order) => [0, 1, 2].map((third) => skuAt(third * ORDERS + order)))).size,
    published: ORDERS - bad.size - knownAndSound.length,
  })
  expect(bad.size).toBe(30)
  expect(undisturbed.rows.orders.filter((order) => (order as { due: number }).due === 0)).toEqual([])
})

/** Makes every chunk take some tenths of a second, so that a signal after one comes before the last on any machine. */
function slowChunks(path: string): void {
  const db = new SqliteDatabase(path)
  db.exec(`create trigger slow after update of byte_offset on imports begin
    select count(*) from (with recursive numbers(n) as (select 1 union all select n + 1 from numbers where n < 3000000)
      select n from numbers);
  end`)
  db.close()
}

describe.concurrent('killed', () => {
  test('again and again, --resume comes to the same in the end', async ({ shop }) => {
    const file = prepare(shop)
    let kills = 0
    for (;;) {
      const before = linesRead(shop)
      const run = shop.start({}, 'import', 'orders.csv', '--resume', '--json')
      const outcome = await cutOff(run, 'SIGKILL', () => linesRead(shop) > before)
      if (outcome.code !== null) {
        expectAllAsUndisturbed(shop, file, outcome)
        break
      }
      kills += 1
    }
    expect(kills).toBeGreaterThan(3)
  })

  test('and run again without --resume: what was stored is taken back first, and it comes to the same', async ({
    shop,
  }) => {
    const file = prepare(shop)
    await cutOff(shop.start({}, 'import', 'orders.csv'), 'SIGKILL', () => linesRead(shop) > LINES / 4)
    expectAllAsUndisturbed(shop, file, await finish(shop))
    const statuses = shop.sqlite.prepare('select status from imports order by id').pluck().all()
    expect(statuses).toEqual(['finished', 'taken_back', 'finished'])
  })

  test('while its orders fell due: the next run lets the rest fall due, and reads nothing twice', async ({ shop }) => {
    const file = prepare(shop)
    await finish(shop)
    shop.sqlite.exec(
      `delete from due_orders where order_id % 2 = 0 and order_id in (select id from orders where import_id = 2);
       update imports set status = 'releasing', ended_at = null, lease_until = 0 where id = 2`,
    )
    const held = Number(shop.value(NOT_DUE))
    const told = JSON.parse((await finish(shop)).stdout) as ImportResult
    expect(held).toBeGreaterThan(1900)
    expect(countsOf(told)).toEqual({ ...countsOf(undisturbed.told), published: held })
    expect(stored(shop)).toEqual(undisturbed.rows)
    expect(finishedCounts(shop, file)).toHaveLength(1)
  })
})

describe.concurrent('--resume', () => {
  test('of a file that was never begun begins it', async ({ shop }) => {
    shop.file('orders.csv', csv(line({ order: 'A-1' }), line({ order: 'A-2' })))
    expect((await importJson(shop, 'orders.csv', '--resume')).told).toMatchObject({ rows: 2, imported: 2 })
    expect((await importJson(shop, 'orders.csv', '--resume')).told).toMatchObject({ rows: 2, duplicates: 2 })
  })

  test('refuses a file that changed where it was read already; restored or longer, it goes on', async ({ shop }) => {
    const file = prepare(shop)
    await cutOff(shop.start({}, 'import', 'orders.csv'), 'SIGKILL', () => linesRead(shop) > 0)
    const before = stored(shop)
    const content = readFileSync(file, 'utf8')
    writeFileSync(file, content.replace('Ann', 'Eve'))
    const { code, result } = await shop.json('import', 'orders.csv', '--resume')
    const [message, fix] = [expect.stringContaining(file), expect.stringContaining('without --resume')]
    expect({ code, result }).toMatchObject({ code: 1, result: { error: { code: 'file_changed', message, fix } } })
    expect(stored(shop)).toEqual(before)

    writeFileSync(file, content)
    appendFileSync(file, `${line({ order: 'NEW' })}\n`)
    const grown = JSON.parse((await finish(shop, '--resume')).stdout) as ImportResult
    const { rows, orders, imported } = undisturbed.told
    expect(grown).toMatchObject({ rows: rows + 1, orders: orders + 1, imported: imported + 1 })
    expect(stored(shop).orders).toHaveLength(undisturbed.rows.orders.length + 1)
  })
})

describe.concurrent('interrupted by Ctrl-C', () => {
  test('it ends after the lines in hand, says how to go on, and goes on', async ({ shop }) => {
    const file = prepare(shop)
    const cut = await cutOff(shop.start({}, 'import', 'orders.csv'), 'SIGINT', () => linesRead(shop) > 0)
    expect(cut.code).toBe(130)
    expect(cut.stderr).toMatch(/Interrupted after [\d,]+ lines\. .*--resume/)
    expect(shop.value('select count(*) from due_orders join orders on id = order_id where import_id = 2')).toBe(0)
    expectAllAsUndisturbed(shop, file, await finish(shop, '--resume'))
  })

  test('it does not wait for a pipe that says nothing more', async ({ shop }) => {
    const slow = shell(shop, 'mkfifo pipe; exec "$@" < pipe', 'import', '-', '--json')
    try {
      await until(() => existsSync(join(shop.folder, 'pipe')))
      const input = await open(join(shop.folder, 'pipe'), 'w')
      await input.write(csv(line()))
      const hasTables = () => shop.value("select 1 from sqlite_master where name = 'imports'") === 1
      await until(() => existsSync(shop.path) && hasTables())
      await until(() => shop.value('select count(*) from imports') === 1)
      slow.child.kill('SIGINT')
      const { code, stdout } = await slow.ended
      await input.close()
      expect(code).toBe(130)
      expect(JSON.parse(stdout)).toMatchObject({ interrupted: true, published: 0 })
    } finally {
      slow.child.kill('SIGKILL')
      await slow.ended
    }
  })
})

test('two imports of one file at once: one stores it, the other finds duplicates', async ({ shop }) => {
  shop.file(
    'orders.csv',
    csv(...Array.from({ length: 20_000 }, (_, index) => line({ order: `O-${index % 9000}`, sku: `S-${index}` }))),
  )
  const both = await Promise.all([1, 2].map(() => shop.startJson({}, 'import', 'orders.csv')))
  expect(both.map(({ code }) => code)).toEqual([0, 0])
  const told = both.map(({ result }) => result as ImportResult)
  expect(told.map(({ imported }) => imported).sort()).toEqual([0, 20_000])
  expect(told.map(({ duplicates }) => duplicates).sort()).toEqual([0, 20_000])
  expect(shop.value('select count(*) from orders')).toBe(9000)
  expect(shop.value('select count(*) from order_lines')).toBe(20_000)
  expect(shop.value(NOT_DUE)).toBe(0)
})
