// `import` and `work` over a Redis that others use, too: several processes, some of which end as they should not.
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { describeWithRedis, randomPrefix, redisUrl, removeKeys } from '../redis.js'
import { test as placeTest, Workplace } from '../workplace.js'
import {
  completed,
  type Environment,
  expectAuditClean,
  expectSoldOnce,
  importing,
  inHand,
  SLOW,
  singles,
  until,
} from './drain.js'

const test = placeTest.extend<{ redis: Environment; elsewhere: Environment }>({
  // biome-ignore lint/correctness/noEmptyPattern: Vitest reads from it that the fixture needs no other.
  redis: async ({}, use) => ownPrefix(use),
  // biome-ignore lint/correctness/noEmptyPattern: Vitest reads from it that the fixture needs no other.
  elsewhere: async ({}, use) => ownPrefix(use),
})

async function ownPrefix(use: (environment: Environment) => Promise<void>): Promise<void> {
  const prefix = randomPrefix()
  const url = redisUrl ?? ''
  await use({ ...SLOW, ORDERCTL_QUEUE_URL: url, ORDERCTL_REDIS_PREFIX: prefix })
  await removeKeys(url, prefix)
}

async function queueOf(place: Workplace, environment: Environment): Promise<unknown> {
  const { result } = await place.jsonWith(environment, 'status')
  return (result as { queue: unknown }).queue
}

describeWithRedis(
  'orders over Redis',
  () => {
    test('are published by an import, shown by status, and settled by a drain', async ({ place, redis }) => {
      const file = place.file('orders.csv', singles(90))
      const { result } = await place.jsonWith(redis, 'import', file)
      expect(result).toMatchObject({ orders: 90, published: 90 })
      expect(await queueOf(place, redis)).toMatchObject({
        driver: 'bullmq',
        waiting: 90,
        transport: { unit: 'batches', waiting: 5, active: 0, delayed: 0 },
      })
      const drained = await place.jsonWith(redis, 'work', '--drain')
      expect(drained).toMatchObject({ code: 0, result: { processed: 90, completed: 90 } })
      expect(await queueOf(place, redis)).toMatchObject({
        waiting: 0,
        transport: { waiting: 0, active: 0, delayed: 0 },
      })
      await expectSoldOnce(place, 90)
    })

    test('leave no job behind', async ({ place, redis }) => {
      await importing(place, 90, redis)
      await place.runWith(redis, 'work', '--drain')
      const keys = await removeKeys(redis['ORDERCTL_QUEUE_URL'] ?? '', redis['ORDERCTL_REDIS_PREFIX'] ?? '')
      expect(keys.length).toBeGreaterThan(0)
      expect(keys.filter((key) => !/:bull:orders:(meta|id|events|stalled-check|marker)$/.test(key))).toEqual([])
    })

    test('are each settled by one of two workers on pools of other sizes', async ({ place, redis }) => {
      await importing(place, 600, redis)
      const small = { ...redis, ORDERCTL_BATCH_SIZE: '7' }
      const workers = await Promise.all([
        place.jsonWith(redis, 'work', '--drain', '--concurrency', '6'),
        place.jsonWith(small, 'work', '--drain', '--concurrency', '1'),
      ])
      const processed = workers.map(({ result }) => (result as { processed: number }).processed)
      expect(workers.map(({ code }) => code)).toEqual([0, 0])
      expect(Math.min(...processed)).toBeGreaterThan(0)
      expect(processed.reduce((sum, count) => sum + count)).toBe(600)
      await expectSoldOnce(place, 600)
    })

    test('of one of two workers that is killed are settled by the other', async ({ place, redis }) => {
      await importing(place, 600, redis)
      const slower = { ...redis, ORDERCTL_PAYMENT_LATENCY_MS: '500' }
      const start = () => place.start(slower, 'work', '--drain', '--concurrency', '5')
      const workers = [start(), start()]
      // All that both may have in hand.
      await until(() => inHand(place) === 200)
      workers[0]?.child.kill('SIGKILL')
      expect((await workers[0]?.ended)?.code).toBe(null)
      expect(completed(place)).toBeLessThan(300)
      expect((await workers[1]?.ended)?.code).toBe(0)
      await expectSoldOnce(place, 600)
    })

    test('of a worker that stood still past its lock stay as another left them', async ({ place, redis }) => {
      await importing(place, 80, redis)
      const sleeper = place.start(redis, 'work', '--concurrency', '1')
      await until(() => inHand(place) > 0)
      sleeper.child.kill('SIGSTOP')
      await sleep(1100)
      // Meanwhile another one takes over, and is told that all charges are declined.
      const declining = { ...redis, ORDERCTL_PAYMENT_SUCCESS_RATE: '0', ORDERCTL_PAYMENT_LATENCY_MS: '0' }
      const other = await place.runWith(declining, 'work', '--drain')
      expect(other.code, other.stderr).toBe(0)
      const before = completed(place)
      expect(place.value("select count(*) from orders where status = 'rolled_back'")).toBe(80 - before)
      expect(before).toBeLessThan(80)
      sleeper.child.kill('SIGCONT')
      await sleep(600)
      sleeper.child.kill('SIGTERM')
      expect((await sleeper.ended).code).toBe(130)
      expect(completed(place)).toBe(before)
      expect(place.value("select count(*) from payments where status = 'captured'")).toBe(before)
      await expectAuditClean(place)
    })

    test('of one file that is imported twice at once are there once', async ({ place, redis }) => {
      const file = place.file('orders.csv', singles(300))
      const worker = await startWhenThere(place, redis)
      const imports = await Promise.all([
        place.jsonWith(redis, 'import', file),
        place.jsonWith(redis, 'import', file, '--rejects', `${file}.2`),
      ])
      expect(imports.map(({ code }) => code)).toEqual([0, 0])
      const orders = imports.map(({ result }) => (result as { orders: number }).orders)
      expect(orders.sort()).toEqual([0, 300])
      await until(() => completed(place) === 301)
      worker.child.kill('SIGTERM')
      await worker.ended
      await expectSoldOnce(place, 301)
    })

    test('of two shops on one server are kept apart by their prefixes', async ({ place, redis, elsewhere }) => {
      const other = new Workplace()
      try {
        await Promise.all([importing(place, 90, redis), importing(other, 50, elsewhere)])
        await other.runWith(elsewhere, 'queue', 'pause')
        const drained = await place.jsonWith(redis, 'work', '--drain')
        expect(drained).toMatchObject({ code: 0, result: { processed: 90 } })
        expect(await queueOf(other, elsewhere)).toMatchObject({ paused: true, transport: { waiting: 3 } })
        const cleared = await other.jsonWith(elsewhere, 'queue', 'clear', '--yes')
        expect(cleared).toMatchObject({ code: 0, result: { cleared: 50 } })
        await expectSoldOnce(place, 90)
      } finally {
        other.close()
      }
    })
  },
  { concurrent: true },
)

/** A worker that runs before the orders come; it needs a database, so one order is there already. */
async function startWhenThere(place: Workplace, redis: Environment) {
  await place.runWith(redis, 'import', place.file('first.csv', singles(1).replace('A-1', 'FIRST')))
  const worker = place.start(redis, 'work')
  await until(() => completed(place) === 1)
  return worker
}
