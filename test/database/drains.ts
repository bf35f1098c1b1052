// A drain on a database server that a test disturbs.

import { expect } from 'vitest'
import type { EngineShop } from '../support/engine-shop.js'
import { csv, line } from '../support/lines.js'

/** Every charge is captured, slowly enough that a test can step in; leases end soon. */
export const SLOW = {
  ORDERCTL_PAYMENT_SUCCESS_RATE: '1',
  ORDERCTL_PAYMENT_LATENCY_MS: '150',
  ORDERCTL_BATCH_SIZE: '20',
  ORDERCTL_LEASE_MS: '1500',
}

/** Orders of one unit each, on seven products. */
export function singles(count: number): string {
  return csv(...Array.from({ length: count }, (_, index) => line({ order: `A-${index}`, sku: `S-${index % 7}` })))
}

export async function completed(shop: EngineShop): Promise<number> {
  return Number(await shop.value("select count(*) from orders where status = 'completed'"))
}

export async function inHand(shop: EngineShop): Promise<number> {
  return Number(await shop.value('select count(*) from due_orders where lease_token is not null'))
}

export async function expectEachChargedOnce(shop: EngineShop, orders: number): Promise<void> {
  expect(await shop.statuses()).toEqual({ completed: orders })
  expect(await shop.value("select count(*) from payments where status = 'captured'")).toBe(orders)
  expect(await shop.value('select sum(orders) from sales_by_customer')).toBe(orders)
  await shop.expectAuditClean()
}

/** That it waited, and went on, and said each once. */
export function expectToldOnce(stderr: string, ...notices: readonly string[]): void {
  for (const notice of notices) expect(stderr.split(notice).length - 1, notice).toBe(1)
}
