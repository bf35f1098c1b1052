// Notifications of what happened to orders: recorded with the change, delivered at least once, in order for each order.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test as plainTest } from 'vitest'
import { HOUR_MS } from '../../src/domain/time.js'
import { recordingEvents } from '../../src/notify/events.js'
import { pruneEvents } from '../../src/notify/outbox.js'
import { expireReservations } from '../../src/workflow/expire.js'
import { opened } from '../support/cli.js'
import { describeOnEngines, EngineShop } from '../support/engine-shop.js'
import { csv, line } from '../support/lines.js'
import { Receiver, SECRET } from '../support/receiver.js'
import { scriptedGateway } from '../support/scripted-gateway.js'
import { test as shopTest } from '../support/shop.js'
import { until } from '../support/until.js'

const ALL_CAPTURED = { ORDERCTL_PAYMENT_SUCCESS_RATE: '1' }
const NONE_CAPTURED = { ORDERCTL_PAYMENT_SUCCESS_RATE: '0' }
const receiver = opened(() => Receiver.open())

const waiting = (shop: EngineShop) => shop.value("select count(*) from events where state = 'waiting'").then(Number)

/** Ends leases of killed processes and pauses after failures. */
const dueNow = (shop: EngineShop) => shop.rows("update events set next_at = 0 where state = 'waiting'")

describeOnEngines('notifications', (engineTest) => {
  const test = engineTest.extend<{ receiver: Receiver }>({ receiver })

  test('say how each order ended, signed and each under an id of its own', async ({ shop, receiver }) => {
    const orders = [line({ order: 'A-1', quantity: 2 }), line({ order: 'SHORT', quantity: 5000 })]
    await shop.importing(csv(...orders, line({ order: 'JPY', price: '300', currency: 'JPY' })), {}, '--source', 'b')
    await shop.runWith({ ...ALL_CAPTURED, ...receiver.environment }, 'work', '--drain')
    const byOrder = new Map(receiver.received.map((event) => [event.data.order_id, event]))
    expect(receiver.received).toHaveLength(3)
    expect(byOrder.get('A-1')).toMatchObject({
      type: 'order.completed',
      data: { source: 'b', customer_id: 'C-1', attempt: 1, reason: null, amount: 20, currency: 'USD' },
    })
    expect(byOrder.get('A-1')?.data['payment_reference']).toMatch(/^sim_/)
    expect(byOrder.get('SHORT')).toMatchObject({
      type: 'order.failed',
      data: { reason: 'out_of_stock', message: 'S-1: 5000 ordered, 998 available', payment_reference: null },
    })
    expect(byOrder.get('JPY')).toMatchObject({ data: { amount: 300, currency: 'JPY' } })
    expect(new Set(receiver.received.map(({ id }) => id)).size).toBe(3)
    expect(receiver.invalid).toEqual([])
    expect(await waiting(shop)).toBe(0)
    await shop.expectAuditClean()
  })

  test('come in order for each order, one at a time, also if the first is refused', async ({ shop, receiver }) => {
    await shop.importing(csv(line({ order: 'A-1' }), line({ order: 'B-1' })))
    let refused = 0
    receiver.answer = ({ data }) => (data.order_id === 'A-1' && refused++ < 1 ? 500 : 200)
    await shop.runWith({ ...NONE_CAPTURED, ...receiver.environment }, 'work', '--drain')
    await shop.run('failed', 'retry', '--all', '--yes')
    await shop.runWith({ ...ALL_CAPTURED, ...receiver.environment }, 'work', '--drain')
    // The refused event waits for its next attempt, and so does the later one of its order.
    expect(await waiting(shop)).toBe(2)
    await dueNow(shop)
    for (let round = 0; round < 2; round++) await shop.runWith(receiver.environment, 'work', '--drain')
    const typesOf = (order: string) => receiver.received.flatMap((e) => (e.data.order_id === order ? [e.type] : []))
    expect(typesOf('A-1')).toEqual(['order.rolled_back', 'order.rolled_back', 'order.completed'])
    expect(typesOf('B-1')).toEqual(['order.rolled_back', 'order.completed'])
    const [first, again] = receiver.received.filter(({ data }) => data.order_id === 'A-1')
    expect(again).toEqual(first)
    expect(await waiting(shop)).toBe(0)
  })

  test('are repeated under the same id if the worker is killed before it stores the delivery', async ({
    shop,
    receiver,
  }) => {
    await shop.importing(csv(line({ order: 'A-1' })))
    const worker = shop.start({ ...ALL_CAPTURED, ...receiver.environment }, 'work')
    receiver.answer = () => {
      worker.child.kill('SIGKILL')
      return 'never'
    }
    await worker.ended
    expect(receiver.orders).toEqual(['A-1'])
    receiver.answer = () => 200
    await dueNow(shop)
    await shop.runWith(receiver.environment, 'work', '--drain')
    const [first, second, ...others] = receiver.received
    expect(second).toEqual(first)
    expect(others).toEqual([])
    expect(await waiting(shop)).toBe(0)
  })

  test('are delivered once if two workers deliver', async ({ shop, receiver }) => {
    const orders = Array.from({ length: 400 }, (_, index) => line({ order: `A-${index}` }))
    await receiver.down()
    await shop.importing(csv(...orders))
    await shop.runWith({ ...ALL_CAPTURED, ...receiver.environment }, 'work', '--drain')
    expect(await waiting(shop)).toBe(400)
    await receiver.up()
    await dueNow(shop)
    const workers = [1, 2].map(() => shop.start(receiver.environment, 'work', '--max-runtime', '1h'))
    await until(async () => (await waiting(shop)) === 0)
    for (const { child } of workers) child.kill('SIGTERM')
    await Promise.all(workers.map(({ ended }) => ended))
    expect(receiver.orders).toHaveLength(400)
    expect(new Set(receiver.orders).size).toBe(400)
    expect(receiver.mostInFlight).toBeLessThanOrEqual(40)
  })

  test('say that an order needs review, or that its reservation expired', async ({ shop, receiver }) => {
    const environment = { ...receiver.environment, ORDERCTL_ATTEMPTS: '1', ORDERCTL_PAYMENT_TIMEOUT_MS: '1' }
    await shop.importing(csv(line({ order: 'A-1' })))
    await shop.runWith({ ...environment, ORDERCTL_PAYMENT_LATENCY_MS: '2000' }, 'work', '--drain')
    await shop.importing(csv(line({ order: 'A-2' })), {}, '--source', 'late')
    await shop.rows("update orders set status = 'reserved' where reference = 'A-2'")
    const id = await shop.value("select id from orders where reference = 'A-2'")
    await shop.rows(`insert into stock_reservations values (${id}, 1, 1, 1, 1)`)
    await shop.rows('update products set reserved = reserved + 1')
    recordingEvents(shop.db, shop.config(receiver.environment))
    expect(await expireReservations(shop.db)).toBe(1)
    await shop.runWith(environment, 'work', '--drain')
    expect(receiver.received).toMatchObject([
      { type: 'order.needs_review', data: { order_id: 'A-1', reason: 'payment_unknown' } },
      { type: 'order.rolled_back', data: { order_id: 'A-2', reason: 'expired' } },
    ])
  })

  test('say what people did: refunds, cancelled orders and resolved charges', async ({ shop, receiver }) => {
    const { environment } = receiver
    await shop.importing(csv(line({ order: 'A-1', quantity: 2 })))
    await shop.runWith({ ...ALL_CAPTURED, ...environment }, 'work', '--drain')
    await shop.runWith(environment, 'orders', 'refund', 'A-1', '--amount', '7.50', '--yes')
    await shop.importing(csv(line({ order: 'B-1' }), line({ order: 'B-2' })))
    const cancelled = await shop.runWith(environment, 'orders', 'cancel', 'B-1', '--reason', 'sold in store')
    expect(cancelled.code, cancelled.stderr).toBe(0)
    const unanswered = { ORDERCTL_ATTEMPTS: '1', ORDERCTL_PAYMENT_TIMEOUT_MS: '1', ORDERCTL_PAYMENT_LATENCY_MS: '2000' }
    await shop.runWith({ ...environment, ...unanswered }, 'work', '--drain')
    const resolved = await shop.runWith(environment, 'failed', 'resolve', 'B-2', '--not-charged', '--yes')
    expect(resolved.code, resolved.stderr).toBe(0)
    await shop.runWith(environment, 'work', '--drain')
    const eventsOf = (order: string) => receiver.received.filter(({ data }) => data.order_id === order)
    expect(eventsOf('A-1')).toMatchObject([
      { type: 'order.completed', data: { amount: 20 } },
      { type: 'order.refunded', data: { amount: 7.5, refund_reference: expect.stringMatching(/./) } },
    ])
    expect(eventsOf('B-1')).toMatchObject([
      { type: 'order.cancelled', data: { reason: 'cancelled', message: 'sold in store' } },
    ])
    expect(eventsOf('B-2').map(({ type }) => type)).toEqual(['order.needs_review', 'order.rolled_back'])
    expect((await shop.run('orders', 'export')).stdout.split('\n').map((row) => row.slice(0, 3))).toContain('B-1')
  })

  test('are not recorded without a destination, and are deleted some time after delivery', async ({
    shop,
    receiver,
  }) => {
    await shop.importing(csv(line({ order: 'A-1' })))
    await shop.runWith(ALL_CAPTURED, 'work', '--drain')
    expect(await shop.value('select count(*) from events')).toBe(0)
    await shop.importing(csv(line({ order: 'B-1' }), line({ order: 'B-2' })))
    await shop.runWith({ ...ALL_CAPTURED, ...receiver.environment }, 'work', '--drain')
    expect(await pruneEvents(shop.db, 'url', HOUR_MS)).toBe(0)
    await shop.rows(
      `update events set next_at = next_at - ${2 * HOUR_MS} where order_id = (select max(id) from orders)`,
    )
    expect(await pruneEvents(shop.db, 'url', HOUR_MS)).toBe(1)
    expect(await shop.value('select count(*) from events')).toBe(1)
  })
})

describe('a destination', () => {
  const test = plainTest.extend<{ shop: EngineShop; receiver: Receiver }>({
    shop: opened(() => EngineShop.open('sqlite')),
    receiver,
  })

  test('that is down for a while loses nothing and stops no order', async ({ shop, receiver }) => {
    await receiver.down()
    await shop.importing(csv(...Array.from({ length: 50 }, (_, index) => line({ order: `A-${index}` }))))
    const worker = shop.start({ ...ALL_CAPTURED, ...receiver.environment }, 'work')
    await worker.saw('failed: connection refused. Retrying.')
    await until(async () => (await shop.statuses())['completed'] === 50)
    expect(await waiting(shop)).toBe(50)
    await shop.rows(`update events set occurred_at = occurred_at - ${HOUR_MS}`)
    const alarm = await shop.runWith(receiver.environment, 'status', '--alarms')
    expect(alarm.code).toBe(1)
    expect(alarm.stdout + alarm.stderr).toMatch(/has waited for 60 min to be delivered .*: connection refused/)
    await receiver.up()
    await shop.run('notify', 'retry', '--all')
    await receiver.has(50)
    await worker.saw('works again')
    worker.child.kill('SIGTERM')
    await worker.ended
    expect(new Set(receiver.orders).size).toBe(50)
  })

  test('that refuses some events gets the others at once', async ({ shop, receiver }) => {
    receiver.answer = ({ data }) => (data.order_id.startsWith('BAD') ? 422 : 204)
    const bad = Array.from({ length: 40 }, (_, index) => line({ order: `BAD-${index}` }))
    await shop.importing(csv(...bad, line({ order: 'GOOD-1' })))
    await shop.runWith({ ...ALL_CAPTURED, ...receiver.environment }, 'work', '--drain')
    expect(receiver.orders).toContain('GOOD-1')
    expect(await waiting(shop)).toBe(40)
    expect(await shop.rows('select distinct deliveries, error from events where error is not null')).toEqual([
      { deliveries: 1, error: 'HTTP 422' },
    ])
  })

  test('that answers nothing does not keep others from their events', async ({ shop, receiver }) => {
    const file = join(shop.folder, 'events')
    receiver.answer = () => 'never'
    await shop.importing(csv(line({ order: 'A-1' })))
    const environment = { ...receiver.environment, ORDERCTL_NOTIFY_COMMAND: `cat >> ${file}` }
    const { code } = await shop.runWith({ ...ALL_CAPTURED, ...environment }, 'work', '--drain')
    expect(code).toBe(0)
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({
      type: 'order.completed',
      id: receiver.received[0]?.id,
    })
    const states = await shop.rows('select destination, state, deliveries, error from events order by destination')
    expect(states).toEqual([
      { destination: 'command', state: 'delivered', deliveries: 1, error: null },
      { destination: 'url', state: 'waiting', deliveries: 1, error: 'no answer within 10 s' },
    ])
  })

  test.for([
    ['exit 3', 'the command ended with exit code 3'],
    ['kill -9 $$', 'the command ended with SIGKILL'],
  ])('that is the command "%s" gets its event again', async ([command = '', error], { shop }) => {
    await shop.importing(csv(line({ order: 'A-1' })))
    await shop.runWith({ ...ALL_CAPTURED, ORDERCTL_NOTIFY_COMMAND: command }, 'work', '--drain')
    expect(await shop.rows('select state, error from events')).toEqual([{ state: 'waiting', error }])
    const got = join(shop.folder, 'got')
    await dueNow(shop)
    const script = `test "$ORDERCTL_EVENT_TYPE" = order.completed && cat > ${got}`
    await shop.runWith({ ORDERCTL_NOTIFY_COMMAND: script }, 'work', '--drain')
    expect(existsSync(got)).toBe(true)
    expect(await waiting(shop)).toBe(0)
  })

  test('whose receiver is gone or asks for a pause is left alone for that long', async ({ shop, receiver }) => {
    await shop.importing(csv(line({ order: 'A-1' }), line({ order: 'A-2' }), line({ order: 'A-3' })))
    receiver.answer = () => 429
    receiver.headers = { 'retry-after': '3600' }
    const environment = { ...ALL_CAPTURED, ...receiver.environment, ORDERCTL_NOTIFY_MAX_IN_FLIGHT: '1' }
    const worker = shop.start(environment, 'work')
    await worker.saw('failed: HTTP 429. Retrying.')
    const before = receiver.received.length
    await dueNow(shop)
    // Longer than the pauses without Retry-After: the second attempt would come after a second.
    await new Promise((resolve) => setTimeout(resolve, 2500))
    expect(receiver.received.length).toBe(before)
    worker.child.kill('SIGTERM')
    await worker.ended
    receiver.answer = () => 410
    await dueNow(shop)
    const { stderr } = await shop.runWith(receiver.environment, 'work', '--drain')
    expect(stderr).toContain('HTTP 410 (gone: the receiver wants no more events)')
  })
})

describe('the notify commands', () => {
  const test = shopTest.extend<{ receiver: Receiver }>({ receiver })

  test('list events, and send named ones again under their ids', async ({ shop, receiver }) => {
    await shop.importing(csv(line({ order: 'A-1' }), line({ order: 'A-2' })))
    await shop.runWith({ ...ALL_CAPTURED, ...receiver.environment }, 'work', '--drain')
    const { result } = await shop.json('notify', 'list', '--order', 'A-2')
    expect(result).toMatchObject({
      total: 1,
      events: [{ order_id: 'A-2', type: 'order.completed', state: 'delivered', deliveries: 1, amount: 10 }],
    })
    const [event] = receiver.received.filter(({ data }) => data.order_id === 'A-2')
    const retried = await shop.run('notify', 'retry', `${event?.id}`)
    const stranded = '1 event waits for a destination that is not configured here'
    expect(retried).toMatchObject({ code: 0, stderr: expect.stringContaining(stranded) })
    const configured = await shop.runWith(receiver.environment, 'notify', 'retry', '--all')
    expect(configured).toMatchObject({ code: 0, stderr: '' })
    await shop.runWith(receiver.environment, 'work', '--drain')
    expect(receiver.received).toHaveLength(3)
    expect(receiver.received.at(-1)).toEqual(event)
    const unknown = await shop.run('notify', 'retry', 'evt_AAAAAAAAAAAA_1')
    expect(unknown).toMatchObject({ code: 1, stderr: expect.stringContaining('No such event: evt_AAAAAAAAAAAA_1') })
    expect(await shop.run('notify', 'retry')).toMatchObject({ code: 2 })
    expect((await shop.run('audit', 'log')).stdout).toContain('notify retry')
  })

  test('test shows whether a destination answers, and exits with 1 otherwise', async ({ shop, receiver }) => {
    const environment = { ...receiver.environment, ORDERCTL_NOTIFY_COMMAND: 'exit 7' }
    const both = await shop.runWith(environment, 'notify', 'test', '--json')
    expect(both.code).toBe(1)
    expect(JSON.parse(both.stdout)).toMatchObject({
      deliveries: [
        { destination: 'url', delivered: true, error: null },
        { destination: 'command', delivered: false, error: 'the command ended with exit code 7' },
      ],
    })
    expect(receiver.received).toMatchObject([{ type: 'orderctl.test' }])
    expect((await shop.runWith(receiver.environment, 'notify', 'test')).code).toBe(0)
    expect(await shop.run('notify', 'test')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('No destination'),
    })
  })

  test('need a secret for a URL, and never show it', async ({ shop, receiver }) => {
    const { ORDERCTL_NOTIFY_URL: url = '' } = receiver.environment
    const without = await shop.runWith({ ORDERCTL_NOTIFY_URL: url }, 'work', '--drain')
    expect(without).toMatchObject({ code: 2, stderr: expect.stringContaining('there is no secret') })
    const file = shop.file('secret', `${SECRET}\n`)
    const withFile = { ORDERCTL_NOTIFY_URL: url, ORDERCTL_NOTIFY_SECRET_FILE: file }
    expect((await shop.runWith(withFile, 'notify', 'test')).code).toBe(0)
    for (const [content, reason] of [
      ['\n', 'is empty'],
      [SECRET.slice(6), 'expected whsec_'],
    ] as const) {
      shop.file('secret', content)
      const unfit = await shop.runWith(withFile, 'notify', 'test')
      expect(unfit).toMatchObject({ code: 2, stderr: expect.stringContaining(reason) })
      expect(unfit.stderr).not.toContain(SECRET.slice(6))
    }
    const config = await shop.runWith(receiver.environment, 'config', '--json')
    expect(config.stdout).toContain('"***"')
    expect(config.stdout).not.toContain(SECRET.slice(6, 20))
    for (const secret of ['whsec_short', SECRET.slice(6)]) {
      const wrong = await shop.runWith({ ...receiver.environment, ORDERCTL_NOTIFY_SECRET: secret }, 'notify', 'test')
      expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining('expected whsec_') })
      expect(wrong.stderr).not.toContain(secret)
    }
  })

  test('work for an order that is set aside', async ({ shop, receiver }) => {
    shop.order('BAD', { dueAt: 1 })
    shop.sqlite.exec('update due_orders set claims = 5')
    await shop.runWith({ ...receiver.environment, ...scriptedGateway({}) }, 'work', '--drain')
    expect(receiver.received).toMatchObject([{ type: 'order.needs_review', data: { reason: 'poison' } }])
  })
})
