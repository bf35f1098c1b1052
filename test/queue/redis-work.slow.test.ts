// `import` and `work` over a Redis that others use, too: several processes, some of which end as they should not.
import { expect } from 'vitest'
import { completed, type Environment, expectSoldOnce, importing, inHand, singles } from '../support/drain.js'
import { describeWithRedis, randomPrefix, redisUrl, removeKeys } from '../support/redis.js'
import { until } from '../support/until.js'
import type { Workplace } from '../support/workplace.js'
import { describeWork } from './work.js'

function newPrefix() {
  const [url, prefix] = [`${redisUrl}`, randomPrefix()]
  return {
    environment: { ORDERCTL_QUEUE_URL: url, ORDERCTL_REDIS_PREFIX: prefix },
    /** @returns the keys */
    drop: () => removeKeys(url, prefix),
  }
}

describeWithRedis(
  'orders over Redis',
  () => {
    const test = describeWork('bullmq', newPrefix)

    test('leave no job behind', async ({ place, queue, selling }) => {
      await importing(place, 90, selling)
      await place.runWith(selling, 'work', '--drain')
      const keys = await queue.drop()
      expect(keys.length).toBeGreaterThan(0)
      expect(keys.filter((key) => !/:bull:orders:(meta|id|events|stalled-check|marker)$/.test(key))).toEqual([])
    })

    test('of a worker that was stopped past its lock stay as another left them', async ({ place, selling }) => {
      await importing(place, 80, selling)
      const sleeper = place.start(selling, 'work', '--concurrency', '1')
      await until(() => inHand(place) > 0)
      sleeper.child.kill('SIGSTOP')
      // Another worker takes over when the lease has ended, and all its charges are declined.
      const declining = { ...selling, ORDERCTL_PAYMENT_SUCCESS_RATE: '0', ORDERCTL_PAYMENT_LATENCY_MS: '0' }
      const other = await place.runWith(declining, 'work', '--drain')
      expect(other.code, other.stderr).toBe(0)
      const before = completed(place)
      expect(place.value("select count(*) from orders where status = 'rolled_back'")).toBe(80 - before)
      expect(before).toBeLessThan(80)
      sleeper.child.kill('SIGCONT')
      // It finishes its batch, too late.
      sleeper.child.kill('SIGTERM')
      expect((await sleeper.ended).code).toBe(130)
      expect(completed(place)).toBe(before)
      expect(place.value("select count(*) from payments where status = 'captured'")).toBe(before)
      await place.expectAuditClean()
    })

    test('of one file that is imported twice at once are there once', async ({ place, selling }) => {
      const file = place.file('orders.csv', singles(300))
      const worker = await startWhenThere(place, selling)
      const imports = await Promise.all([
        place.startJson(selling, 'import', file),
        place.startJson(selling, 'import', file, '--rejects', `${file}.2`),
      ])
      expect(imports.map(({ code }) => code)).toEqual([0, 0])
      const orders = imports.map(({ result }) => (result as { orders: number }).orders)
      expect(orders.sort()).toEqual([0, 300])
      await until(() => completed(place) === 301)
      worker.child.kill('SIGTERM')
      await worker.ended
      await expectSoldOnce(place, 301)
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
