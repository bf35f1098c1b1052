// `failed retry --stagger`, and what a retried order keeps of its history.

import { describe, expect } from 'vitest'
import { csv, line } from '../support/lines.js'
import { describeWithRedis, randomPrefix, redisUrl, removeKeys } from '../support/redis.js'
import { HOUR, type Shop, test } from '../support/shop.js'

/** Failed in the order 2, 4, 1, 3; 4 waits for a person. */
function fourFailures(shop: Shop): void {
  const now = Date.now()
  shop.order('1', { status: 'failed', reason: 'out_of_stock', settledAt: now - 2 * HOUR })
  shop.order('2', { status: 'rolled_back', reason: 'declined', settledAt: now - 4 * HOUR })
  shop.order('3', { status: 'rolled_back', reason: 'expired', settledAt: now - HOUR })
  shop.unknownOrder('4', now - 3 * HOUR)
}

const dueTimes = (shop: Shop) =>
  shop.rows('select reference, due_at as dueAt from due_orders join orders on id = order_id order by due_at, id') as {
    reference: string
    dueAt: number
  }[]

const stagger = (shop: Shop, time: string, environment = {}) =>
  shop.runWith(environment, 'failed', 'retry', '--all', '--yes', '--stagger', time)

describe.concurrent('failed retry --stagger', () => {
  test('lets orders fall due evenly over the time, in the order in which they failed', async ({ shop }) => {
    fourFailures(shop)
    const before = Date.now()
    const { code, stdout } = await stagger(shop, '10m')
    const after = Date.now()

    expect(code).toBe(0)
    expect(stdout).toContain('4 orders will be tried again by the next worker (orderctl work), spread over 10 min.')
    const due = dueTimes(shop)
    const first = due[0]?.dueAt ?? 0
    expect([first >= before, first <= after]).toEqual([true, true])
    expect(due.map(({ reference, dueAt }) => [reference, (dueAt - first) / 60_000])).toEqual([
      ['2', 0],
      ['4', 2.5],
      ['1', 5],
      ['3', 7.5],
    ])
    const { result } = await shop.json('status')
    expect(result).toMatchObject({ queue: { waiting: 1, active: 0, delayed: 3 } })
  })

  test('spreads many in waves of the same size, the last one before the time is over', async ({ shop }) => {
    const numbers = [...Array(450).keys()]
    shop.sqlite.transaction(() => {
      for (const n of numbers) shop.order(`${n}`, { status: 'rolled_back', reason: 'declined', settledAt: 1000 + n })
    })()
    await stagger(shop, '2h')
    const due = dueTimes(shop)
    const first = due[0]?.dueAt ?? 0
    // 450 orders in at most 200 waves: three at a time, every 48 seconds.
    expect(due.map(({ reference, dueAt }) => [Number(reference), dueAt - first])).toEqual(
      numbers.map((n) => [n, Math.floor(n / 3) * 48_000]),
    )
  })

  test('a worker takes none before its time, and all in the end', async ({ shop }) => {
    fourFailures(shop)
    await stagger(shop, '3s')
    const due = new Map(dueTimes(shop).map(({ reference, dueAt }) => [reference, dueAt]))
    const { code } = await shop.runWith({ ORDERCTL_PAYMENT_SUCCESS_RATE: '1' }, 'work', '--drain')

    expect(code).toBe(0)
    expect(shop.value("select count(*) from orders where status = 'completed'")).toBe(4)
    const asked = shop.rows(
      `select reference, coalesce(answered_at, created_at) as at from payments join orders on orders.id = order_id
       where payments.status = 'captured'`,
    ) as { reference: string; at: number }[]
    expect(asked).toHaveLength(4)
    for (const { reference, at } of asked) expect(at).toBeGreaterThan(due.get(reference) ?? Number.NaN)
  })

  test.for(['soon', '0', '10d', '9999h'])('refuses %s, which is no time', async (text, { shop }) => {
    fourFailures(shop)
    const refused = await stagger(shop, text)
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining(`--stagger is "${text}"`) })
    expect(shop.value('select count(*) from due_orders')).toBe(0)
  })
})

describeWithRedis(
  'failed retry --stagger with a Redis',
  () => {
    test('publishes each wave for the time when it falls due', async ({ shop, onTestFinished }) => {
      const prefix = randomPrefix()
      onTestFinished(async () => void (await removeKeys(redisUrl ?? '', prefix)))
      const environment = { ORDERCTL_QUEUE_URL: redisUrl ?? '', ORDERCTL_REDIS_PREFIX: prefix }
      fourFailures(shop)
      expect((await stagger(shop, '1h', environment)).code).toBe(0)
      const { result } = await shop.jsonWith(environment, 'status')
      expect(result).toMatchObject({
        queue: { driver: 'bullmq', waiting: 1, delayed: 3, transport: { unit: 'batches', waiting: 1, delayed: 3 } },
      })
    })

    test('orders that Redis never heard of fall due in the database', async ({ shop }) => {
      fourFailures(shop)
      const retried = await stagger(shop, '2s', { ORDERCTL_QUEUE_URL: 'redis://127.0.0.1:1' })
      expect(retried).toMatchObject({ code: 4, stderr: expect.stringContaining('Nothing is lost') })
      const { result } = await shop.jsonWith({ ORDERCTL_PAYMENT_SUCCESS_RATE: '1' }, 'work', '--drain')
      expect(result).toMatchObject({ processed: 4, completed: 4 })
    })
  },
  { concurrent: true },
)

test('a retried order keeps its history: every attempt with its payment and its reservation', async ({
  newShop: shop,
}) => {
  const work = async (successRate: string) => {
    const { code, stderr } = await shop.runWith({ ORDERCTL_PAYMENT_SUCCESS_RATE: successRate }, 'work', '--drain')
    expect(code, stderr).toBe(0)
  }
  const imported = await shop.run('import', shop.file('orders.csv', csv(line({ order: 'A-1', quantity: 2 }))))
  expect(imported.code).toBe(0)
  const declined = { attempt: 1, idempotency_key: 'default:A-1:1', status: 'declined' }
  const released = { attempt: 1, quantity: 2, state: 'released' }
  await work('0')
  expect((await shop.json('orders', 'show', 'A-1')).result).toMatchObject({
    status: 'rolled_back',
    attempts: 1,
    payments: [declined],
    reservations: [released],
  })

  await shop.run('failed', 'retry', 'A-1')
  await work('1')

  expect((await shop.json('orders', 'show', 'A-1')).result).toMatchObject({
    status: 'completed',
    attempts: 2,
    payments: [declined, { attempt: 2, idempotency_key: 'default:A-1:2', status: 'captured' }],
    reservations: [released, { attempt: 2, quantity: 2, state: 'committed' }],
  })
  const { stdout } = await shop.run('orders', 'show', 'A-1')
  expect(stdout).toMatch(/default:A-1:1 +│ +declined[\s\S]*default:A-1:2 +│ +captured/)
})
