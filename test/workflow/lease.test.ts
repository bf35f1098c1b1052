// The lease of a batch, as the batch sees it while it charges.
import { expect } from 'vitest'
import type { LeaseToken, OrderId } from '../../src/domain/ids.js'
import { whileRenewing } from '../../src/workflow/lease.js'
import { HOUR, test } from '../support/shop.js'

test('a lease that another worker has taken is no longer held, although it is renewed', async ({ shop }) => {
  const [mine, lost] = ['mine', 'lost'].map((reference) => {
    return shop.order(reference, { status: 'payment_processing', leaseToken: 'ours', dueAt: Date.now() + 300 })
  }) as [OrderId, OrderId]
  const db = await shop.connection()
  const lease = { token: 'ours' as string as LeaseToken, orders: [{ id: mine }, { id: lost }], leaseMs: 300 }
  await whileRenewing(db, 'due_orders', { ...lease, since: performance.now() }, async (end) => {
    shop.sqlite.prepare("update due_orders set lease_token = 'theirs' where order_id = ?").run(lost)
    await expect.poll(() => end.hasPassed(), { timeout: 20_000 }).toBe(true)
    const before = shop.row('mine')['due_at']
    await expect.poll(() => shop.row('mine')['due_at']).not.toBe(before)
    expect(end.hasPassed()).toBe(true)
  })
})

test('a renewal that finds an order lost ends the lease, however long it would have lasted', async ({ shop }) => {
  const id = shop.order('A-1', { status: 'payment_processing', leaseToken: 'theirs', dueAt: 1 })
  const db = await shop.connection()
  const lease = { token: 'ours' as string as LeaseToken, orders: [{ id }], leaseMs: 300 }
  // As after a clock was set forward: by its own clock, the process holds the lease for another hour.
  await whileRenewing(db, 'due_orders', { ...lease, since: performance.now() + HOUR }, async (end) => {
    expect(end.hasPassed()).toBe(false)
    await expect.poll(() => end.hasPassed(), { timeout: 20_000 }).toBe(true)
  })
})
