// What every gateway does. The same tests run against the simulated gateway and, over HTTP, the example provider.
import { describe, expect, test } from 'vitest'
import { type IdempotencyKey, idempotencyKey, refundKey, type ShopId } from '../../src/domain/ids.js'
import type { Currency, Money } from '../../src/domain/money.js'
import { readCharge, readRefund } from '../../src/payments/answers.js'
import type { Charge, Refund } from '../../src/payments/gateway.js'
import { openGateway } from '../../src/payments/open-gateway.js'
import { Cli, opened } from '../support/cli.js'
import { Provider } from '../support/provider.js'

class Configured extends Cli {
  override readonly databaseUrl = 'sqlite:unused.sqlite'
}

const amount = (minor: number, currency = 'USD'): Money => ({ minor, currency: currency as Currency })
const key = (name: string): IdempotencyKey => idempotencyKey('shop' as ShopId, 'default', name, 1)
const charge = (name: string, minor = 1250): Charge => ({
  key: key(name),
  amount: amount(minor),
  order: { source: 'default', reference: name, customer: 'C-1' },
})

const SIMULATED = { ORDERCTL_PAYMENT_SUCCESS_RATE: '1', ORDERCTL_PAYMENT_SEED: 'contract' }

test('texts of a gateway are cut between characters, and lose halves of them', () => {
  const asked = { key: key('A-1'), amount: amount(10) }
  const answer = { key: asked.key, amount: 10, currency: 'USD' }
  const declined = { ...answer, status: 'declined', reason: 'no', message: `${'x'.repeat(495)}😀` }
  expect(readCharge(declined, asked)).toEqual({ status: 'declined', message: `no: ${'x'.repeat(495)}\ufffd` })
  const captured = { ...answer, status: 'captured', reference: 'a\ud83d' }
  expect(readCharge(captured, asked)).toEqual({ status: 'captured', reference: 'a\ufffd' })
})

test.for(['ch_\0', 'ch\n1'])('a reference with a control character (%j) is no valid answer', (reference) => {
  const asked = { key: key('A-1'), amount: amount(10) }
  const answer = { key: asked.key, amount: 10, currency: 'USD', reference }
  const message = 'the gateway sent no valid answer (reference: is empty, too long or has a control character)'
  expect(readCharge({ ...answer, status: 'captured' }, asked)).toEqual({ status: 'unknown', message })
  expect(readRefund({ ...answer, status: 'refunded' }, asked)).toEqual({ status: 'unknown', message })
})

test('a connection that is lost after the charge leaves the outcome unknown, and says so', async () => {
  const [cli, provider] = [new Configured(), await Provider.start('--drop-after', '1')]
  const gateway = await openGateway(cli.config(provider.environment))
  const outcome = await gateway.charge(charge('A-1'), 5000).finally(async () => {
    for (const one of [gateway, provider, cli]) await one.close()
  })
  expect(outcome).toMatchObject({ status: 'unknown', message: 'the connection was lost before the gateway answered' })
})

describe.each(['simulated', 'http'] as const)('the %s gateway', (name) => {
  const open = test.extend<{ scene: Awaited<ReturnType<typeof start>> }>({ scene: opened(() => start(name)) })

  open('captures a charge, and answers the same when it is asked again', async ({ scene: { gateway } }) => {
    const first = await gateway.charge(charge('A-1'), 5000)
    expect(first).toEqual({ status: 'captured', reference: expect.stringMatching(/^\w{5,}$/) })
    expect(await gateway.charge(charge('A-1'), 5000)).toEqual(first)
    expect(await gateway.lookUpCharge(charge('A-1'), 5000)).toEqual(first)
  })

  const IDS = ['注文-1', 'é', '%C3%A9', '%25C3%A9', 'a b', 'a%20b', '😀']
  open('charges and refunds orders with ids beyond ASCII, each under its own key', async ({ scene: { gateway } }) => {
    const references: string[] = []
    for (const id of IDS) {
      const captured = await gateway.charge(charge(id), 5000)
      if (captured.status !== 'captured') throw new Error(captured.message)
      references.push(captured.reference)
      expect(await gateway.lookUpCharge(charge(id), 5000)).toEqual(captured)
      const refund: Refund = {
        key: refundKey(key(id), 1),
        charge: { key: key(id), reference: captured.reference },
        amount: amount(1000),
      }
      const refunded = await gateway.refund(refund, 5000)
      expect(refunded).toMatchObject({ status: 'refunded' })
      expect(await gateway.lookUpRefund(refund, 5000)).toEqual(refunded)
    }
    expect(new Set(references).size).toBe(IDS.length)
  })

  open('gives different charges different references', async ({ scene: { gateway } }) => {
    const outcomes = await Promise.all(
      Array.from({ length: 50 }, (_, index) => gateway.charge(charge(`A-${index}`), 5000)),
    )
    const references = outcomes.flatMap((outcome) => (outcome.status === 'captured' ? [outcome.reference] : []))
    expect(new Set(references).size).toBe(50)
  })

  open('declines with a message, and answers the same when it is asked again', async ({ scene }) => {
    const gateway = await scene.declining()
    const first = await gateway.charge(charge('A-1'), 5000)
    expect(first).toEqual({ status: 'declined', message: expect.stringMatching(/\w/) })
    expect(await gateway.charge(charge('A-1'), 5000)).toEqual(first)
  })

  open('does not know the outcome after the time limit, and has it later', async ({ scene }) => {
    const gateway = await scene.slow(300)
    const late = await gateway.charge(charge('A-1'), 50)
    expect(late).toEqual({ status: 'unknown', message: expect.stringContaining('did not answer within 50 ms') })
    await expect.poll(() => gateway.charge(charge('A-1'), 5000)).toMatchObject({ status: 'captured' })
  })

  open('refunds once under a key', async ({ scene: { gateway } }) => {
    const captured = await gateway.charge(charge('A-1'), 5000)
    if (captured.status !== 'captured') throw new Error(captured.message)
    const refund: Refund = {
      key: key('R-1'),
      charge: { key: key('A-1'), reference: captured.reference },
      amount: amount(1000),
    }
    const first = await gateway.refund(refund, 5000)
    expect(first).toEqual({ status: 'refunded', reference: expect.stringMatching(/^\w{5,}$/) })
    expect(await gateway.refund(refund, 5000)).toEqual(first)
    expect([first, { status: 'unsupported' }]).toContainEqual(await gateway.lookUpRefund(refund, 5000))
  })

  open('is well', async ({ scene: { gateway } }) => {
    await gateway.check()
    expect(gateway.trouble).toBeUndefined()
  })
})

async function start(name: 'simulated' | 'http') {
  const cli = new Configured()
  const opened: { close(): Promise<void> }[] = []
  const add = async (environment: Record<string, string>) => {
    const gateway = await openGateway(cli.config(environment))
    opened.push(gateway)
    return gateway
  }
  const close = async () => {
    for (const one of opened) await one.close()
    await cli.close()
  }
  if (name === 'simulated') {
    return {
      gateway: await add(SIMULATED),
      declining: () => add({ ...SIMULATED, ORDERCTL_PAYMENT_SUCCESS_RATE: '0' }),
      slow: (ms: number) => add({ ...SIMULATED, ORDERCTL_PAYMENT_LATENCY_MS: String(ms) }),
      close,
    }
  }
  const provider = await Provider.start()
  const restarted = async (...options: string[]) => {
    await provider.restart(...options)
    return add(provider.environment)
  }
  return {
    gateway: await add(provider.environment),
    declining: () => restarted('--decline', '1'),
    slow: (ms: number) => restarted('--latency', String(ms)),
    close: async () => {
      await close()
      await provider.close()
    },
  }
}
