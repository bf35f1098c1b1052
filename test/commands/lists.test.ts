// Lists and reports: which rows they have, in which order, and the same rows as tables, CSV and JSON.

import { describe, expect } from 'vitest'
import { HOUR, type Shop, test } from '../support/shop.js'

interface Listed {
  readonly total: number
  readonly orders: readonly { readonly order_id: string }[]
}

/** How many match in all, then the orders that are shown. */
async function ids(shop: Shop, ...command: string[]) {
  const { total, orders } = (await shop.json(...command)).result as Listed
  return [total, ...orders.map((order) => order.order_id)]
}

describe.concurrent('lists', () => {
  test('orders come by newest order date, filtered by status, customer, product, day and source', async ({ shop }) => {
    shop.order('1', { day: '2025-01-10' })
    shop.order('2', { day: '2025-03-01', customer: 'C-2', status: 'completed' })
    shop.order('3', { day: '2025-02-01', source: 'shop-b', lines: [['A', 1, 1250]] })
    const list = (...filter: string[]) => ids(shop, 'orders', 'list', ...filter)
    expect(await list('--limit', '2')).toEqual([3, '2', '3'])
    expect(await list('--customer', 'C-1', '--since', '2025-02-01')).toEqual([1, '3'])
    expect(await list('--source', 'shop-b', '--status', 'pending')).toEqual([1, '3'])
    expect(await list('--sku', 'WIDGET-1', '--from', '2025-01-11')).toEqual([1, '2'])
    expect(await list('--from', '2025-01-10', '--to', '2025-02-01')).toEqual([2, '3', '1'])
    expect(await list('--month', '2025-03')).toEqual([1, '2'])
    expect(await shop.run('orders', 'list', '--since', '7d', '--last', '7d')).toMatchObject({ code: 2 })
  })

  test('failures are orders that failed or need review, the newest first, without cleared ones', async ({ shop }) => {
    const now = Date.now()
    shop.order('1001', { status: 'failed', message: 'two short', settledAt: now - 3 * HOUR })
    shop.order('1002', { status: 'rolled_back', attempt: 2, settledAt: now - HOUR })
    shop.unknownOrder('1003', now - 2 * HOUR)
    shop.order('1004', { status: 'failed', clearedAt: now })
    shop.order('1005', { status: 'completed' })
    shop.order('1006')
    const failed_at = (hours: number) => new Date(now - hours * HOUR).toISOString()
    const declined = { order_id: '1002', source: 'default', status: 'rolled_back', reason: 'declined' }
    const unknown = { order_id: '1003', status: 'payment_processing', reason: 'payment_unknown' }
    expect((await shop.json('failed', 'list')).result).toEqual({
      total: 3,
      orders: [
        { ...declined, message: null, attempts: 2, failed_at: failed_at(1) },
        expect.objectContaining({ ...unknown, failed_at: failed_at(2) }),
        expect.objectContaining({ order_id: '1001', message: 'two short' }),
      ],
    })
  })

  test('failures are filtered by reason, time, product and source', async ({ shop }) => {
    const now = Date.now()
    shop.order('1', { status: 'failed', lines: [['A', 2, 1250]], settledAt: now - 30 * HOUR })
    shop.order('2', { status: 'failed', lines: [['B', 2, 1250]], settledAt: now - HOUR })
    shop.order('3', { status: 'rolled_back', source: 'shop-b', settledAt: now - 2 * HOUR })
    const list = (...filter: string[]) => ids(shop, 'failed', 'list', ...filter)
    const day = new Date(now - 30 * HOUR).toISOString().slice(0, 10)
    expect(await list('--reason', 'declined', '--source', 'shop-b')).toEqual([1, '3'])
    expect(await list('--since', '24h', '--limit', '1')).toEqual([2, '2'])
    expect(await list('--since', day, '--sku', 'A')).toEqual([1, '1'])
  })

  test('products come by SKU; --low has those that run out', async ({ shop }) => {
    shop.product('B', { onHand: 10, reserved: 8 })
    shop.product('A', { onHand: 5 })
    const a = { sku: 'A', name: 'Name of A', on_hand: 5, reserved: 0, available: 5 }
    const b = { sku: 'B', name: 'Name of B', on_hand: 10, reserved: 8, available: 2 }
    expect((await shop.json('products', 'list')).result).toEqual({ total: 2, products: [a, b] })
    expect((await shop.json('products', 'list', '--low', '2')).result).toEqual({ total: 1, products: [b] })
  })

  test('amounts have separators only in tables, and CSV quotes a formula', async ({ shop }) => {
    shop.order('=1+1')
    shop.sqlite.exec("update orders set total = 123456, currency = 'USD'")
    const [table, csv] = [await shop.run('orders', 'list'), await shop.run('orders', 'list', '--csv')]
    expect(table.stdout).toMatch(/ Total\n.*\n=1\+1 {3}15 Jan 2025 10:00 .* 1,234\.56 USD\n/)
    expect(csv.stdout.split('\n').slice(0, 2)).toEqual([
      'order,source,order date,status,reason,customer,name,total,currency',
      "'=1+1,default,2025-01-15T10:00:00,pending,,C-1,Name of C-1,1234.56,USD",
    ])
    const { result } = await shop.json('orders', 'list')
    expect(result).toMatchObject({ orders: [{ customer_id: 'C-1', total: 1234.56, currency: 'USD' }] })
  })

  test('stop at 30 rows and say how many there are; --limit all shows all', async ({ shop }) => {
    for (let n = 0; n < 31; n++) shop.order(`${n}`, { status: 'failed', lines: [[`S-${n}`, 2, 1250]] })
    for (const [name, rows] of [
      ['orders', 'orders'],
      ['failed', 'orders'],
      ['products', 'products'],
    ] as const) {
      const { result } = await shop.json(name, 'list')
      expect(result).toMatchObject({ total: 31, [rows]: { length: 30 } })
      const csv = await shop.run(name, 'list', '--csv')
      expect(csv.stdout.trim().split('\n')).toHaveLength(31)
      expect(csv.stderr).toBe('30 of 31. All: --limit all\n')
      const all = await shop.run(name, 'list', '--csv', '--limit', 'all')
      expect(all.stdout.trim().split('\n')).toHaveLength(32)
      expect(all.stderr).toBe('')
    }
    shop.sqlite.exec(`with recursive n (i) as (select 1 union all select i + 1 from n where i < 1173)
      insert into products (sku, name, on_hand, reserved, unit_price, currency)
      select 'N-' || i, 'Cup', 1, 0, 100, 'USD' from n`)
    const table = await shop.run('products', 'list', '--low', '100000')
    expect(table.stdout.trim().split('\n')).toHaveLength(32)
    expect(table.stderr).toBe('30 of 1,204. All: --limit all\n')
    for (const limit of ['0', '-1', 'some']) {
      expect(await shop.run('orders', 'list', `--limit=${limit}`)).toMatchObject({ code: 2 })
    }
  })

  test('status stops at 30 workers and says how many there are', async ({ shop }) => {
    for (let n = 0; n < 31; n++) shop.worker(`worker-${n}`, Date.now())
    const { stdout, stderr } = await shop.run('status')
    expect(stdout.match(/^worker-/gm)).toHaveLength(30)
    expect(stderr).toContain('30 of 31. All: orderctl status --json\n')
    expect((await shop.json('status')).result).toMatchObject({ workers: { length: 31 } })
  })

  test('reports have the days of a range, and the same customers in the leaderboard and by rank', async ({ shop }) => {
    shop.order('1', { status: 'completed', day: '2025-01-15' })
    shop.order('2', { status: 'completed', day: '2025-01-16', customer: 'C-2' })
    await shop.run('rebuild', 'leaderboard')
    const range = ['kpis', 'range', '--from', '2025-01-15', '--to', '2025-01-16']
    const csv =
      'date,currency,revenue,refunds,net revenue,orders,average order value,customers\n2025-01-15,USD,25,0,25,1,25,1\n2025-01-16,USD,25,0,25,1,25,1\n'
    expect(await shop.run(...range, '--csv')).toEqual({ code: 0, stdout: csv, stderr: '' })
    const { stdout } = await shop.run(...range)
    expect(stdout).toMatch(/\n2025-01-15 +25\.00 USD +█+ +1 [\s\S]*\nTotal +50\.00 USD +2 /)

    const board = await shop.run('leaderboard', 'customers', '--csv')
    expect(board.stdout).toBe(
      'rank,source,customer,name,orders,spent,currency\n1,default,C-1,Name of C-1,1,25,USD\n2,default,C-2,Name of C-2,1,25,USD\n',
    )
    expect((await shop.json('leaderboard', 'rank', 'C-2')).result).toEqual({
      ...{
        rank: 2,
        of: 2,
        source: 'default',
        customer_id: 'C-2',
        customer_name: 'Name of C-2',
        order_count: 1,
        total_spent: 25,
      },
      ...{ currency: 'USD', generated_at: expect.any(String) },
    })
  })

  test('an empty leaderboard says in which currency nothing was sold', async ({ shop }) => {
    shop.order('1', { status: 'completed' })
    shop.order('2', { status: 'completed' })
    shop.order('3', { status: 'completed', currency: 'EUR', customer: 'C-2' })
    await shop.run('rebuild', 'leaderboard')
    const said = async (...args: string[]) => (await shop.run('leaderboard', ...args)).stderr
    expect(await said('rank', 'C-2')).toMatch(/^C-2 has no completed orders in USD\. .*\n.*--currency.*: EUR\n$/)
    expect(await said('products', '--currency', 'CHF')).toMatch(/^No completed orders found in CHF\. /)
    expect(await said('customers', '--month', '2020-01')).toMatch(/^No completed orders found\. /)
  })

  test('empty lists say what to do next', async ({ shop }) => {
    for (const [name, next] of [
      ['orders', 'orderctl import FILE'],
      ['failed', 'orderctl orders list'],
      ['products', 'orderctl products import FILE'],
    ] as const) {
      const outcome = await shop.run(name, 'list')
      expect(outcome).toEqual({ code: 0, stdout: '', stderr: expect.stringContaining(next) })
    }
  })
})
