// One order with everything that belongs to it.

import { describe, expect } from 'vitest'
import { test } from '../support/shop.js'

describe.concurrent('orders show', () => {
  test('has lines, reservations, payments, import and times, as text and as JSON', async ({ shop }) => {
    shop.order('1001', {
      status: 'rolled_back',
      message: 'card\u001b[31m expired',
      settledAt: 2000,
      payment: { status: 'declined', answeredAt: 2000 },
    })
    const payment = { idempotency_key: 'default:1001:1', status: 'declined', amount: 25, gateway_reference: 'ref-1' }
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
