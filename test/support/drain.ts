// What tests of a drain have in common.
import { expect } from 'vitest'
import type { EngineShop } from './engine-shop.js'
import { csv, line } from './lines.js'
import type { Shop } from './shop.js'

export type Environment = Record<string, string>

/** Every charge is captured, slowly enough that a test can interfere; leases and locks end soon. */
export const SLOW: Environment = {
  ORDERCTL_PAYMENT_SUCCESS_RATE: '1',
  ORDERCTL_PAYMENT_LATENCY_MS: '400',
  ORDERCTL_BATCH_SIZE: '20',
  ORDERCTL_LEASE_MS: '1000',
}

/** Orders A-1 … A-n of one unit each, on seven products. */
export function singles(count: number): string {
  return csv(...Array.from({ length: count }, (_, index) => line({ order: `A-${index + 1}`, sku: `S-${index % 7}` })))
}

export async function importing(shop: Shop, count: number, environment: Environment): Promise<void> {
  await shop.importing(singles(count), environment)
}

export function statuses(shop: Shop): Record<string, number> {
  const counts = shop.sqlite.prepare('select status, count(*) from orders group by status').raw().all()
  return Object.fromEntries(counts as [string, number][])
}

export const completed = (shop: Shop) => statuses(shop)['completed'] ?? 0

export const inHand = (shop: Shop) =>
  shop.value('select count(*) from due_orders where lease_token is not null') as number

export async function expectSoldOnce(shop: Shop | EngineShop, count: number): Promise<void> {
  expect(await shop.rows('select status, count(*) as orders from orders group by status')).toEqual([
    { status: 'completed', orders: count },
  ])
  expect(await shop.rows('select status, count(*) as payments from payments group by status')).toEqual([
    { status: 'captured', payments: count },
  ])
  expect(await shop.value('select sum(orders) from sales_by_customer')).toBe(count)
  await shop.expectAuditClean()
}
