// `import` and `work` over servers that others use: several processes, some of which are killed.

import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { completed, type Environment, expectSoldOnce, importing, inHand, SLOW, singles } from '../support/drain.js'
import { describeWithPostgres, newSchema, type TestSchema } from '../support/postgres.js'
import { onPostgres, onRabbitMq, onRedis } from '../support/queue-drivers.js'
import type { Driver } from '../support/queue-scene.js'
import { describeWithRabbitMq } from '../support/rabbitmq.js'
import { describeWithRedis, redisUrl, removeKeys } from '../support/redis.js'
import { test as placeTest, Shop } from '../support/shop.js'
import { until } from '../support/until.js'

const concurrent = { concurrent: true }

/** A worker that loses a job's lock on a busy machine leaves the job to others. */
const PATIENT: Environment = { ORDERCTL_LEASE_MS: '60000' }

describeWithRabbitMq('orders over RabbitMQ', () => describeWork('rabbitmq', () => onRabbitMq()), concurrent)

describeWithRedis(
  'orders over Redis',
  () => {
    const test = describeWork('bullmq', () => onRedis())

    test('leave no job behind', async ({ shop, queue, selling }) => {
      const patient = { ...selling, ...PATIENT }
      await importing(shop, 90, patient)
      const { stderr } = await shop.runWith(patient, 'work', '--drain')
      expect(stderr).not.toContain('Waiting for it.')
      const keys = await removeKeys(`${redisUrl}`, `${queue.environment['ORDERCTL_REDIS_PREFIX']}`)
      expect(keys.length).toBeGreaterThan(0)
      expect(keys.filter((key) => !/:bull:orders:(meta|id|events|stalled-check|marker)$/.test(key))).toEqual([])
    })

    test('of a worker that was stopped past its lock stay as another left them', async ({ shop, selling }) => {
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
      // It finishes its batch, too late.
      sleeper.child.kill('SIGTERM')
      expect((await sleeper.ended).code).toBe(130)
      expect(completed(shop)).toBe(before)
      expect(shop.value("select count(*) from payments where status = 'captured'")).toBe(before)
      await shop.expectAuditClean()
    })

    test('of one file that is imported twice at once are there once', async ({ shop, selling }) => {
      const file = shop.file('orders.csv', singles(300))
      const worker = await startWhenThere(shop, selling)
      const imports = await Promise.all([
        shop.startJson(selling, 'import', file),
        shop.startJson(selling, 'import', file, '--rejects', `${file}.2`),
      ])
      expect(imports.map(({ code }) => code)).toEqual([0, 0])
      const orders = imports.map(({ result }) => (result as { orders: number }).orders)
      expect(orders.sort()).toEqual([0, 300])
      await until(() => completed(shop) === 301)
      worker.child.kill('SIGTERM')
      await worker.ended
      await expectSoldOnce(shop, 301)
    })
  },
  concurrent,
)

/** A worker that runs before the orders come; it needs a database, so one order is there already. */
async function startWhenThere(shop: Shop, redis: Environment) {
  await shop.runWith(redis, 'import', shop.file('first.csv', singles(1).replace('A-1', 'FIRST')))
  const worker = shop.start(redis, 'work')
  await until(() => completed(shop) === 1)
  return worker
}

async function onSchema() {
  const schema = newSchema()
  return { ...(await onPostgres(schema)), ...schema }
}

/** Rows in each table of the queue that has any. */
async function rowsOf({ ask, schema }: TestSchema): Promise<Record<string, number>> {
  const tables = await ask(
    `select relname from pg_class where relnamespace = '${schema}'::regnamespace and relkind = 'r'`,
  )
  const counted: Record<string, number> = {}
  for (const { relname } of tables) {
    const [{ rows } = { rows: 0 }] = await ask(`select count(*)::int as rows from "${relname}"`)
    if (rows !== 0) counted[String(relname)] = Number(rows)
  }
  return counted
}

describeWithPostgres(
  'orders over PostgreSQL',
  () => {
    const test = describeWork('bullmq-postgres', onSchema)

    test('leave nothing behind that grows', async ({ shop, queue, selling }) => {
      const small = { ...selling, ...PATIENT, ORDERCTL_BATCH_SIZE: '1', ORDERCTL_PAYMENT_LATENCY_MS: '0' }
      await importing(shop, 200, small)
      expect(await rowsOf(queue)).toMatchObject({ job: 200 })
      const { code, stderr } = await shop.runWith(small, 'work', '--drain', '--concurrency', '10')
      expect(code, stderr).toBe(0)
      const { event = 0, meta = 0, ...rest } = await rowsOf(queue)
      expect(rest).toEqual({ migration: 11 })
      expect(meta).toBeLessThan(10)
      // Each job told of itself four times: added, waiting, active, completed.
      expect(event).toBeLessThanOrEqual(100 + 256)
    })

    test('take few connections, which their owners let go', async ({ shop, queue, selling }) => {
      const name = queue.schema
      const url = `${queue.environment.ORDERCTL_QUEUE_URL}?application_name=${name}`
      const connections = async () => {
        const [row] = await queue.ask(
          `select count(*)::int as open from pg_stat_activity where application_name = '${name}'`,
        )
        return Number(row?.['open'])
      }
      const named = { ...selling, ORDERCTL_QUEUE_URL: url }
      await importing(shop, 600, named)
      const worker = shop.start(named, 'work', '--concurrency', '8')
      let most = 0
      for (; completed(shop) < 600; await sleep(50)) most = Math.max(most, await connections())
      expect(most).toBeGreaterThan(0)
      expect(most).toBeLessThanOrEqual(4)
      worker.child.kill('SIGTERM')
      expect((await worker.ended).code).toBe(130)
      expect(await connections()).toBe(0)
      await expectSoldOnce(shop, 600)
    })

    test('are settled though all connections are ended by the server, again and again', async ({
      shop,
      queue,
      selling,
    }) => {
      const name = queue.schema
      const named = { ...selling, ORDERCTL_QUEUE_URL: `${selling['ORDERCTL_QUEUE_URL']}?application_name=${name}` }
      const END_ALL = `select pg_terminate_backend(pid) from pg_stat_activity where application_name = '${name}'`
      await importing(shop, 500, named)
      const worker = shop.start(named, 'work', '--drain')
      for (const share of [1, 100, 200, 300]) {
        await until(() => completed(shop) >= share)
        for (let ended = 0; ended === 0; await sleep(20)) ended = (await queue.ask(END_ALL)).length
      }
      const { code, stderr } = await worker.ended
      expect(code, stderr).toBe(0)
      await expectSoldOnce(shop, 500)
    })

    test("are published and settled though statements get in each other's way", async ({ shop, queue, selling }) => {
      await shop.runWith(selling, 'migrate')
      // Counted outside of transactions: of ten statements that touch jobs, two are told of a deadlock.
      await queue.ask(`
        create sequence attempts;
        create function get_in_the_way() returns trigger language plpgsql set search_path from current as $$
          begin
            if nextval('attempts') % 10 < 2 then raise 'deadlock detected' using errcode = '40P01'; end if;
            return new;
          end $$;
        create trigger get_in_the_way before insert or update on job for each statement
          execute function get_in_the_way()`)
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

/** Tests that every server passes. @returns what tests of the one server alone are declared with */
function describeWork<Q extends Pick<Driver, 'environment' | 'close'>>(driver: string, open: () => Promise<Q>) {
  const test = placeTest.extend<{ queue: Q; selling: Environment }>({
    // biome-ignore lint/correctness/noEmptyPattern: Vitest reads from it that the fixture needs no other.
    queue: async ({}, use) => {
      const queue = await open()
      await use(queue)
      await queue.close()
    },
    selling: async ({ queue }, use) => use({ ...SLOW, ...queue.environment }),
  })

  test('are published by an import, shown by status, and settled by a drain', async ({ shop, selling }) => {
    const file = shop.file('orders.csv', singles(90))
    const { result } = await shop.jsonWith(selling, 'import', file)
    expect(result).toMatchObject({ orders: 90, published: 90 })
    expect(await queueOf(shop, selling)).toMatchObject({
      driver,
      waiting: 90,
      transport: { unit: 'batches', waiting: 5, active: 0, delayed: 0 },
    })
    const drained = await shop.jsonWith({ ...selling, ...PATIENT }, 'work', '--drain')
    expect(drained).toMatchObject({ code: 0, result: { processed: 90, completed: 90 } })
    expect(await queueOf(shop, selling)).toMatchObject({
      waiting: 0,
      transport: { waiting: 0, active: 0, delayed: 0 },
    })
    await expectSoldOnce(shop, 90)
  })

  test('are each settled by one of two workers on pools of other sizes', async ({ shop, selling }) => {
    await importing(shop, 600, selling)
    const small = { ...selling, ORDERCTL_BATCH_SIZE: '7' }
    const workers = await Promise.all([
      shop.startJson(selling, 'work', '--drain', '--concurrency', '6'),
      shop.startJson(small, 'work', '--drain', '--concurrency', '1'),
    ])
    const processed = workers.map(({ result }) => (result as { processed: number }).processed)
    expect(workers.map(({ code }) => code)).toEqual([0, 0])
    expect(Math.min(...processed)).toBeGreaterThan(0)
    expect(processed.reduce((sum, count) => sum + count)).toBe(600)
    await expectSoldOnce(shop, 600)
  })

  test('of one of two workers that is killed are settled by the other', async ({ shop, selling }) => {
    await shop.run('migrate')
    const start = () => shop.start(selling, 'work', '--concurrency', '5')
    const [killed, other] = [start(), start()]
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

  test('of two shops on one server are kept apart', async ({ shop, selling, onTestFinished }) => {
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
