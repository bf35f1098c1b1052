// Charges in flight within a batch.
import { setImmediate as turnOfLoop } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { type IdempotencyKey, idempotencyKey, type OrderId, type ShopId } from '../../src/domain/ids.js'
import { LeaseEnd } from '../../src/domain/lease-end.js'
import type { Currency } from '../../src/domain/money.js'
import type { Charge, ChargeOutcome } from '../../src/payments/gateway.js'
import { SimulatedGateway } from '../../src/payments/simulated.js'
import { chargeAll } from '../../src/workflow/charge.js'

const SHOP = '0123456789ab' as ShopId
const key = (number: number): IdempotencyKey => idempotencyKey(SHOP, 'default', `A-${number}`, 1)
const orders = (count: number) =>
  Array.from({ length: count }, (_, index) => ({
    id: index as OrderId,
    attempt: 1,
    key: key(index),
    source: 'default',
    currency: 'USD' as Currency,
    total: 100,
    items: [],
  }))

test('never has more charges open than the limit, and asks for each key once', async () => {
  let open = 0
  let most = 0
  const asked: string[] = []
  const gateway = {
    async charge({ key }: Charge): Promise<ChargeOutcome> {
      asked.push(key)
      most = Math.max(most, ++open)
      await turnOfLoop()
      open--
      return { status: 'captured', reference: key }
    },
    lookUpCharge: async () => ({ status: 'unsupported' as const }),
  }
  const answers = await chargeAll(gateway, orders(100), { inFlight: 7, timeoutMs: 1000 })
  expect(most).toBe(7)
  expect(asked.length).toBe(100)
  expect(new Set(asked).size).toBe(100)
  expect(answers.map(({ order, outcome }) => [order.key, outcome])).toEqual(
    orders(100).map(({ key }) => [key, { status: 'captured', reference: key }]),
  )
})

test('a gateway that fails leaves the outcome unknown', async () => {
  const fail = () => Promise.reject(new Error('503 from the gateway'))
  const gateway = { charge: fail, lookUpCharge: fail }
  const [answer] = await chargeAll(gateway, orders(1), { inFlight: 1, timeoutMs: 1000 })
  expect(answer?.outcome).toEqual({ status: 'unknown', message: '503 from the gateway' })
})

test('once the lease may have ended, nothing more is asked for', async () => {
  const asked: string[] = []
  const leaseEnd = new LeaseEnd()
  leaseEnd.moveTo(performance.now() + 600_000)
  const gateway = {
    async charge({ key }: Charge): Promise<ChargeOutcome> {
      asked.push(key)
      if (asked.length === 2) leaseEnd.endNow()
      return { status: 'captured', reference: key }
    },
    lookUpCharge: async () => ({ status: 'unsupported' as const }),
  }
  const answers = await chargeAll(gateway, orders(4), { inFlight: 1, timeoutMs: 1000 }, { leaseEnd })
  expect(asked).toEqual([key(0), key(1)])
  const late = expect.objectContaining({ status: 'unknown', notAsked: true })
  expect(answers.slice(2).map(({ outcome }) => outcome)).toEqual([late, late])
})

test('the simulated gateway gives a key one answer, and captures its share of keys', async () => {
  const gateway = new SimulatedGateway({ successRate: 0.9, latencyMs: 0, seed: 'test' })
  const amount = { currency: 'USD' as Currency, minor: 100 }
  const charge = (number: number) => gateway.charge({ key: key(number), amount }, 1000)
  expect(await charge(1)).toEqual(await charge(1))
  const answers = await Promise.all(Array.from({ length: 5000 }, (_, index) => charge(index)))
  const captured = answers.filter((answer) => answer.status === 'captured').length
  // Five standard deviations around 4,500.
  expect(Math.abs(captured - 4500)).toBeLessThan(106)
})
