// Archiving: the orders are in the file and no longer in the database, and every figure stays as worked out by hand.
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parse } from 'csv-parse/sync'
import { describe, expect } from 'vitest'
import type { OrderId } from '../../src/domain/ids.js'
import { archiveOrders } from '../../src/retention/archive-orders.js'
import { takeReferences } from '../../src/workflow/references.js'
import { describeOnEngines } from '../support/engine-shop.js'
import { csv, line } from '../support/lines.js'
import { importJson } from '../support/orders-file.js'
import { recount } from '../support/recount.js'
import { type Shop, test } from '../support/shop.js'

const FAILPOINTS = resolve(import.meta.dirname, '../support/preloaded/failpoints.js')

const at = (text: string) => Date.parse(`${text}T12:00:00Z`)

/**
 * 2023: A buys 2 mugs for 20.00 USD, gets 5.00 back in 2024, and buys a cup for 3.00 EUR; B of shop-b buys a mug for
 * 10.00 USD; B's next order is declined. 2024: A buys a cup for 4.00 USD.
 */
function selling(shop: Shop) {
  const sold = (reference: string, customer: string, day: string, lines: [string, number, number][], wish = {}) =>
    shop.order(reference, { status: 'completed', customer, at: `${day}T10:00:00`, settledAt: at(day), lines, ...wish })
  sold('1', 'A', '2023-05-01', [['MUG', 2, 1000]])
  sold('2', 'A', '2023-05-02', [['CUP', 1, 300]], { currency: 'EUR' })
  sold('3', 'B', '2023-05-02', [['MUG', 1, 1000]], { source: 'shop-b' })
  shop.order('4', { status: 'rolled_back', customer: 'B', source: 'shop-b', settledAt: at('2023-05-03') })
  sold('5', 'A', '2024-02-01', [['CUP', 1, 400]])
  shop.refund('1', 500, { answeredAt: at('2024-01-10') })
}

const archive = (shop: Shop, ...flags: string[]) =>
  shop.json('orders', 'archive', '--before', '2024-01-01', '--to', 'old.jsonl', '--yes', ...flags)

const linesOf = (shop: Shop, name = 'old.jsonl') =>
  readFileSync(join(shop.folder, name), 'utf8')
    .trimEnd()
    .split('\n')
    .map((text) => JSON.parse(text))

async function expectFigures(shop: Shop) {
  const range = await shop.json('kpis', 'range', '--from', '2023-01-01', '--to', '2024-12-31')
  expect(range.result).toMatchObject({
    kpis: [
      { currency: 'EUR', total_revenue: 3, refunds: 0, order_count: 1 },
      { currency: 'USD', total_revenue: 34, refunds: 5, net_revenue: 29, order_count: 3, unique_customers: 2 },
    ],
  })
  const ofShop = await shop.json('kpis', 'daily', '2024-01-10', '--source', 'default')
  expect(ofShop.result).toMatchObject({ kpis: [{ currency: 'USD', refunds: 5, net_revenue: -5 }] })
  const customers = await shop.json('leaderboard', 'customers', '--currency', 'USD')
  expect(customers.result).toMatchObject({
    customers: [
      { customer_id: 'A', total_spent: 19, order_count: 2 },
      { customer_id: 'B', total_spent: 10, order_count: 1 },
    ],
  })
  const products = await shop.json('leaderboard', 'products', '--currency', 'USD', '--source', 'shop-b')
  expect(products.result).toMatchObject({ products: [{ sku: 'MUG', units_sold: 1, total_revenue: 10 }] })
  const stock = (await shop.json('products', 'list')).result as { products: { sku: string }[] }
  expect(stock.products).toMatchObject([{ on_hand: 998 }, { on_hand: 997 }, { on_hand: 1000, reserved: 0 }])
}

/** Tables that have a row for each order, or several. */
const OF_ORDERS = [
  ...['orders', 'order_lines', 'payments', 'stock_reservations', 'refunds', 'events'],
  ...['order_changes', 'action_orders', 'due_orders'],
]

const rowsOf = (shop: Shop) => OF_ORDERS.map((table) => shop.value(`select count(*) from ${table}`))

describe.concurrent('orders archive', () => {
  test('moves what was settled before the day, and no figure changes, also when it is recalculated', async ({
    shop,
  }) => {
    selling(shop)
    await expectFigures(shop)
    const { code, result } = await archive(shop)
    expect(code).toBe(0)
    const file = join(shop.folder, 'old.jsonl')
    expect(result).toEqual({ file, format: 'jsonl', orders: 4, removed: 4, changed: 0, waiting: 0 })
    expect(rowsOf(shop)).toEqual([1, 1, 1, 1, 0, 0, 0, 0, 0])
    await expectFigures(shop)
    await shop.expectAuditClean()
    shop.sqlite.exec(
      'delete from sales_by_product; update sales_by_customer set revenue = 0; update products set on_hand = 5',
    )
    await shop.run('rebuild', 'all')
    await shop.run('rebuild', '--fix')
    await expectFigures(shop)
    await shop.expectAuditClean()
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(linesOf(shop)).toMatchObject([
      {
        ...{ order_id: '1', source: 'default', status: 'completed', total: 20, customer_id: 'A', currency: 'USD' },
        customer_name: 'Name of A',
        lines: [{ line: 1, sku: 'MUG', quantity: 2, unit_price: 10, amount: 20 }],
        payments: [{ attempt: 1, status: 'captured', amount: 20, gateway_reference: 'ref-1' }],
        refunds: [{ refund: 1, amount: 5, status: 'refunded', day: '2024-01-10' }],
      },
      { order_id: '2', currency: 'EUR', lines: [{ sku: 'CUP' }] },
      { order_id: '3', source: 'shop-b' },
      { order_id: '4', status: 'rolled_back', reason: 'declined', payments: [{ status: 'declined' }] },
    ])
    expect((await shop.json('audit', 'log')).result).toMatchObject({
      actions: [{ command: 'orders archive', subject: '4 orders', details: file }],
    })
  })

  test('leaves rows that the audit compares with everything else', async ({ shop }) => {
    selling(shop)
    await archive(shop)
    for (const [damage, checks] of [
      ["delete from archived_orders where reference = '4'", ['archives']],
      ["update archived_orders set reference = '5' where reference = '1'", ['archives']],
      ['update archived_sales_by_customer set revenue = revenue + 1', ['customer_sales']],
      ['update archived_sales_by_product set units = units + 1', ['stock_on_hand', 'product_sales']],
    ] as const) {
      shop.sqlite.exec(`savepoint sound; ${damage}; release sound`)
      const { code, result } = await shop.json('rebuild', '--check')
      const failed = (result as { checks: { name: string; ok: boolean }[] }).checks.filter(({ ok }) => !ok)
      expect({ code, names: failed.map(({ name }) => name) }, damage).toEqual({ code: 6, names: checks })
      const repaired = damage
        .replace('+ 1', '- 1')
        .replace("set reference = '5' where reference = '1'", "set reference = '1' where reference = '5'")
      if (repaired !== damage) shop.sqlite.exec(repaired)
      else
        shop.sqlite.exec(
          `insert into archived_orders select 'shop-b', '4', 1, id, '' from customers where source = 'shop-b'`,
        )
      await shop.expectAuditClean()
    }
  })

  test('writes a row for each line, payment and refund as CSV', async ({ shop }) => {
    selling(shop)
    shop.sqlite.exec(
      `update customers set name = '=1+1 "quoted",' || char(10) || 'order,17.1,' where customer_id = 'A'`,
    )
    await shop.run('orders', 'archive', '--before', '2024-01-01', '--to', 'old.csv', '--source', 'default', '--yes')
    const rows: Record<string, string>[] = parse(readFileSync(join(shop.folder, 'old.csv')), { columns: true })
    const kinds = rows.map(({ record, order_id }) => `${record} ${order_id}`)
    expect(kinds).toEqual(['order 1', 'line 1', 'payment 1', 'refund 1', 'order 2', 'line 2', 'payment 2'])
    expect(rows[0]).toMatchObject({ total: '20', currency: 'USD', customer_name: `'=1+1 "quoted", order,17.1,` })
    expect(rows[3]).toMatchObject({ amount: '5', day: '2024-01-10', status: 'refunded' })
    expect(shop.rows('select reference from orders order by id')).toEqual([
      { reference: '3' },
      { reference: '4' },
      { reference: '5' },
    ])
    await shop.expectAuditClean()
  })

  test('keeps orders that are open, or have an unfinished refund or an undelivered event', async ({ shop }) => {
    selling(shop)
    shop.refund('2', 100, { status: 'unknown' })
    shop.sqlite.exec(`insert into events (order_id, destination, number, token, kind, attempt, occurred_at, amount, state, next_at)
      select id, 'url', 1, 't', 'completed', 1, 0, 1, case reference when '3' then 'waiting' else 'delivered' end, 0
      from orders where reference in ('1', '3')`)
    shop.order('6', { settledAt: at('2023-05-01') })
    const dry = await archive(shop, '--dry-run')
    expect(dry.result).toMatchObject({ orders: 2, removed: 0, waiting: 2 })
    expect(rowsOf(shop)[0]).toBe(6)
    expect((await archive(shop)).result).toMatchObject({ removed: 2, waiting: 2 })
    const left = shop.rows('select reference from orders order by reference')
    expect(left).toEqual(['2', '3', '5', '6'].map((reference) => ({ reference })))
    expect(shop.value('select count(*) from events')).toBe(1)
    await shop.expectAuditClean()
    // The two that stay were settled before, too.
    const none = await shop.run('orders', 'archive', '--before', '2024-01-01', '--to', 'none.jsonl', '--dry-run')
    expect(none).toMatchObject({ code: 0, stdout: '' })
    expect(none.stderr).toMatch(/^No orders settled before 2024-01-01 can be archived\.\n2 orders stay: .*\n$/)
  })

  test('moves orders whose events waited for a destination that was removed, once these are discarded', async ({
    shop,
  }) => {
    selling(shop)
    shop.sqlite.exec(`insert into events (order_id, destination, number, token, kind, attempt, occurred_at, amount, state, next_at)
      select id, case reference when '1' then 'url' else 'command' end, 1, 't', 'completed', 1, 0, 1,
      case reference when '3' then 'delivered' else 'waiting' end, 0 from orders where reference in ('1', '2', '3')`)
    expect((await archive(shop, '--dry-run')).result).toMatchObject({ orders: 2, waiting: 2 })
    const discard = ['notify', 'retry', '--discard'] as const
    const unasked = await shop.json(...discard)
    expect(unasked).toMatchObject({ code: 2, result: { error: { code: 'confirmation_needed' } } })
    // The command is still configured: its event waits on.
    const notifying = { ORDERCTL_NOTIFY_COMMAND: 'true' }
    expect((await shop.jsonWith(notifying, ...discard, '--yes')).result).toEqual({ changed: 1 })
    expect((await archive(shop, '--dry-run')).result).toMatchObject({ orders: 3, waiting: 1 })
    expect((await shop.json(...discard, '--yes')).result).toEqual({ changed: 1 })
    expect((await archive(shop)).result).toMatchObject({ removed: 4, waiting: 0 })
    expect((await shop.json(...discard, '--all', '--yes')).code).toBe(2)
    expect((await shop.json('audit', 'log')).result).toMatchObject({
      actions: [{}, { command: 'notify retry --discard', subject: '1 event' }, { subject: '1 event' }],
    })
  })

  test('counts the day in the business time zone, and refuses one after today', async ({ shop }) => {
    const zone = { ORDERCTL_TIME_ZONE: 'America/New_York' }
    shop.order('1', { status: 'completed', settledAt: Date.parse('2024-01-01T04:59:59Z') })
    shop.order('2', { status: 'completed', settledAt: Date.parse('2024-01-01T05:00:00Z') })
    const args = ['orders', 'archive', '--before', '2024-01-01', '--to', 'old.jsonl', '--yes']
    expect((await shop.jsonWith(zone, ...args)).result).toMatchObject({ removed: 1 })
    expect(shop.rows('select reference from orders')).toEqual([{ reference: '2' }])
    for (const day of ['tomorrow', '2999-01-01']) {
      const refused = await shop.json('orders', 'archive', '--before', day, '--to', 'new.jsonl', '--yes')
      expect(refused).toMatchObject({ code: 2, result: { error: { code: 'bad_date' } } })
    }
  })

  test('never overwrites a file, and asks first', async ({ shop }) => {
    selling(shop)
    const file = shop.file('old.jsonl', 'mine')
    expect(await archive(shop)).toMatchObject({ code: 2, result: { error: { code: 'archive_exists' } } })
    expect(readFileSync(file, 'utf8')).toBe('mine')
    const unasked = await shop.json('orders', 'archive', '--before', '2024-01-01', '--to', 'new.jsonl')
    expect(unasked).toMatchObject({ code: 2, result: { error: { code: 'confirmation_needed' } } })
    const nowhere = await shop.json('orders', 'archive', '--before', '2024-01-01', '--to', 'no/new.jsonl', '--yes')
    expect(nowhere).toMatchObject({ code: 1, result: { error: { code: 'archive_unwritable' } } })
    expect(rowsOf(shop)[0]).toBe(5)
  })
})

describe.concurrent('an archived order', () => {
  test('that is imported again is a duplicate; with other content, a conflict; never charged again', async ({
    shop,
  }) => {
    const stored = [
      line({ order: '1', sku: 'MUG', quantity: 2 }),
      line({ order: '1', sku: 'CUP', price: '3.125' }),
      line({ order: '2', customer: 'C-2', name: 'Bob' }),
    ]
    await shop.importing(csv(...stored))
    await shop.runWith({ ORDERCTL_PAYMENT_SUCCESS_RATE: '1' }, 'work', '--drain')
    shop.sqlite.exec(`update orders set settled_at = ${at('2023-05-01')}`)
    await recount(shop.db)
    await archive(shop)
    const again = shop.file('again.csv', csv(stored[1] ?? '', stored[0] ?? '', stored[2] ?? '', line({ order: '3' })))
    for (const flags of [['--dry-run'], []]) {
      const { told } = await importJson(shop, again, ...flags)
      expect(told).toMatchObject({ rows: 4, imported: 1, orders: 1, duplicates: 3, conflicts: 0, rejected: 0 })
    }
    const other = [line({ order: '1', sku: 'MUG', quantity: 2 }), line({ order: '2', customer: 'C-3', name: 'Eve' })]
    const changed = shop.file('changed.csv', csv(...other))
    for (const flags of [['--dry-run'], ['--update'], []]) {
      const { told } = await importJson(shop, changed, ...flags)
      expect(told).toMatchObject({ rows: 2, imported: 0, orders: 0, duplicates: 0, conflicts: 2 })
      const file = join(shop.folder, 'old.jsonl')
      expect(told.conflicting_orders).toEqual(
        ['1', '2'].map((order_id, index) => ({
          ...{ order_id, line: index + 2, status: 'archived' },
          differences: [{ field: 'archive', sku: null, stored: file, file: null }],
        })),
      )
    }
    expect(readFileSync(join(shop.folder, 'changed.rejects.csv'), 'utf8')).toContain('order 1 is already stored')
    expect(shop.rows('select reference, status from orders')).toEqual([{ reference: '3', status: 'pending' }])
    expect(shop.rows('select customer_id from customers order by customer_id')).toEqual([
      { customer_id: 'C-1' },
      { customer_id: 'C-2' },
    ])
    // A line that is rejected is still rejected, and the same order id of another source is another order.
    const bad = await importJson(
      shop,
      shop.file('bad.csv', csv(line({ order: '1', quantity: 'two' }), stored[0] ?? '')),
    )
    expect(bad.told).toMatchObject({ rows: 2, rejected: 2, duplicates: 0, conflicts: 0 })
    const elsewhere = await importJson(shop, again, '--source', 'shop-b')
    expect(elsewhere.told).toMatchObject({ imported: 4, orders: 3 })
    await shop.expectAuditClean()
  })

  test('is named with its file by every command that wants the order', async ({ shop }) => {
    selling(shop)
    await archive(shop)
    const file = join(shop.folder, 'old.jsonl')
    for (const command of ['orders show', 'orders refund', 'orders cancel', 'failed retry', 'failed clear']) {
      const { code, result } = await shop.json(...command.split(' '), '1')
      expect({ code, result }).toMatchObject({ code: 1, result: { error: { code: 'order_archived' } } })
      expect((result as { error: { message: string } }).error.message).toContain(file)
    }
    expect(await shop.json('orders', 'show', '9')).toMatchObject({ result: { error: { code: 'unknown_order' } } })
  })

  test('keeps its import from being undone', async ({ shop }) => {
    await shop.importing(csv(line({ order: '1' }), line({ order: '2' })))
    await shop.runWith({ ORDERCTL_PAYMENT_SUCCESS_RATE: '1' }, 'work', '--drain')
    shop.sqlite.exec(`update orders set settled_at = ${at('2023-05-01')}`)
    await recount(shop.db)
    await archive(shop)
    const { code, result } = await shop.json('import', 'undo', '1', '--yes')
    expect({ code, result }).toMatchObject({ code: 3, result: { undone: false, used: { total: 2, orders: [] } } })
    expect((await shop.json('import', 'list')).result).toMatchObject({
      imports: [{ orders: 2, rows: 2, state: 'finished' }],
    })
    await shop.expectAuditClean()
  })

  test('is missing in an export that continues before it, which says so', async ({ shop }) => {
    selling(shop)
    await archive(shop)
    const early = await shop.json('orders', 'export', '--settled-since', `${at('2023-05-01')}.1`)
    expect(early).toMatchObject({ code: 3, result: { orders: [{ order_id: '5' }], archives: [{ orders: 4 }] } })
    expect(await shop.json('orders', 'export')).toMatchObject({ code: 0, result: { archives: [{ orders: 4 }] } })
    const late = await shop.json('orders', 'export', '--settled-since', `${at('2023-06-01')}.0`)
    expect(late).toMatchObject({ code: 0, result: { orders: [{ order_id: '5' }], archives: [] } })
  })

  test('keeps the reference of its payment, which no other order can have', async ({ shop }) => {
    selling(shop)
    shop.sqlite.exec("insert into payment_references select 'ref-1', id from orders where reference = '1'")
    await archive(shop)
    const id = shop.value("select id from orders where reference = '5'") as OrderId
    const taken = await shop.db.transaction().execute((trx) => takeReferences(trx, [{ id, reference: 'ref-1' }]))
    expect(taken).toEqual(new Set([id]))
    await shop.expectAuditClean()
  })
})

describe.concurrent('an interrupted archive', () => {
  /** 700 orders of one widget for 1.00: two transactions. */
  async function filled(shop: Shop) {
    shop.sqlite.exec('begin')
    shop.product('W', { onHand: 700 })
    for (let number = 1; number <= 700; number++)
      shop.order(`O-${number}`, { status: 'completed', settledAt: at('2023-05-01'), lines: [['W', 1, 100]] })
    shop.sqlite.exec('commit')
  }
  const archiving = (shop: Shop, file: string, stopping: AbortController, onProgress: (doing: string) => void) =>
    archiveOrders(shop.db, {
      ...{ file: join(shop.folder, file), format: 'jsonl', source: null, before: at('2024-01-01') },
      ...{ signal: stopping.signal, onProgress, onWaiting: () => undefined },
    })
  /** Stops the archive when it reports this. */
  async function interrupted(shop: Shop, file: string, when: 'written' | 'removed') {
    const stopping = new AbortController()
    const ended = archiving(shop, file, stopping, (doing) => doing === when && stopping.abort())
    await expect(ended).rejects.toThrow('Interrupted')
  }
  const references = (shop: Shop, ...files: string[]) =>
    files.flatMap((file) => linesOf(shop, file).map(({ order_id }) => String(order_id)))

  test('fails if another command archives to the same file, which removes its draft', async ({ shop }) => {
    await filled(shop)
    const [signal, running] = [new AbortController(), { code: 'archive_running' }]
    let other: Promise<unknown> | undefined
    const ended = archiving(shop, 'old.jsonl', signal, () => {
      other ??= expect(archiving(shop, 'old.jsonl', signal, () => undefined)).rejects.toMatchObject(running)
    })
    await expect(ended).rejects.toMatchObject(running)
    await other
    expect(await archive(shop)).toMatchObject({ code: 0, result: { removed: 700 } })
  })

  test('leaves no file if it was not complete, and starts over', async ({ shop }) => {
    await filled(shop)
    await interrupted(shop, 'old.jsonl', 'written')
    expect(await archive(shop, '--dry-run')).toMatchObject({ code: 0, result: { orders: 700 } })
    expect((await archive(shop)).result).toMatchObject({ orders: 700, removed: 700 })
  })

  test('continues with the same file', async ({ shop }) => {
    await filled(shop)
    await interrupted(shop, 'old.jsonl', 'removed')
    expect(rowsOf(shop)[0]).toBe(200)
    await shop.expectAuditClean()
    expect(await archive(shop)).toMatchObject({ code: 0, result: { removed: 200, changed: 0 } })
    expect(new Set(references(shop, 'old.jsonl')).size).toBe(700)
    expect(rowsOf(shop)[0]).toBe(0)
    expect(shop.rows('select orders, ended_at is not null as ended from archives')).toEqual([{ orders: 700, ended: 1 }])
    await shop.expectAuditClean()
  })

  test('syncs its file again before it removes an order, since it may have been killed before that', async ({
    shop,
  }) => {
    await filled(shop)
    await interrupted(shop, 'old.jsonl', 'removed')
    const log = join(shop.folder, 'calls')
    const logging = { NODE_OPTIONS: `--import ${FAILPOINTS}`, TEST_FAILPOINTS: JSON.stringify({ log }) }
    const continuing = shop.start(logging, 'orders', 'archive', '--before', '2024-01-01', '--to', 'old.jsonl', '--yes')
    expect(await continuing.ended).toMatchObject({ code: 0 })
    const calls = readFileSync(log, 'utf8').split('\n')
    const before = calls.slice(
      0,
      calls.findIndex((call) => call.includes('delete from')),
    )
    // The file and its folder.
    expect(before.filter((call) => call.includes('fsyncSync'))).toHaveLength(2)
  })

  test('continues with another file, which gets the orders that are left', async ({ shop }) => {
    await filled(shop)
    await interrupted(shop, 'old.jsonl', 'removed')
    const other = await shop.json('orders', 'archive', '--before', '2024-01-01', '--to', 'new.jsonl', '--yes')
    expect(other).toMatchObject({ code: 0, result: { orders: 200, removed: 200 } })
    expect(references(shop, 'new.jsonl')).toHaveLength(200)
    expect(new Set(references(shop, 'old.jsonl', 'new.jsonl')).size).toBe(700)
    expect(shop.rows('select orders from archives')).toEqual([{ orders: 500 }, { orders: 200 }])
    await shop.expectAuditClean()
  })

  test('removes only what the file has as it is stored', async ({ shop }) => {
    await filled(shop)
    await interrupted(shop, 'old.jsonl', 'removed')
    // A refund of O-600 after it was written; O-650 was lost from the file; the end of the file is damaged.
    shop.refund('O-600', 50)
    const file = join(shop.folder, 'old.jsonl')
    const written = readFileSync(file, 'utf8').split('\n')
    writeFileSync(
      file,
      written
        .filter((text) => !text.includes('"O-650"'))
        .join('\n')
        .slice(0, -20),
    )
    expect(await archive(shop)).toMatchObject({ code: 3, result: { removed: 197, changed: 2 } })
    const left = shop.rows('select reference from orders order by id')
    expect(left).toEqual(['O-600', 'O-650', 'O-700'].map((reference) => ({ reference })))
    await shop.expectAuditClean()
    const rest = await shop.json('orders', 'archive', '--before', '2024-01-01', '--to', 'rest.jsonl', '--yes')
    expect(rest).toMatchObject({ code: 0, result: { removed: 3 } })
    expect(linesOf(shop, 'rest.jsonl')[0]).toMatchObject({ order_id: 'O-600', refunds: [{ amount: 0.5 }] })
    await shop.expectAuditClean()
  })

  test('waits for no import that was interrupted: the person must end it', async ({ shop }) => {
    selling(shop)
    shop.import({ status: 'reading' })
    expect(await archive(shop)).toMatchObject({ code: 1, result: { error: { code: 'import_unfinished' } } })
    expect(rowsOf(shop)[0]).toBe(5)
    expect(existsSync(join(shop.folder, 'old.jsonl'))).toBe(false)
  })
})

describeOnEngines('an archive', (test) => {
  test('changes no figure, and its orders stay known', async ({ shop }) => {
    const capturing = { ORDERCTL_PAYMENT_SUCCESS_RATE: '1' }
    const stored = [
      line({ order: '1', customer: 'A', sku: 'MUG', quantity: 2 }),
      line({ order: '2', customer: 'B', sku: 'CUP', price: '3.00', currency: 'EUR' }),
      line({ order: '3', customer: 'A', sku: 'MUG', quantity: 5000 }),
    ]
    await shop.importing(csv(...stored))
    await shop.runWith(capturing, 'work', '--drain')
    await shop.run('orders', 'refund', '1', '--amount', '4')
    await shop.rows('update orders set settled_at = settled_at - 172800000')
    await recount(shop.db)
    const figures = async () => {
      const reports = ['kpis range --from 2025-01-01 --to today', 'leaderboard customers', 'products list']
      const results = await Promise.all(reports.map((words) => shop.json(...words.split(' '))))
      return JSON.parse(JSON.stringify(results, (name, value) => (name === 'generated_at' ? undefined : value)))
    }
    const before = await figures()
    const archived = await shop.json('orders', 'archive', '--before', 'today', '--to', 'old.jsonl', '--yes')
    expect(archived).toMatchObject({ code: 0, result: { removed: 3 } })
    expect(await figures()).toEqual(before)
    for (const table of OF_ORDERS) expect(Number(await shop.value(`select count(*) from ${table}`)), table).toBe(0)
    const { told } = await importJson(shop, shop.file('again.csv', csv(...stored, line({ order: '4', customer: 'A' }))))
    expect(told).toMatchObject({ rows: 4, duplicates: 3, imported: 1 })
    await shop.runWith(capturing, 'work', '--drain')
    await shop.run('rebuild', 'all')
    await shop.expectAuditClean()
    // A second archive adds to the sums of the first.
    await shop.rows('update orders set settled_at = settled_at - 172800000')
    await recount(shop.db)
    await shop.run('orders', 'archive', '--before', 'today', '--to', 'more.csv', '--yes')
    expect(
      await shop.rows('select customer_id, orders, revenue from archived_sales_by_customer order by revenue'),
    ).toMatchObject([
      { orders: 1, revenue: 300 },
      { orders: 2, revenue: 3000 },
    ])
    await shop.expectAuditClean()
  })
})
