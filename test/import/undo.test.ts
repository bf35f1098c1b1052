// An unfinished import, its ways out, and the undo of an import.
import { hostname } from 'node:os'
import { describe, expect, onTestFinished } from 'vitest'
import type { ImportId, LeaseToken } from '../../src/domain/ids.js'
import { undoImport } from '../../src/import/undo.js'
import { EmbeddedQueue } from '../../src/queue/embedded.js'
import { describeOnEngines, describeOnServerEngines } from '../support/engine-shop.js'
import { csv, line } from '../support/lines.js'
import { whileLocked } from '../support/locks.js'
import { countsOf, everyRow, importJson } from '../support/orders-file.js'
import { answerAtTerminal, PseudoTerminal } from '../support/pseudo-terminal.js'
import { onRedis } from '../support/queue-drivers.js'
import { describeWith } from '../support/servers.js'
import { HOUR, NOW, type Shop, test } from '../support/shop.js'

const BIG = csv(line({ order: 'B-1' }), line({ order: 'B-2', customer: 'C-2', sku: 'S-2' }))
const NEXT = csv(line({ order: 'N-1' }))

/** Imports big.csv, and leaves it as a killed import does that has stored all of its lines but not judged them. */
async function interrupted(shop: Shop): Promise<void> {
  shop.file('big.csv', BIG)
  shop.file('next.csv', NEXT)
  await importJson(shop, 'big.csv')
  shop.sqlite.exec(
    `update imports set status = 'reading', started_at = 1767225600000, ended_at = null, lease_until = 0;
     delete from due_orders`,
  )
}

/** The output without the folder of the test. */
const plain = (shop: Shop, text: string) => text.replaceAll(`${shop.folder}/`, '/shop/')

describe('an interrupted import', () => {
  test('is kept, and another file is refused with the ways out', async ({ shop }) => {
    await interrupted(shop)
    const before = everyRow(shop)
    const { code, stdout, stderr } = await shop.run('import', 'next.csv')
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(plain(shop, stderr)).toMatchInlineSnapshot(`
      "Error: The import of /shop/big.csv is unfinished: 2 lines stored, started at 2026-01-01 00:00:00 UTC (import 1).
      Continue it with \`orderctl import /shop/big.csv --resume\`, take it back with \`orderctl import undo 1\`, import this file under another --source, or take it back and import this file with --discard.
      "
    `)
    expect((await shop.run('import', 'big.csv')).stderr).toContain(
      'with `orderctl import undo 1`, or take it back and import this file with --discard.',
    )
    expect(await shop.json('import', 'next.csv', '--resume')).toMatchObject({
      code: 2,
      result: { error: { code: 'import_unfinished' } },
    })
    expect(everyRow(shop)).toEqual(before)
  })

  test('does not count in a dry run, whose figures are those of --discard', async ({ shop }) => {
    await interrupted(shop)
    const dry = await importJson(shop, 'big.csv', '--dry-run')
    expect(dry.told).toMatchObject({ orders: 2, duplicates: 0, products_created: 2 })
    const real = await importJson(shop, 'big.csv', '--discard')
    expect(countsOf(dry.told)).toEqual(countsOf(real.told))
  })

  test('can be continued or undone at once if the clock was ahead when it was killed', async ({ shop }) => {
    for (const way of [
      ['import', 'big.csv', '--resume'],
      ['import', 'undo', '1', '--yes'],
    ]) {
      await interrupted(shop)
      shop.sqlite.exec(`update imports set lease_until = ${Date.now() + 24 * HOUR} where status = 'reading'`)
      expect(await shop.json(...way)).toMatchObject({ code: 0 })
    }
  })

  test('is listed', async ({ shop }) => {
    await interrupted(shop)
    await importJson(shop, 'next.csv', '--source', 'web')
    shop.sqlite.exec(
      `update imports set started_at = 1767225600000, host = 'till', pid = 42,
         file = '/srv/incoming/shop-exports/' || source || '-orders.csv'`,
    )
    const screens: string[] = []
    for (const columns of [80, 120]) {
      const terminal = new PseudoTerminal(shop, { columns, rows: 10, environment: { NO_COLOR: '1' } }, 'import', 'list')
      await terminal.left()
      screens.push(terminal.screen)
    }
    expect(screens.join('\n\n')).toMatchInlineSnapshot(`
      "ID  File                Source   State        Orders      Started  By
      ──  ──────────────────  ───────  ───────────  ──────  ───────────  ───────
       2  web-orders.csv      web      finished          1  1 Jan 00:00  till:42
       1  default-orders.csv  default  interrupted       2  1 Jan 00:00  till:42
      left with 0

      ID  File                Source   State        Orders      Started  By
      ──  ──────────────────  ───────  ───────────  ──────  ───────────  ───────
       2  web-orders.csv      web      finished          1  1 Jan 00:00  till:42
       1  default-orders.csv  default  interrupted       2  1 Jan 00:00  till:42
      left with 0"
    `)
    const { result } = await shop.json('import', 'list', '--limit', '1')
    expect(result).toMatchObject({ total: 2, imports: [{ import_id: '2', state: 'finished', orders: 1 }] })
  })

  test('of the same file asks for --resume, which continues it', async ({ shop }) => {
    await interrupted(shop)
    const { result } = await shop.json('import', 'big.csv')
    expect(result).toMatchObject({ error: { code: 'import_unfinished', fix: expect.stringContaining('--resume') } })
    const { told } = await importJson(shop, 'big.csv', '--resume')
    expect(told).toMatchObject({ import_id: '1', orders: 2, published: 2 })
  })

  test('is undone by --discard', async ({ shop }) => {
    await interrupted(shop)
    const { told } = await importJson(shop, 'next.csv', '--discard')
    expect(told).toMatchObject({ import_id: '2', orders: 1, published: 1 })
    expect(shop.rows('select reference from orders')).toEqual([{ reference: 'N-1' }])
    expect(shop.rows('select status from imports')).toEqual([{ status: 'undone' }, { status: 'finished' }])
    await shop.expectAuditClean()
  })

  test('with an order in progress is kept by --discard, and so is the queue', async ({ shop }) => {
    shop.import({ status: 'releasing', file: '/killed.csv' })
    shop.order('PENDING')
    shop.order('UNKNOWN', { status: 'payment_processing', dueAt: NOW, payment: { status: 'unknown', unanswered: 1 } })
    const { code, result } = await shop.json('import', shop.file('next.csv', NEXT), '--discard')
    expect({ code, result }).toMatchObject({ code: 1, result: { error: { code: 'import_used' } } })
    const due = 'select reference from due_orders join orders on id = order_id order by id'
    expect(shop.rows(due)).toEqual([{ reference: 'PENDING' }, { reference: 'UNKNOWN' }])
    expect(shop.rows('select status from imports')).toEqual([{ status: 'finished' }])
    await shop.expectAuditClean()
  })

  test('whose undo was interrupted, and then overtaken by a worker, is ended by another undo', async ({ shop }) => {
    shop.import({ status: 'undoing', file: '/killed.csv' })
    shop.order('WITHDRAWN', { dueAt: null })
    shop.order('CLAIMED', { status: 'completed' })
    const dry = await shop.run('import', 'undo', '1', '--dry-run')
    expect(dry).toMatchObject({ code: 3, stderr: expect.stringContaining('1 order was claimed') })
    expect(shop.rows('select status from imports')).toEqual([{ status: 'undoing' }])
    const { code, stderr } = await shop.run('import', 'undo', '1', '--yes')
    expect({ code, stderr }).toMatchObject({ code: 3, stderr: expect.stringContaining('The others are due again.') })
    expect(shop.rows('select reference from due_orders join orders on id = order_id')).toEqual([
      { reference: 'WITHDRAWN' },
    ])
    expect(shop.rows('select status from imports')).toEqual([{ status: 'finished' }])
    await shop.expectAuditClean()
  })

  test('that runs in another container with the same host name is waited for', async ({ shop }) => {
    await interrupted(shop)
    // No process here has this number.
    const held = shop.sqlite.prepare('update imports set host = ?, pid = ?, lease_until = ?')
    held.run(hostname(), 2 ** 30, Date.now() + 60_000)
    const { saw, ended } = shop.start({}, 'import', 'next.csv', '--discard')
    await saw(
      'Waiting, because imports from one source run one at a time: the import of ' +
        `${shop.folder}/big.csv is running, or its process was killed less than 15 s ago (process ${2 ** 30} on ${hostname()}).`,
    )
    expect(shop.value('select count(*) from orders')).toBe(2)
    await shop.endLeases()
    expect(await ended).toMatchObject({ code: 0 })
    expect(shop.rows('select status from imports')).toEqual([{ status: 'undone' }, { status: 'finished' }])
  })

  test('does not concern other sources, nor a run that stored nothing', async ({ shop }) => {
    await interrupted(shop)
    expect((await importJson(shop, 'next.csv', '--source', 'web')).told).toMatchObject({ orders: 1 })
    shop.sqlite.exec(
      'update imports set byte_offset = 0 where id = 1; delete from order_lines where order_id < 3; delete from orders where id < 3',
    )
    expect((await importJson(shop, 'next.csv')).told).toMatchObject({ orders: 1 })
  })
})

describe('import undo', () => {
  test('asks at a terminal', async ({ shop }) => {
    shop.file('big.csv', BIG)
    await importJson(shop, 'big.csv')
    const refused = await answerAtTerminal(shop, 'n', 'import', 'undo', '1')
    expect(plain(shop, refused.screen)).toMatchInlineSnapshot(`
      "Delete 2 orders from /shop/big.csv? [y/N] n
      Nothing changed.
      left with 0"
    `)
    expect(shop.value('select count(*) from orders')).toBe(2)
    const { code, screen } = await answerAtTerminal(shop, 'y', 'import', 'undo', '1')
    expect(code).toBe(0)
    expect(screen).toContain('Import 1 is undone')
    expect(shop.value('select count(*) from orders')).toBe(0)
  })

  test('refuses without a terminal, an unknown import, and a running one', async ({ shop }) => {
    const error = async (...args: string[]) => (await shop.json('import', 'undo', ...args)).result
    expect(await error('1')).toMatchObject({ error: { code: 'confirmation_needed' } })
    expect(await error('1', '--yes')).toMatchObject({ error: { code: 'unknown_import' } })
    shop.import({ status: 'reading', leaseUntil: Date.now() + 60_000 })
    expect(await error('1', '--yes')).toMatchObject({ error: { code: 'import_running', retryable: true } })
  })

  test('lists the orders that forbid it, and changes nothing', async ({ shop }) => {
    const lines = Array.from({ length: 14 }, (_, index) => line({ order: `B-${index + 1}` }))
    await shop.importing(csv(...lines))
    expect(await shop.json('work', '--drain', '--max-orders', '12')).toMatchObject({ code: 0 })
    const before = everyRow(shop)
    const { code, stdout, stderr } = await shop.run('import', 'undo', '1', '--yes')
    expect(code).toBe(3)
    expect(stdout + stderr).toMatchInlineSnapshot(`
      "Order  Status       Attempts
      ─────  ───────────  ────────
      B-1    completed           1
      B-2    rolled back         1
      B-3    completed           1
      B-4    completed           1
      B-5    completed           1
      B-6    completed           1
      B-7    completed           1
      B-8    rolled back         1
      B-9    completed           1
      B-10   completed           1
      … and 4 more orders.
      Cannot undo import 1: 14 orders were claimed, settled, retried or archived. Nothing was changed.
      "
    `)
    const { result } = await shop.json('import', 'undo', '1', '--dry-run')
    expect(result).toMatchObject({ import_id: '1', undone: false, used: { orders: { length: 10 } } })
    expect(everyRow(shop)).toEqual(before)
  })
})

describeOnEngines('import undo', (test) => {
  const contents = async (rows: (query: string) => Promise<unknown>) => ({
    orders: await rows('select source, reference, total, status from orders order by reference'),
    lines: await rows('select line_number, quantity from order_lines order by order_id, line_number'),
    customers: await rows('select customer_id, name from customers order by customer_id'),
    products: await rows('select sku, on_hand, reserved from products order by sku'),
    due: await rows('select count(*) as orders from due_orders'),
    adjustments: await rows('select delta from stock_adjustments order by id'),
  })

  test('leaves the database as before the import, and names that others use', async ({ shop }) => {
    await shop.importing(csv(line({ order: 'A-1' })))
    const before = await contents((query) => shop.rows(query))
    await shop.importing(BIG)
    expect(await shop.json('import', 'undo', '2', '--dry-run')).toMatchObject({
      result: { orders: 2, undone: false, used: { total: 0 } },
    })
    expect(await shop.json('import', 'undo', '2', '--yes')).toMatchObject({ code: 0, result: { undone: true } })
    expect(await contents((query) => shop.rows(query))).toEqual(before)
    await shop.expectAuditClean()
    // Again changes nothing, and the file can be imported again.
    expect(await shop.json('import', 'undo', '2', '--yes')).toMatchObject({ code: 0, result: { undone: true } })
    await shop.importing(BIG)
    expect(await shop.json('work', '--drain')).toMatchObject({ result: { processed: 3 } })
    await shop.expectAuditClean()
  })

  test('continues after a crash', async ({ shop }) => {
    await shop.importing(BIG)
    await shop.rows("update imports set status = 'undoing', ended_at = null, lease_until = 0")
    await shop.rows("delete from due_orders where order_id in (select id from orders where reference = 'B-1')")
    const file = shop.file('next.csv', NEXT)
    expect(await shop.json('import', file)).toMatchObject({ code: 2, result: { error: { code: 'import_unfinished' } } })
    expect(await shop.json('import', 'undo', '1', '--yes')).toMatchObject({ code: 0, result: { undone: true } })
    expect(await shop.value('select count(*) from orders')).toBe(0)
    await shop.importing(NEXT)
  })

  test('keeps customers that an import needs which is not finished', async ({ shop }) => {
    await shop.importing(BIG)
    await shop.importing(csv(line({ order: 'N-1' })))
    await shop.rows("update imports set status = 'reading', ended_at = null, lease_until = 0 where id = 2")
    await shop.rows('delete from customer_orders where order_id = 3')
    expect(await shop.json('orders', 'list', '--customer', 'C-1')).toMatchObject({ result: { total: 2 } })
    await shop.expectAuditClean()
    expect(await shop.json('import', 'undo', '1', '--yes')).toMatchObject({ code: 0, result: { undone: true } })
    expect(await shop.rows('select customer_id from customers')).toEqual([{ customer_id: 'C-1' }])
    await shop.expectAuditClean()
  })

  test('that a worker overtook after a crash makes the other orders due again', async ({ shop }) => {
    await shop.importing(BIG)
    await shop.rows("update imports set status = 'undoing', ended_at = null, lease_until = 0")
    await shop.rows("delete from due_orders where order_id in (select id from orders where reference = 'B-1')")
    await shop.rows("update due_orders set claims = 1, lease_token = 'someone'")
    const file = shop.file('next.csv', NEXT)
    expect(await shop.json('import', file, '--discard')).toMatchObject({ result: { error: { code: 'import_used' } } })
    expect(await shop.value('select count(*) from due_orders')).toBe(2)
    expect(await shop.value('select status from imports')).toBe('finished')
  })
})

describeOnServerEngines('import undo', (test) => {
  test('waits for a claim in progress, and then changes nothing', async ({ shop }) => {
    await shop.importing(BIG)
    const { used } = await whileLocked(
      shop,
      (worker) =>
        worker
          .updateTable('due_orders')
          .set({ lease_token: 'claim' as string as LeaseToken, claims: 1 })
          .execute(),
      () => undoImport(shop.db, new EmbeddedQueue(shop.db), 1 as ImportId),
    )
    expect(used).toMatchObject({ total: 2, orders: [{ order_id: 'B-1' }, { order_id: 'B-2' }] })
    expect(await shop.rows('select status from imports')).toEqual([{ status: 'finished' }])
    expect(await shop.value("select count(*) from due_orders where lease_token = 'claim'")).toBe(2)
  })
})

test('an import that rejects unknown products stops if an undo deletes one that it has looked up', async ({ shop }) => {
  await shop.run('products', 'import', shop.file('products.csv', 'sku,name,price,currency,stock\nS-1,Cup,1.00,USD,5\n'))
  // Deletes the product in the transaction of the chunk that the reader has checked.
  shop.sqlite.exec(
    `create trigger undo after insert on customers begin
       delete from stock_adjustments; delete from products;
     end`,
  )
  const file = shop.file('next.csv', NEXT)
  const { code, result } = await shop.jsonWith({ ORDERCTL_UNKNOWN_SKU: 'reject' }, 'import', file)
  expect({ code, result }).toMatchObject({ code: 1, result: { error: { code: 'products_removed', retryable: true } } })
  expect(shop.value('select count(*) from orders')).toBe(0)
})

describeWith('redis', 'with a queue on Redis', () => {
  test('messages of undone orders are ignored', async ({ shop }) => {
    const { environment: queue, close } = await onRedis()
    onTestFinished(close)
    await shop.importing(BIG, queue)
    expect(await shop.jsonWith(queue, 'import', 'undo', '1', '--yes')).toMatchObject({ code: 0 })
    await shop.importing(NEXT, queue)
    const drained = await shop.jsonWith(queue, 'work', '--drain')
    expect(drained).toMatchObject({ code: 0, result: { processed: 1, completed: 1 } })
  })
})
