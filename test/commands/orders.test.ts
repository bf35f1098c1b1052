// One order with everything that belongs to it.

import { describe, expect } from 'vitest'
import { describeOnEngines } from '../support/engine-shop.js'
import { csv, line } from '../support/lines.js'
import { PseudoTerminal } from '../support/pseudo-terminal.js'
import { HOUR, type Shop, test } from '../support/shop.js'

describe.concurrent('orders show', () => {
  test('has lines, reservations, payments, import and times, as text and as JSON', async ({ shop }) => {
    shop.order('1001', {
      status: 'rolled_back',
      message: 'card\u001b[31m expired',
      settledAt: 2000,
      payment: { status: 'declined', answeredAt: 2000 },
    })
    const payment = {
      idempotency_key: `${shop.identity}:default:1001:1`,
      status: 'declined',
      amount: 25,
      gateway_reference: 'ref-1',
    }
    expect(await shop.json('orders', 'show', '1001')).toMatchObject({
      code: 0,
      result: {
        order_id: '1001',
        status: 'rolled_back',
        total: 25,
        settled_at: '1970-01-01T00:00:02.000Z',
        lines: [{ line: 1, sku: 'WIDGET-1', quantity: 2, unit_price: 12.5, total: 25 }],
        reservations: [{ attempt: 1, sku: 'WIDGET-1', quantity: 2, state: 'released' }],
        payments: [{ ...payment, asked_at: '2025-01-20T12:00:00.000Z' }],
        import: { file: '/data/sample.csv', line: 1 },
      },
    })
    const { stdout } = await shop.run('orders', 'show', '1001')
    for (const part of ['declined', '12.50', '25.00 USD', 'default:1001:1', 'released', '/data/sample.csv, line 1']) {
      expect(stdout).toContain(part)
    }
    expect(stdout).not.toContain('\u001b')
  })

  test('names the next step for an unknown order, and for one that two sources have', async ({ shop }) => {
    shop.order('1001')
    shop.order('1001', { source: 'shop-b' })
    const unknown = await shop.run('orders', 'show', '4711')
    const ambiguous = await shop.run('orders', 'show', '1001')
    expect(unknown).toMatchObject({ code: 1, stderr: expect.stringContaining('orderctl orders list') })
    expect(ambiguous).toMatchObject({ code: 2, stderr: expect.stringContaining('--source default') })
  })
})

describe.concurrent('orders show ends with the next step', () => {
  const next = async (shop: Shop, reference: string, ...flags: string[]) => {
    const { stdout } = await shop.run('orders', 'show', reference, ...flags)
    return stdout.trimEnd().split('\n').at(-1)
  }

  test('for a settled order: what a person can do', async ({ shop }) => {
    shop.order('1', { status: 'completed' })
    shop.order('2', { status: 'failed' })
    shop.order('3 b', { status: 'rolled_back', source: 'shop-b' })
    shop.order('4', { status: 'failed', clearedAt: 1 })
    shop.unknownOrder('5')
    expect(await next(shop, '1')).toBe('Next: Nothing. The order is complete.')
    expect(await next(shop, '2')).toBe(
      'Next: Restock what is short (orderctl products adjust SKU UNITS --reason TEXT), then retry the order: orderctl failed retry 2',
    )
    expect(await next(shop, '3 b')).toBe(
      "Next: Remove it from the failures (orderctl failed clear '3 b' --source shop-b), or retry it: orderctl failed retry '3 b' --source shop-b",
    )
    expect(await next(shop, '4')).toMatch(/^Next: Nothing, since it was cleared\./)
    expect(await next(shop, '5')).toBe(
      'Next: Ask the gateway again for the outcome of the same charge: orderctl failed retry 5. Or state what its dashboard shows: orderctl failed resolve 5 --captured REFERENCE, or --not-charged',
    )
  })

  test('for an open order: when a worker processes it, and what is in the way', async ({ shop }) => {
    const now = Date.now()
    shop.order('1', { dueAt: now - HOUR })
    shop.order('2', { dueAt: now + 2 * HOUR + 30_000 })
    shop.order('3', { status: 'payment_processing', dueAt: now + HOUR, leaseToken: 'alive' })
    shop.order('4', { status: 'payment_processing', dueAt: now - HOUR, leaseToken: 'gone' })
    shop.order('5', { dueAt: null })
    shop.import({ source: 'web', status: 'reading', file: '/data/web.csv' })
    shop.order('6', { dueAt: null, source: 'web' })
    expect(await next(shop, '1')).toBe('Next: A worker reserves stock and charges it: orderctl work')
    expect(await next(shop, '2')).toMatch(/^Next: A worker processes it when it is due, in 2 h.*: orderctl work$/)
    expect(await next(shop, '3')).toMatch(/^Next: A worker is processing it\. .* another continues in .*\.$/)
    expect(await next(shop, '4')).toBe('Next: Its worker has stopped. Another one continues: orderctl work')
    expect(await next(shop, '5')).toBe('Next: It is not in the queue. Return it to the queue: orderctl rebuild queue')
    expect(await next(shop, '6')).toMatch(/ orderctl import \/data\/web\.csv --source web --resume$/)
    shop.unknownOrder('7')
    await shop.run('failed', 'retry', '7')
    expect(await next(shop, '7')).toBe('Next: A worker asks the gateway again about the same charge: orderctl work')
    const { result } = await shop.json('orders', 'show', '1')
    expect(result).toMatchObject({ next: 'A worker reserves stock and charges it: orderctl work' })
  })
})

describeOnEngines('orders search', (engineTest) => {
  engineTest('finds references by their start, and customers and SKUs by a part, in any case', async ({ shop }) => {
    await shop.importing(
      csv(
        line({ order: 'T-1', customer: 'C-100%', name: 'Maya Singh', sku: 'MUG_RED' }),
        line({ order: 'T-12', customer: 'C-1000', name: 'Özge Öz', sku: 'MUGXRED' }),
        line({ order: 'U-1', customer: 'C-3', name: 'T-1 Ltd.', sku: 'JUG' }),
      ),
    )
    const find = async (...words: string[]) => {
      const { result } = await shop.json('orders', 'search', ...words)
      return (result as { orders: { order_id: string }[] }).orders.map((order) => order.order_id).sort()
    }
    expect(await find('t-12')).toEqual(['T-12'])
    expect(await find('T-1')).toEqual(['T-1', 'T-12', 'U-1'])
    expect(await find('mAYA s')).toEqual(['T-1'])
    expect(await find('Öz')).toEqual(['T-12'])
    expect(await find('c-100')).toEqual(['T-1', 'T-12'])
    // The wildcards of LIKE are plain characters.
    expect(await find('100%')).toEqual(['T-1'])
    expect(await find('mug_')).toEqual(['T-1'])
    expect(await find('ug', '--customer', 'C-3')).toEqual(['U-1'])
    expect(await find('T-1', '--source', 'none')).toEqual([])
    expect(await find('nothing')).toEqual([])
  })
})

describe('orders search', () => {
  test('lists as orders list does, and says what to do if nothing matches', async ({ shop }) => {
    for (const day of ['01', '02', '03']) {
      shop.order(`T-10${day}`, { status: 'completed', day: `2025-02-${day}`, customer: 'C-113' })
    }
    const found = await shop.run('orders', 'search', 'name of c-113', '--limit', '2')
    expect(found.stderr).toBe('2 of 3. All: --limit all\n')
    expect(found.stdout).toMatchInlineSnapshot(`
      "Order          Order date  Status     Customer  Name                  Total
      ──────  ─────────────────  ─────────  ────────  ────────────────  ─────────
      T-1003  15 Jan 2025 10:00  completed  C-113     Name of C-113     25.00 USD
      T-1002  15 Jan 2025 10:00  completed  C-113     Name of C-113     25.00 USD
      "
    `)
    const none = await shop.run('orders', 'search', 'nothing')
    expect(none).toEqual({ code: 0, stdout: '', stderr: expect.stringContaining('orderctl orders list') })
    const empty = await shop.json('orders', 'search', ' ')
    expect(empty).toMatchObject({ code: 2, result: { error: { code: 'bad_text' } } })
  })

  test('fits a terminal of 80 columns', async ({ shop }) => {
    shop.order('T-1001', { status: 'failed', customer: 'C-113' })
    const terminal = new PseudoTerminal(shop, { columns: 80, rows: 10 }, 'orders', 'search', 't-1')
    expect(await terminal.left()).toBe(0)
    expect(terminal.screen).toMatchInlineSnapshot(`
      "Order          Order date  Status  Customer  Name                  Total
      ──────  ─────────────────  ──────  ────────  ────────────────  ─────────
      T-1001  15 Jan 2025 10:00  failed  C-113     Name of C-113     25.00 USD
      left with 0"
    `)
  })
})
