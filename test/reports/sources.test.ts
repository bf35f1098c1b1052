// Customers of several sources: the same id in two shops is two people.
import { describe, expect, test } from 'vitest'
import type { EngineShop } from '../support/engine-shop.js'
import { describeOnEngines } from '../support/engine-shop.js'
import { FiguresShop, SPENDING } from '../support/figures-shop.js'
import { csv, line } from '../support/lines.js'
import { describeWith, serverUrl } from '../support/servers.js'
import { test as onSqlite, type Shop } from '../support/shop.js'

const ALL_CAPTURED = { ORDERCTL_PAYMENT_SUCCESS_RATE: '1' }

/** Customer 17 is Ann in shop-a, who spends 10 and 5, and Bob in shop-b, who spends 20. Both buy TEA. */
async function sellInTwoShops(shop: Shop | EngineShop, environment: Record<string, string> = {}): Promise<void> {
  const tea = { customer: '17', sku: 'TEA', product: 'Tea', date: '2025-01-15' }
  const ann = [
    line({ ...tea, order: '1', name: 'Ann', price: '10' }),
    line({ ...tea, order: '2', name: 'Ann', price: '5' }),
  ]
  await shop.importing(csv(...ann), environment, '--source', 'shop-a')
  await shop.importing(csv(line({ ...tea, order: '1', name: 'Bob', price: '20' })), environment, '--source', 'shop-b')
  await shop.runWith({ ...ALL_CAPTURED, ...environment }, 'work', '--drain')
}

describeOnEngines('customers of two sources', (test) => {
  test('are two in leaderboards, KPIs and orders, and share products', async ({ shop }) => {
    await sellInTwoShops(shop)
    const board = await shop.run('leaderboard', 'customers')
    expect(board.stdout).toMatchInlineSnapshot(`
      "Rank  Source  Customer  Name  Orders      Spent
      ────  ──────  ────────  ────  ──────  ─────────
         1  shop-b  17        Bob        1  20.00 USD
         2  shop-a  17        Ann        2  15.00 USD
      "
    `)
    const ofA = await shop.run('leaderboard', 'customers', '--source', 'shop-a')
    expect(ofA.stdout).toMatchInlineSnapshot(`
      "Rank  Customer  Name  Orders      Spent
      ────  ────────  ────  ──────  ─────────
         1  17        Ann        2  15.00 USD
      "
    `)
    expect((await shop.json('leaderboard', 'rank', '17', '--source', 'shop-a')).result).toMatchObject({
      ...{ rank: 1, of: 1, source: 'shop-a', customer_name: 'Ann', total_spent: 15 },
    })
    expect((await shop.json('leaderboard', 'products')).result).toMatchObject({
      products: [{ sku: 'TEA', units_sold: 3, order_count: 3, total_revenue: 35 }],
    })
    expect((await shop.json('leaderboard', 'products', '--source', 'shop-b')).result).toMatchObject({
      products: [{ sku: 'TEA', units_sold: 1, order_count: 1, total_revenue: 20 }],
    })
    const day = ['kpis', 'daily', '--date', '2025-01-15']
    expect((await shop.json(...day)).result).toMatchObject({ kpis: [{ order_count: 3, unique_customers: 2 }] })
    expect((await shop.json(...day, '--source', 'shop-a')).result).toMatchObject({
      kpis: [{ total_revenue: 15, order_count: 2, unique_customers: 1 }],
    })
    expect((await shop.json('kpis', 'realtime', '--source', 'shop-b')).result).toMatchObject({ completed_today: 1 })
    const range = ['kpis', 'range', '--from', '2025-01-15', '--to', '2025-01-15', '--source', 'shop-b']
    expect((await shop.json(...range)).result).toMatchObject({ kpis: [{ total_revenue: 20, unique_customers: 1 }] })
    expect((await shop.json('orders', 'show', '1', '--source', 'shop-b')).result).toMatchObject({
      ...{ source: 'shop-b', customer_id: '17', customer_name: 'Bob' },
    })
    await shop.expectAuditClean()
  })

  test('are named by the last import of their source', async ({ shop }) => {
    const of = (order: string, name: string) => csv(line({ order, customer: '17', name }))
    await shop.importing(of('1', 'Ann'), {}, '--source', 'shop-a')
    await shop.importing(of('1', 'Bob'), {}, '--source', 'shop-b')
    await shop.importing(of('2', 'Ann Smith'), {}, '--source', 'shop-a')
    // A line without a name keeps it.
    await shop.importing(of('3', ''), {}, '--source', 'shop-a')
    expect(await shop.rows('select source, name from customers order by source')).toEqual([
      { source: 'shop-a', name: 'Ann Smith' },
      { source: 'shop-b', name: 'Bob' },
    ])
    const twice = csv(
      line({ order: '4', customer: '17', name: 'Ann Jones' }),
      line({ order: '5', customer: '17', name: 'Ann Doe' }),
    )
    await shop.importing(twice, {}, '--source', 'shop-a')
    expect(await shop.value("select name from customers where source = 'shop-a'")).toBe('Ann Doe')
  })
})

describe('customers of two sources', () => {
  onSqlite('need a source where only one is meant', async ({ shop }) => {
    await sellInTwoShops(shop)
    const { code, stderr } = await shop.run('leaderboard', 'rank', '17')
    expect({ code, stderr }).toMatchInlineSnapshot(`
      {
        "code": 2,
        "stderr": "Error: Customer 17 exists in several sources: shop-a, shop-b.
      Specify one: --source shop-a.
      ",
      }
    `)
  })

  onSqlite('show no source where there is only one', async ({ shop }) => {
    await shop.importing(csv(line({ customer: '17', name: 'Ann', price: '10' })))
    await shop.runWith(ALL_CAPTURED, 'work', '--drain')
    expect((await shop.run('leaderboard', 'customers')).stdout).not.toContain('Source')
  })

  onSqlite('differ for the audit from customers of another source', async ({ shop }) => {
    await sellInTwoShops(shop)
    shop.sqlite.exec("update orders set customer_id = 1 where source = 'shop-b'")
    const { result } = await shop.json('rebuild', '--check')
    expect(result).toMatchObject({
      checks: expect.arrayContaining([expect.objectContaining({ name: 'references', differences: 1 })]),
    })
  })
})

describeWith('redis', 'customers of two sources in Redis', () => {
  test('are members with their source, except for the default one', async ({ onTestFinished }) => {
    const at = await FiguresShop.open()
    onTestFinished(() => at.close())
    const environment = { ORDERCTL_REDIS_URL: serverUrl('redis'), ORDERCTL_REDIS_PREFIX: at.prefix }
    await at.shop.importing(csv(line({ order: '9', customer: '17', name: 'Eve', price: '1' })), environment)
    await sellInTwoShops(at.shop, environment)
    const { code, stdout } = await at.shop.runWith(environment, 'rebuild', '--check')
    expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringMatching(/redis_customers +ok +3 +3/) })
    expect(await at.board(SPENDING)).toEqual({ '17': 100, 'shop-a:17': 1500, 'shop-b:17': 2000 })
  })
})
