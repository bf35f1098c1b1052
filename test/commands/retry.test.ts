// `failed retry --stagger`, and what a retried order keeps of its history.
import { describe, expect } from 'vitest'
import { HOUR, type Shop, test } from '../support/commands-shop.js'
import { describeWithRedis, randomPrefix, redisUrl, removeKeys } from '../support/redis.js'
import { csv, line, type Workplace } from '../support/workplace.js'

const MINUTE = 60_000

/** Failed in the order 2, 4, 1, 3; 4 waits for a person. */
function fourFailures(shop: Shop): readonly string[] {
  const now = Date.now()
  const product = shop.product('WIDGET-1', { reserved: 2 })
  shop.order('1', { status: 'failed', reason: 'out_of_stock', settledAt: now - 2 * HOUR })
  shop.order('2', { status: 'rolled_back', reason: 'declined', settledAt: now - 4 * HOUR })
  shop.order('3', { status: 'rolled_back', reason: 'expired', settledAt: now - HOUR })
  const waiting = shop.waitingOrder('4', now - 3 * HOUR)
  shop.db.prepare('insert into stock_reservations values (?, 1, ?, 2, ?)').run(waiting, product, now + HOUR)
  return ['2', '4', '1', '3']
}

function dueTimes(shop: Shop): { reference: string; dueAt: number }[] {
  return shop.rows(
    'select reference, due_at as dueAt from due_orders join orders on id = order_id order by due_at, id',
  ) as ReturnType<typeof dueTimes>
}

describe.concurrent('failed retry --stagger', () => {
  test('lets orders fall due evenly over the time, in the order in which they failed', async ({ shop }) => {
    const order = fourFailures(shop)
    const before = Date.now()
    const { code, stdout } = await shop.run('failed', 'retry', '--all', '--yes', '--stagger', '10m')
    const after = Date.now()

    expect(code).toBe(0)
    expect(stdout).toContain('4 orders will be tried again by the next worker (orderctl work), spread over 10 min.')
    const due = dueTimes(shop)
    expect(due.map(({ reference }) => reference)).toEqual(order)
    const first = due[0]?.dueAt ?? 0
    expect(first).toBeGreaterThanOrEqual(before)
    expect(first).toBeLessThanOrEqual(after)
    expect(due.map(({ dueAt }) => (dueAt - first) / MINUTE)).toEqual([0, 2.5, 5, 7.5])
    const { result } = await shop.json('status')
    expect(result).toMatchObject({ queue: { waiting: 1, active: 0, delayed: 3 } })
  })

  test('spreads many in waves of the same size, the last one before the time is over', async ({ shop }) => {
    shop.db.transaction(() => {
      for (let n = 0; n < 450; n++)
        shop.order(`${n}`, { status: 'rolled_back', reason: 'declined', settledAt: 1000 + n })
    })()
    const { result } = await shop.json('failed', 'retry', '--all', '--yes', '--stagger', '2h')
    expect(result).toMatchObject({ matched: 450, changed: 450 })

    const due = dueTimes(shop)
    expect(due.map(({ reference }) => Number(reference))).toEqual([...Array(450).keys()])
    const waves = new Map<number, number>()
    for (const { dueAt } of due)
      waves.set(dueAt - (due[0]?.dueAt ?? 0), (waves.get(dueAt - (due[0]?.dueAt ?? 0)) ?? 0) + 1)
    // 450 orders in at most 200 waves: three at a time, every 48 seconds.
    expect([...waves]).toEqual([...Array(150).keys()].map((n) => [n * 48_000, 3]))
  })

  test('a worker takes none before its time, and all in the end', async ({ shop }) => {
    fourFailures(shop)
    await shop.run('failed', 'retry', '--all', '--yes', '--stagger', '3s')
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

  test('refuses what is no time', async ({ shop }) => {
    fourFailures(shop)
    for (const text of ['soon', '0', '10d', '9999h']) {
      const { code, stderr } = await shop.run('failed', 'retry', '--all', '--yes', '--stagger', text)
      expect(code).toBe(2)
      expect(stderr).toContain(`--stagger is "${text}"`)
    }
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
      const retried = await shop.runWith(environment, 'failed', 'retry', '--all', '--yes', '--stagger', '1h')
      expect(retried.code).toBe(0)
      const { result } = await shop.jsonWith(environment, 'status')
      expect(result).toMatchObject({
        queue: { driver: 'bullmq', waiting: 1, delayed: 3, transport: { unit: 'batches', waiting: 1, delayed: 3 } },
      })
    })

    test('what Redis never heard of falls due in the database all the same', async ({ shop }) => {
      fourFailures(shop)
      const away = { ORDERCTL_QUEUE_URL: 'redis://127.0.0.1:1' }
      const retried = await shop.runWith(away, 'failed', 'retry', '--all', '--yes', '--stagger', '2s')
      expect(retried).toMatchObject({ code: 4, stderr: expect.stringContaining('Nothing is lost') })
      const { result } = await shop.jsonWith({ ORDERCTL_PAYMENT_SUCCESS_RATE: '1' }, 'work', '--drain')
      expect(result).toMatchObject({ processed: 4, completed: 4 })
    })
  },
  { concurrent: true },
)

describe.concurrent('a retried order', () => {
  test('keeps its history: every attempt with its payment and its reservation', async ({ newShop: shop }) => {
    const work = async (successRate: string) => {
      const { code, stderr } = await shop.runWith({ ORDERCTL_PAYMENT_SUCCESS_RATE: successRate }, 'work', '--drain')
      expect(code, stderr).toBe(0)
    }
    const imported = await shop.run('import', shop.file('orders.csv', csv(line({ order: 'A-1', quantity: 2 }))))
    expect(imported.code).toBe(0)
    await work('0')
    expect(await historyOf(shop, 'A-1')).toEqual({
      status: 'rolled_back',
      attempts: 1,
      payments: [[1, 'default:A-1:1', 'declined']],
      reservations: [[1, 2, 'released']],
    })

    await shop.run('failed', 'retry', 'A-1')
    await work('1')

    expect(await historyOf(shop, 'A-1')).toEqual({
      status: 'completed',
      attempts: 2,
      payments: [
        [1, 'default:A-1:1', 'declined'],
        [2, 'default:A-1:2', 'captured'],
      ],
      reservations: [
        [1, 2, 'released'],
        [2, 2, 'committed'],
      ],
    })
    const { stdout } = await shop.run('orders', 'show', 'A-1')
    expect(stdout).toMatch(/default:A-1:1 +│ +declined[\s\S]*default:A-1:2 +│ +captured/)
  })
})

interface ShownOrder {
  readonly status: string
  readonly attempts: number
  readonly payments: readonly { attempt: number; idempotency_key: string; status: string }[]
  readonly reservations: readonly { attempt: number; quantity: number; state: string }[]
}

async function historyOf(place: Workplace, id: string) {
  const { result } = await place.json('orders', 'show', id)
  const { status, attempts, payments, reservations } = result as ShownOrder
  return {
    status,
    attempts,
    payments: payments.map((payment) => [payment.attempt, payment.idempotency_key, payment.status]),
    reservations: reservations.map((held) => [held.attempt, held.quantity, held.state]),
  }
}
