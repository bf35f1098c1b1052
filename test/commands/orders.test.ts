// One order with all that belongs to it.

import { describe, expect } from 'vitest'
import { test } from '../support/shop.js'

describe.concurrent('orders show', () => {
  test('lines, reservations, payments, import and times, as text and as JSON', async ({ shop }) => {
    shop.order('1001', {
      status: 'rolled_back',
      reason: 'declined',
      message: 'card\u001b[31m expired',
      settledAt: 2000,
      payment: { status: 'declined', answeredAt: 2000 },
    })

    const { code, result } = await shop.json('orders', 'show', '1001')
    const text = await shop.run('orders', 'show', '1001')

    expect(code).toBe(0)
    expect(result).toMatchObject({
      order_id: '1001',
      status: 'rolled_back',
      total: 25,
      settled_at: '1970-01-01T00:00:02.000Z',
      lines: [{ line: 1, sku: 'WIDGET-1', quantity: 2, unit_price: 12.5, total: 25 }],
      reservations: [{ attempt: 1, sku: 'WIDGET-1', quantity: 2, state: 'released' }],
      payments: [
        {
          idempotency_key: 'default:1001:1',
          status: 'declined',
          amount: 25,
          gateway_reference: 'ref-1',
          asked_at: '2025-01-20T12:00:00.000Z',
        },
      ],
      import: { file: '/data/sample.csv', line: 1 },
    })
    for (const part of ['declined', '12.50', '25.00 USD', 'default:1001:1', 'released', '/data/sample.csv, line 1']) {
      expect(text.stdout).toContain(part)
    }
    expect(text.stdout).not.toContain('\u001b')
  })

  test('an order that is not there, or that two shops have', async ({ shop }) => {
    shop.order('1001')
    shop.order('1001', { source: 'shop-b' })
    const [unknown, ambiguous] = await Promise.all([
      shop.run('orders', 'show', '4711'),
      shop.run('orders', 'show', '1001'),
    ])
    expect(unknown).toMatchObject({ code: 1, stderr: expect.stringContaining('orderctl orders list') })
    expect(ambiguous).toMatchObject({ code: 2, stderr: expect.stringContaining('--source default') })
  })
})
