// A drain on a database server that a test disturbs.

import { expect } from 'vitest'
import { SLOW as SLOWER } from '../support/drain.js'
import type { EngineShop } from '../support/engine-shop.js'

export { expectSoldOnce, singles } from '../support/drain.js'

export const SLOW = { ...SLOWER, ORDERCTL_PAYMENT_LATENCY_MS: '150', ORDERCTL_LEASE_MS: '1500' }

export async function completed(shop: EngineShop): Promise<number> {
  return (await shop.statuses())['completed'] ?? 0
}

export async function inProgress(shop: EngineShop): Promise<number> {
  return Number(await shop.value('select count(*) from due_orders where lease_token is not null'))
}

export function expectToldOnce(stderr: string, ...notices: readonly string[]): void {
  for (const notice of notices) expect(stderr.split(notice).length - 1, notice).toBe(1)
}
