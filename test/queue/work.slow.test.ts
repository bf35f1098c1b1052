// `import` and `work` over a queue's server: several processes, some of which are killed.

import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { queuesNamed } from '../../src/queue/rabbitmq/queues.js'
import { opened } from '../support/cli.js'
import { completed, type Environment, expectSoldOnce, importing, inHand, SLOW, singles } from '../support/drain.js'
import type { TestSchema } from '../support/postgres.js'
import { onPostgres, onRabbitMq, onRedis } from '../support/queue-drivers.js'
import type { Driver } from '../support/queue-scene.js'
import { messagesIn } from '../support/rabbitmq.js'
import { removeKeys } from '../support/redis.js'
import { describeWith } from '../support/servers.js'
import { test as placeTest, Shop } from '../support/shop.js'
import { until } from '../support/until.js'

const concurrent = { concurrent: true }

/** On a busy machine, a worker loses the lock of a job if leases are short, and leaves the job to others. */
const PATIENT: Environment = { ORDERCTL_LEASE_MS: '60000' }

const messagesLeft = async ({ environment }: Driver) => {
  const queues = Object.values(queuesNamed(`${environment['ORDERCTL_QUEUE_NAME']}`))
  return (await Promise.all(queues.map(messagesIn))).filter((messages) => messages > 0)
}
describeWith('rabbitmq', 'RabbitMQ', () => describeWork('rabbitmq', onRabbitMq, messagesLeft), concurrent)

describeWith(
  'redis',
  'BullMQ on Redis',
  () => {
    const test = describeWork('bullmq', onRedis, async ({ environment }) => {
      const keys = await removeKeys(environment.ORDERCTL_REDIS_PREFIX)
      expect(keys).not.toEqual([])
      return keys.filter((key) => !/:bull:orders:(meta|id|events|stalled-check|marker)$/.test(key))
    })

    test('a worker that was stopped past its lease changes nothing when it continues', async ({ shop, selling }) => {
      await importing(shop, 80, selling)
      const sleeper = shop.start(selling, 'work', '--concurrency', '1')
      await until(() => inHand(shop) > 0)
      sleeper.child.kill('SIGSTOP')
      // Another worker takes over when the lease has ended, and all its charges are declined.
      const declining = { ...selling, ORDERCTL_PAYMENT_SUCCESS_RATE: '0', ORDERCTL_PAYMENT_LATENCY_MS: '0' }
      const other = await shop.runWith(declining, 'work', '--drain')
      expect(other.code, other.stderr).toBe(0)
      const before = completed(shop)
      expect(shop.value("select count(*) from orders where status = 'rolled_back'")).toBe(80 - before)
      expect(before).toBeLessThan(80)
      sleeper.child.kill('SIGCONT')
      // Finishes its batch, too late.
      sleeper.child.kill('SIGTERM')
      expect((await sleeper.ended).code).toBe(130)
      expect(completed(shop)).toBe(before)
      expect(shop.value("select count(*) from payments where status = 'captured'")).toBe(before)
      await shop.expectAuditClean()
    })
  },
  concurrent,
)

/** Rows in each table of the queue that has any. */
async function rowsOf({ ask, schema }: TestSchema): Promise<Record<string, number>> {
  const tables = await ask(
    `select relname from pg_class where relnamespace = '${schema}'::regnamespace and relkind = 'r'`,
  )
  const names = tables.map(({ relname }) => String(relname))
  const counted = await Promise.all(
    names.map(async (name) => [name, (await ask(`select from ${name}`)).length] as const),
  )
  return Object.fromEntries(counted.filter(([, rows]) => rows > 0))
}

describeWith(
  'postgres',
  'BullMQ on PostgreSQL',
  () => {
    const test = describeWork('bullmq-postgres', onPostgres, ({ ask }) => ask('select from job'))

    test('a drain leaves nothing behind that grows', async ({ shop, queue, selling }) => {
      const small = { ...selling, ...PATIENT, ORDERCTL_BATCH_SIZE: '1', ORDERCTL_PAYMENT_LATENCY_MS: '0' }
      await importing(shop, 200, small)
      expect(await rowsOf(queue)).toMatchObject({ job: 200 })
      const { code, stderr } = await shop.runWith(small, 'work', '--drain', '--concurrency', '10')
      expect(code, stderr).toBe(0)
      const { event = 0, meta = 0, ...rest } = await rowsOf(queue)
      expect(rest).toEqual({ migration: 11 })
      expect(meta).toBeLessThan(10)
      // Each job has four events: added, waiting, active, completed.
      expect(event).toBeLessThanOrEqual(100 + 256)
    })

    test('a worker opens at most 4 connections, and closes them when it ends', async ({ shop, queue, selling }) => {
      const url = `${queue.environment.ORDERCTL_QUEUE_URL}?application_name=${queue.schema}`
      const named = { ...selling, ORDERCTL_QUEUE_URL: url }
      await importing(shop, 600, named)
      const worker = shop.start(named, 'work', '--concurrency', '8')
      const ours = `select from pg_stat_activity where application_name = '${queue.schema}'`
      const connections = async () => (await queue.ask(ours)).length
      let most = 0
      for (; completed(shop) < 600; await sleep(50)) most = Math.max(most, await connections())
      expect(most).toBeGreaterThan(0)
      expect(most).toBeLessThanOrEqual(4)
      worker.child.kill('SIGTERM')
      expect((await worker.ended).code).toBe(130)
      expect(await connections()).toBe(0)
      await expectSoldOnce(shop, 600)
    })

    test('a worker creates tables again that were dropped, and continues', async ({ shop, queue, selling }) => {
      await importing(shop, 200, selling)
      const worker = shop.start({ ...selling, ORDERCTL_PAYMENT_SUCCESS_RATE: '1' }, 'work', '--drain')
      await until(() => completed(shop) > 0)
      await queue.ask(`drop schema ${queue.schema} cascade`)
      const { code, stderr } = await worker.ended
      expect(code, stderr).toBe(0)
      expect(await rowsOf(queue)).toMatchObject({ migration: 11 })
      await expectSoldOnce(shop, 200)
    })

    test('orders are published and settled despite deadlocks on the server', async ({ shop, queue, selling }) => {
      await shop.runWith(selling, 'migrate')
      // A sequence counts outside of transactions: two of ten statements that touch jobs fail with a deadlock.
      await queue.ask(
        'create sequence attempts',
        `create function deadlock() returns trigger language plpgsql set search_path from current as $$
          begin
            if nextval('attempts') % 10 < 2 then raise 'deadlock detected' using errcode = '40P01'; end if;
            return new;
          end $$`,
        'create trigger deadlock before insert or update on job for each statement execute function deadlock()',
      )
      await importing(shop, 90, selling)
      expect(await rowsOf(queue)).toMatchObject({ job: 5 })
      const { code, stderr } = await shop.runWith(selling, 'work', '--drain')
      expect(code, stderr).toBe(0)
      await expectSoldOnce(shop, 90)
    })
  },
  concurrent,
)

async function queueOf(shop: Shop, environment: Environment): Promise<unknown> {
  const { result } = await shop.jsonWith(environment, 'status')
  return (result as { queue: unknown }).queue
}

/**
 * Tests that every server passes.
 *
 * @param leftBehind what a drain has left on the server and should not have
 * @returns what tests of one server alone are declared with
 */
function describeWork<Q extends Pick<Driver, 'environment' | 'close'>>(
  driver: string,
  open: () => Promise<Q>,
  leftBehind: (queue: Q) => Promise<readonly unknown[]>,
) {
  const test = placeTest.extend<{ queue: Q; selling: Environment }>({
    queue: opened(open),
    selling: async ({ queue }, use) => use({ ...SLOW, ...queue.environment }),
  })

  test('an import publishes, status shows, and a drain settles and leaves no job', async ({ shop, queue, selling }) => {
    const patient = { ...selling, ...PATIENT }
    const { result } = await shop.jsonWith(patient, 'import', shop.file('orders.csv', singles(90)))
    expect(result).toMatchObject({ orders: 90, published: 90 })
    const transport = { unit: 'batches', waiting: 5, active: 0, delayed: 0 }
    expect(await queueOf(shop, patient)).toMatchObject({ driver, waiting: 90, transport })
    const drained = await shop.jsonWith(patient, 'work', '--drain')
    expect(drained).toMatchObject({ code: 0, result: { processed: 90, completed: 90 } })
    expect(await queueOf(shop, patient)).toMatchObject({ waiting: 0, transport: { ...transport, waiting: 0 } })
    await expectSoldOnce(shop, 90)
    expect(await leftBehind(queue)).toEqual([])
  })

  test('two workers share the orders, and one settles those of the other when it is killed', async ({
    shop,
    selling,
  }) => {
    await shop.run('migrate')
    const start = (batchSize: string) =>
      shop.start({ ...selling, ORDERCTL_BATCH_SIZE: batchSize }, 'work', '--concurrency', '5')
    const [killed, other] = [start('20'), start('19')]
    await until(() => shop.value('select count(*) from workers') === 2)
    await importing(shop, 600, selling)
    // More than one of them may hold.
    await until(() => inHand(shop) > 100)
    killed.child.kill('SIGKILL')
    expect((await killed.ended).code).toBe(null)
    expect(completed(shop)).toBeLessThan(600)
    await until(() => completed(shop) === 600)
    other.child.kill('SIGTERM')
    expect((await other.ended).code).toBe(130)
    await expectSoldOnce(shop, 600)
  })

  test('two shops on one server are kept apart', async ({ shop, selling, onTestFinished }) => {
    const other = new Shop()
    onTestFinished(() => other.close())
    const queue = await open()
    onTestFinished(() => queue.close())
    const elsewhere = { ...SLOW, ...queue.environment }
    await Promise.all([importing(shop, 90, selling), importing(other, 50, elsewhere)])
    await other.runWith(elsewhere, 'queue', 'pause')
    const drained = await shop.jsonWith(selling, 'work', '--drain')
    expect(drained).toMatchObject({ code: 0, result: { processed: 90 } })
    expect(await queueOf(other, elsewhere)).toMatchObject({ paused: true, transport: { waiting: 3 } })
    const cleared = await other.jsonWith(elsewhere, 'queue', 'clear', '--yes')
    expect(cleared).toMatchObject({ code: 0, result: { cleared: 50 } })
    await expectSoldOnce(shop, 90)
  })

  return test
}
