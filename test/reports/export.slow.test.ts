// Exports of settled orders: no settlement is missed between two exports, whatever commits late and whatever the clock
// shows.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { settlementTime } from '../../src/database/settlement-time.js'
import type { OrderId } from '../../src/domain/ids.js'
import { describeOnEngines, describeOnServerEngines, type EngineShop } from '../support/engine-shop.js'
import { csv, line } from '../support/lines.js'
import { whileLocked } from '../support/locks.js'
import { test as shopTest } from '../support/shop.js'

const ALL_CAPTURED = { ORDERCTL_PAYMENT_SUCCESS_RATE: '1' }
const NONE_CAPTURED = { ORDERCTL_PAYMENT_SUCCESS_RATE: '0' }

type Exported = Record<string, unknown> & { readonly order_id: string; readonly cursor: string }

async function exported(shop: EngineShop, ...flags: string[]) {
  const { code, result } = await shop.json('orders', 'export', ...flags)
  expect(code, JSON.stringify(result)).toBe(0)
  const { cursor, orders } = result as { cursor: string; orders: Exported[] }
  return { cursor, orders, ids: orders.map((order) => order.order_id) }
}

describeOnEngines('orders export', (test) => {
  test('continues after a cursor, and repeats an order that is retried and settled again', async ({ shop }) => {
    await shop.importing(csv(line({ order: 'A-1', quantity: 2 }), line({ order: 'A-2', price: '3.50' })))
    await shop.runWith(NONE_CAPTURED, 'work', '--drain')
    const first = await exported(shop)
    expect(first.orders).toMatchObject([
      { order_id: 'A-1', status: 'rolled_back', reason: 'declined', total: 20, captured: null, attempts: 1 },
      { order_id: 'A-2', status: 'rolled_back', reason: 'declined', total: 3.5, payment_reference: null },
    ])
    expect(await exported(shop, '--settled-since', first.cursor)).toMatchObject({ ids: [] })

    await shop.importing(csv(line({ order: 'A-3', price: '1.00' })), {}, '--source', 'shop-b')
    await shop.run('failed', 'retry', 'A-2')
    await shop.runWith(ALL_CAPTURED, 'work', '--drain')
    const second = await exported(shop, '--settled-since', first.cursor)
    expect(second.orders).toMatchObject([
      { order_id: 'A-2', status: 'completed', reason: null, captured: 3.5, attempts: 2 },
      { order_id: 'A-3', status: 'completed', captured: 1, source: 'shop-b' },
    ])
    const [row] = second.orders
    expect(row?.['payment_reference']).toMatch(/^sim_/)
    expect((await exported(shop, '--settled-since', `${row?.cursor}`)).ids).toEqual(['A-3'])
    expect((await exported(shop, '--source', 'shop-b')).ids).toEqual(['A-3'])
    const limited = await exported(shop, '--limit', '1')
    expect(limited).toMatchObject({ ids: ['A-1'], cursor: first.orders[0]?.cursor })
    expect((await exported(shop, '--settled-since', limited.cursor)).ids).toEqual(['A-2', 'A-3'])
  })

  test('has no gap when the clock is set back', async ({ shop }) => {
    await shop.importing(csv(line({ order: 'A-1' }), line({ order: 'A-2' })))
    await shop.runWith(ALL_CAPTURED, 'work', '--drain', '--max-orders', '2')
    // As if the clock had been an hour ahead.
    await shop.rows('update orders set settled_at = settled_at + 3600000')
    const first = await exported(shop)
    expect(first.ids).toEqual(['A-1', 'A-2'])
    await shop.importing(csv(line({ order: 'A-3' }), line({ order: 'A-4', quantity: 5000 })))
    await shop.runWith(ALL_CAPTURED, 'work', '--drain')
    expect((await exported(shop, '--settled-since', first.cursor)).ids.sort()).toEqual(['A-3', 'A-4'])
  })
})

describeOnServerEngines('orders export', (test) => {
  test('waits for a settlement that commits late', async ({ shop }) => {
    await shop.importing(csv(line({ order: 'LATE' }), line({ order: 'A-2' })))
    const late = Number(await shop.value("select id from orders where reference = 'LATE'")) as OrderId
    const result = await whileLocked(
      shop,
      async (trx) => {
        const settled_at = await settlementTime(trx)
        await trx.deleteFrom('due_orders').where('order_id', '=', late).execute()
        await trx
          .updateTable('orders')
          .set({ status: 'failed', reason: 'out_of_stock', settled_at })
          .where('id', '=', late)
          .execute()
      },
      () => exported(shop),
    )
    expect(result.ids).toEqual(['LATE'])
  })
})

describe('orders export --cursor-file', () => {
  const lines = Array.from({ length: 3000 }, (_, index) => line({ order: `A-${index}`, sku: `S-${index % 50}` }))

  shopTest('keeps the cursor until all rows were written, and continues there', async ({ shop }) => {
    await shop.importing(csv(...lines))
    await shop.runWith(ALL_CAPTURED, 'work', '--drain')
    const file = join(shop.folder, 'cursor')
    const flags = ['orders', 'export', '--cursor-file', file, '--format', 'json']
    const cut = await shop.startInShell('"$@" | head -n 700', ...flags).ended
    expect(existsSync(file)).toBe(false)
    const received = cut.stdout.trim().split('\n')
    expect(received).toHaveLength(700)
    const { cursor } = JSON.parse(`${received.at(-1)}`) as Exported
    const rest = await shop.run('orders', 'export', '--format', 'json', '--settled-since', cursor)
    const ids = `${cut.stdout}${rest.stdout}`
      .trim()
      .split('\n')
      .map((row) => (JSON.parse(row) as Exported).order_id)
    expect(ids).toHaveLength(3000)
    expect(new Set(ids).size).toBe(3000)

    expect((await shop.run(...flags)).stdout.trim().split('\n')).toHaveLength(3000)
    const kept = readFileSync(file, 'utf8')
    expect(kept).toMatch(/^\d+\.0\n$/)
    expect(await shop.run(...flags)).toMatchObject({ code: 0, stdout: '', stderr: '0 orders exported.\n' })
    shop.order('LATER', { status: 'completed', settledAt: Date.now() })
    expect((await shop.run(...flags)).stdout).toMatch(/^{"order_id":"LATER"/)
    expect((await shop.run(...flags)).stdout).toBe('')
  })

  shopTest('says which file of a cursor cannot be read or written', async ({ shop }) => {
    const reading = await shop.json('orders', 'export', '--cursor-file', shop.folder)
    expect(reading).toMatchObject({ code: 2, result: { error: { code: 'cursor_unreadable' } } })
    const missing = join(shop.folder, 'missing', 'cursor')
    const writing = await shop.run('orders', 'export', '--cursor-file', missing)
    expect(writing.code).toBe(1)
    expect(writing.stderr).toContain(`Cannot write the cursor to ${missing} (ENOENT)`)
  })

  shopTest('rejects a file that has no cursor', async ({ shop }) => {
    const file = shop.file('notes.txt', 'my notes')
    const { code, stderr } = await shop.run('orders', 'export', '--cursor-file', file)
    expect(code).toBe(2)
    expect(stderr).toContain('notes.txt does not contain a cursor')
    expect(readFileSync(file, 'utf8')).toBe('my notes')
  })
})
