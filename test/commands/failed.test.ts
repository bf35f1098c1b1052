// `failed retry` and `failed clear`: which orders they change, what they show before, and what a retried order keeps.

import { describe, expect } from 'vitest'
import { importing } from '../support/drain.js'
import { answerAtTerminal } from '../support/pseudo-terminal.js'
import { randomPrefix, removeKeys } from '../support/redis.js'
import { describeWith, serverUrl } from '../support/servers.js'
import { HOUR, type Shop, test } from '../support/shop.js'

const fail = (shop: Shop, reference: string, draft = {}) => shop.order(reference, { status: 'failed', ...draft })
const decline = (shop: Shop, reference: string) =>
  shop.order(reference, { status: 'rolled_back', attempt: 2, payment: { status: 'declined' } })

describe.concurrent('failed retry', () => {
  test('previews orders by reason, the most frequent first; a dry run changes nothing', async ({ shop }) => {
    for (const reference of ['1', '2', '3']) decline(shop, reference)
    for (const reference of ['4', '5']) fail(shop, reference)
    shop.unknownOrder('6')
    const dry = ['failed', 'retry', '--all', '--dry-run']
    const text = await shop.run(...dry, '--stagger', '90s')
    const { result } = await shop.json(...dry)
    const table = /declined +3\nout_of_stock +2\npayment_unknown +1\n/
    expect(text).toMatchObject({ code: 0, stdout: expect.stringMatching(table), stderr: '' })
    expect(text.stdout).toMatch(/ 6 orders, .*1 min 30 s/)
    const declined = { reason: 'declined', orders: 3 }
    const others = [
      { reason: 'out_of_stock', orders: 2 },
      { reason: 'payment_unknown', orders: 1 },
    ]
    expect(result).toEqual({ matched: 6, changed: 0, reasons: [declined, ...others] })
    expect(shop.value("select count(*) from orders where status in ('failed', 'rolled_back')")).toBe(5)

    const some = await shop.json('failed', 'retry', '--reason', 'declined', '--yes')
    expect(some.result).toEqual({ matched: 3, changed: 3, reasons: [declined] })
    expect(shop.row('4')).toMatchObject({ status: 'failed', attempt: 1 })
  })

  test('starts a new attempt, and keeps the idempotency key if the payment is unknown', async ({ shop }) => {
    fail(shop, '1001', { message: 'two short' })
    decline(shop, '1002')
    shop.unknownOrder('1003')
    const { stdout, stderr, code } = await shop.run('failed', 'retry', '--all', '--yes')
    expect(code).toBe(0)
    expect(stderr).toMatch(/^Reason +Orders\n/)
    expect(stdout).toMatch(/^3 orders .*orderctl work/)
    const unsettled = { reason: null, message: null, settled_at: null, cleared_at: null, lease_token: null }
    expect(shop.row('1001')).toMatchObject({ ...unsettled, status: 'pending', attempt: 2 })
    expect(shop.row('1002')).toMatchObject({ ...unsettled, status: 'pending', attempt: 3 })
    expect(shop.row('1003')).toMatchObject({ ...unsettled, status: 'payment_processing', attempt: 1 })
    // Due at once, whatever the clock says.
    expect(shop.value('select max(due_at) < 0 from due_orders')).toBe(1)
    expect(shop.value("select unanswered from payments where status = 'unknown'")).toBe(0)
  })

  test('retries named orders without a question, and leaves all others as they are', async ({ shop }) => {
    fail(shop, '1001', { clearedAt: 5 })
    fail(shop, '1002')
    shop.order('1003', { status: 'completed' })
    const { code, stderr } = await shop.run('failed', 'retry', '1001', '1003')
    expect(code).toBe(0)
    expect(stderr).toMatch(/1003 .*completed/)
    expect(shop.row('1001')).toMatchObject({ status: 'pending', cleared_at: null })
    expect(shop.row('1002')).toMatchObject({ status: 'failed' })
    expect(shop.row('1003')).toMatchObject({ status: 'completed' })
  })

  test('asks below the preview, and changes nothing unless the answer is yes', async ({ shop }) => {
    decline(shop, '1001')
    const refused = await answerAtTerminal(shop, 'n', 'failed', 'retry', '--all')
    expect(refused.screen).toMatch(/declined +1\b[\s\S]*\[y\/N\]/)
    expect(refused).toMatchObject({ code: 0, screen: expect.stringContaining('\nNothing changed.\n') })
    expect(shop.row('1001')).toMatchObject({ status: 'rolled_back', attempt: 2 })
    expect((await answerAtTerminal(shop, 'y', 'failed', 'retry', '--all')).code).toBe(0)
    expect(shop.row('1001')).toMatchObject({ status: 'pending', attempt: 3 })
  })

  test('changes nothing if the selection is ambiguous or invalid', async ({ shop }) => {
    fail(shop, '1001')
    fail(shop, '1002')
    fail(shop, '1001', { source: 'shop-b' })
    for (const [selection, code, said] of [
      [[], 2, '--all'],
      [['--all'], 2, '--yes'],
      [['--all', '1002'], 2, 'Remove one'],
      [['1002', '4711'], 1, '4711'],
      [['1001'], 2, 'default, shop-b'],
      [['--all', '--yes', '--stagger', '10d'], 2, '--stagger "10d"'],
    ] as const) {
      const refused = await shop.run('failed', 'retry', ...selection)
      expect(refused).toMatchObject({ code, stderr: expect.stringContaining(said) })
    }
    expect(shop.value("select count(*) from orders where status = 'failed'")).toBe(3)

    const selected = await shop.json('failed', 'retry', '1001', '--source', 'shop-b')
    expect(selected.result).toMatchObject({ matched: 1, changed: 1 })
    expect(shop.value("select source from orders where status = 'pending'")).toBe('shop-b')
  })
})

/** Failed in the order 2, 4, 1, 3; order 4 needs review. */
function fourFailures(shop: Shop): void {
  const now = Date.now()
  shop.order('1', { status: 'failed', settledAt: now - 2 * HOUR })
  shop.order('2', { status: 'rolled_back', settledAt: now - 4 * HOUR })
  shop.order('3', { status: 'rolled_back', reason: 'expired', settledAt: now - HOUR })
  shop.unknownOrder('4', now - 3 * HOUR)
}

/** Pairs of an order and when it falls due. */
const dueTimes = (shop: Shop) =>
  shop.sqlite
    .prepare('select reference, due_at from due_orders join orders on id = order_id order by due_at, id')
    .raw()
    .all() as [reference: string, dueAt: number][]

const stagger = (shop: Shop, time: string, environment = {}) =>
  shop.runWith(environment, 'failed', 'retry', '--all', '--yes', '--stagger', time)

describe.concurrent('failed retry --stagger', () => {
  test('spreads due times evenly, in the order in which the orders failed', async ({ shop }) => {
    fourFailures(shop)
    const before = Date.now()
    const { code, stdout } = await stagger(shop, '10m')
    const after = Date.now()
    expect(code).toBe(0)
    expect(stdout).toMatch(/^4 orders .*10 min/)
    const [first = 0, ...rest] = dueTimes(shop).map(([, dueAt]) => dueAt)
    expect([first >= before, first <= after]).toEqual([true, true])
    expect(rest.map((dueAt) => (dueAt - first) / 60_000)).toEqual([2.5, 5, 7.5])
    expect(dueTimes(shop).map(([reference]) => reference)).toEqual(['2', '4', '1', '3'])
    const { result } = await shop.json('status')
    expect(result).toMatchObject({ queue: { waiting: 1, active: 0, delayed: 3 } })
  })

  test('spreads many orders in waves of the same size, the last one before the time is over', async ({ shop }) => {
    const numbers = [...Array(450).keys()]
    shop.sqlite.transaction(() => {
      for (const n of numbers) shop.order(`${n}`, { status: 'rolled_back', settledAt: 1000 + n })
    })()
    await stagger(shop, '2h')
    const due = dueTimes(shop)
    const first = due[0]?.[1] ?? 0
    // 450 orders in at most 200 waves: three at a time, every 48 seconds.
    expect(due.map(([reference, dueAt]) => [Number(reference), dueAt - first])).toEqual(
      numbers.map((n) => [n, Math.floor(n / 3) * 48_000]),
    )
  })

  test('a worker charges no order before it is due, and all of them in the end', async ({ shop }) => {
    fourFailures(shop)
    await stagger(shop, '3s')
    const due = new Map(dueTimes(shop))
    const { code } = await shop.runWith({ ORDERCTL_PAYMENT_SUCCESS_RATE: '1' }, 'work', '--drain', '--wait')
    expect(code).toBe(0)
    expect(shop.value("select count(*) from orders where status = 'completed'")).toBe(4)
    const captured = shop.rows(
      `select reference, coalesce(answered_at, created_at) as at from payments join orders on orders.id = order_id
       where payments.status = 'captured'`,
    ) as { reference: string; at: number }[]
    expect(captured).toHaveLength(4)
    for (const { reference, at } of captured) expect(at).toBeGreaterThan(due.get(reference) ?? Number.NaN)
  })
})

describeWith(
  'redis',
  'failed retry --stagger with Redis',
  () => {
    test('publishes each wave for the time when it falls due', async ({ shop, onTestFinished }) => {
      const prefix = randomPrefix()
      onTestFinished(async () => void (await removeKeys(prefix)))
      const environment = { ORDERCTL_QUEUE_URL: serverUrl('redis'), ORDERCTL_REDIS_PREFIX: prefix }
      fourFailures(shop)
      expect((await stagger(shop, '1h', environment)).code).toBe(0)
      const { result } = await shop.jsonWith(environment, 'status')
      expect(result).toMatchObject({
        queue: { driver: 'bullmq', waiting: 1, delayed: 3, transport: { unit: 'batches', waiting: 1, delayed: 3 } },
      })
    })

    test('loses no order if Redis is unreachable: all fall due in the database', async ({ shop }) => {
      fourFailures(shop)
      const retried = await stagger(shop, '2s', { ORDERCTL_QUEUE_URL: 'redis://127.0.0.1:1' })
      expect(retried).toMatchObject({ code: 4, stderr: expect.stringContaining('No order is lost') })
      const { result } = await shop.jsonWith({ ORDERCTL_PAYMENT_SUCCESS_RATE: '1' }, 'work', '--drain', '--wait')
      expect(result).toMatchObject({ processed: 4, completed: 4 })
    })
  },
  { concurrent: true },
)

test('a retried order keeps each attempt with its payment and its reservation', async ({ newShop: shop }) => {
  const workedOrder = async (successRate: string) => {
    const { code, stderr } = await shop.runWith(
      { ORDERCTL_PAYMENT_SUCCESS_RATE: successRate },
      'work',
      '--drain',
      '--wait',
    )
    expect(code, stderr).toBe(0)
    return (await shop.json('orders', 'show', 'A-1')).result
  }
  await importing(shop, 1, {})
  const payments = [{ attempt: 1, idempotency_key: `${shop.identity}:default:A-1:1`, status: 'declined' }]
  const reservations = [{ attempt: 1, quantity: 1, state: 'released' }]
  expect(await workedOrder('0')).toMatchObject({ status: 'rolled_back', attempts: 1, payments, reservations })

  await shop.run('failed', 'retry', 'A-1')
  payments.push({ attempt: 2, idempotency_key: `${shop.identity}:default:A-1:2`, status: 'captured' })
  reservations.push({ attempt: 2, quantity: 1, state: 'committed' })
  expect(await workedOrder('1')).toMatchObject({ status: 'completed', attempts: 2, payments, reservations })
  const { stdout } = await shop.run('orders', 'show', 'A-1')
  expect(stdout).toMatch(/default:A-1:1 +declined[\s\S]*default:A-1:2 +captured/)
})

test('failed clear takes orders off the list and keeps them; those that need review stay on it', async ({ shop }) => {
  fail(shop, '1001')
  decline(shop, '1002')
  shop.unknownOrder('1003')
  const { result } = await shop.json('failed', 'clear', '--all', '--yes')
  expect(result).toMatchObject({ matched: 2, changed: 2, reasons: [{ orders: 1 }, { orders: 1 }] })
  const list = await shop.json('failed', 'list')
  expect(list.result).toMatchObject({ total: 1, orders: [{ order_id: '1003' }] })
  expect(shop.row('1002')).toMatchObject({ status: 'rolled_back', reason: 'declined' })
})
