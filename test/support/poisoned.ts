// A drain of 2,000 orders and one at which each worker dies or hangs.

import { expect } from 'vitest'
import type { Outcome } from './cli.js'
import type { Environment } from './drain.js'
import type { EngineShop } from './engine-shop.js'
import { csv, line } from './lines.js'
import { type Act, scriptedGateway } from './scripted-gateway.js'

const SOUND = 2000
/** In the third batch of 500. */
const POISON = 'A-1234'

const SELLING: Environment = {
  ORDERCTL_PAYMENT_SUCCESS_RATE: '1',
  ORDERCTL_BATCH_SIZE: '500',
  ORDERCTL_LEASE_MS: '5000',
}

export async function importPoisoned(shop: EngineShop, environment: Environment = {}): Promise<void> {
  const orders = Array.from({ length: SOUND + 1 }, (_, index) => line({ order: `A-${index}`, sku: `S-${index % 7}` }))
  await shop.importing(csv(...orders), { ...SELLING, ...environment, ORDERCTL_INITIAL_STOCK: '1000' })
}

/** Restarts the drain like a service manager, until it is not killed. @returns how each process ended */
export async function drainPoisoned(shop: EngineShop, kind: Act, environment: Environment = {}): Promise<Outcome[]> {
  const [id] = await shop.rows(`select id from orders where reference = '${POISON}'`)
  const order = kind === 'claiming' || kind === 'settling' ? `${id?.['id']}` : POISON
  const poisoned = { ...SELLING, ...environment, ...scriptedGateway({ [order]: kind }) }
  const runs: Outcome[] = []
  do runs.push(await shop.runWith(poisoned, 'work', '--drain'))
  while (runs.at(-1)?.code === null && runs.length < 20)
  return runs
}

/** All others are completed, and it keeps its reservation and its payment intent. */
export async function expectOnlyPoisonLeft(shop: EngineShop, status = 'payment_processing'): Promise<void> {
  expect(await shop.statuses()).toEqual({ completed: SOUND, [status]: 1 })
  expect(await shop.rows(`select status, attempt, reason, message from orders where reference = '${POISON}'`)).toEqual([
    { status, attempt: 1, reason: 'poison', message: 'its worker died or hung 5 times while processing it' },
  ])
  expect(await shop.value('select count(*) from due_orders')).toBe(0)
  const held = status === 'pending' ? 0 : 1
  expect(await shop.value('select sum(reserved) from products')).toBe(held)
  expect(await shop.value("select count(*) from payments where status = 'pending'")).toBe(held)
  await shop.expectAuditClean()
}

/** Retries it without the fault: under the same key, if it may have been charged. */
export async function expectSoldWhenRetried(shop: EngineShop, environment: Environment = {}): Promise<void> {
  const listed = await shop.jsonWith(environment, 'failed', 'list', '--reason', 'poison')
  expect(listed).toMatchObject({ code: 0, result: { total: 1, orders: [{ order_id: POISON, reason: 'poison' }] } })
  expect(await shop.jsonWith(environment, 'rebuild', 'queue')).toMatchObject({ code: 0 })
  expect(await shop.value('select count(*) from due_orders')).toBe(0)
  const retried = await shop.runWith(environment, 'failed', 'retry', '--reason', 'poison', '--yes')
  expect(retried.code, retried.stderr).toBe(0)
  const drained = await shop.jsonWith({ ...SELLING, ...environment }, 'work', '--drain')
  expect(drained).toMatchObject({ code: 0, result: { completed: 1, set_aside: 0 } })
  expect(await shop.statuses()).toEqual({ completed: SOUND + 1 })
  expect(await shop.rows('select idempotency_key from payments where attempt > 1')).toEqual([])
  await shop.expectAuditClean()
}
