// A drain on a database server that a test disturbs.

import { expect } from 'vitest'
import { SLOW as SLOWER } from '../support/drain.js'
import type { EngineShop } from '../support/engine-shop.js'

export { singles } from '../support/drain.js'

export const SLOW = { ...SLOWER, ORDERCTL_PAYMENT_LATENCY_MS: '150', ORDERCTL_LEASE_MS: '1500' }

export async function completed(shop: EngineShop): Promise<number> {
  return (await shop.statuses())['completed'] ?? 0
}

export async function inProgress(shop: EngineShop): Promise<number> {
  return Number(await shop.value('select count(*) from due_orders where lease_token is not null'))
}

export async function expectEachChargedOnce(shop: EngineShop, orders: number): Promise<void> {
  expect(await shop.statuses()).toEqual({ completed: orders })
  expect(await shop.value("select count(*) from payments where status = 'captured'")).toBe(orders)
  expect(await shop.value('select sum(orders) from sales_by_customer')).toBe(orders)
  await shop.expectAuditClean()
}

export function expectToldOnce(stderr: string, ...notices: readonly string[]): void {
  for (const notice of notices) expect(stderr.split(notice).length - 1, notice).toBe(1)
}
