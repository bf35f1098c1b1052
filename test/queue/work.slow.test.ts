// `import` and `work` over servers that others use: several processes, some of which are killed.
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { completed, type Environment, expectSoldOnce, importing, inHand, singles } from '../support/drain.js'
import { describeWithPostgres, newSchema, type TestSchema } from '../support/postgres.js'
import { onPostgres, onRabbitMq, onRedis } from '../support/queue-drivers.js'
import { describeWithRabbitMq } from '../support/rabbitmq.js'
import { describeWithRedis, redisUrl, removeKeys } from '../support/redis.js'
import { until } from '../support/until.js'
import type { Workplace } from '../support/workplace.js'
import { describeWork } from './work.js'

const concurrent = { concurrent: true }

describeWithRabbitMq('orders over RabbitMQ', () => describeWork('rabbitmq', () => onRabbitMq()), concurrent)

describeWithRedis(
  'orders over Redis',
  () => {
    const test = describeWork('bullmq', () => onRedis())

    test('leave no job behind', async ({ place, queue, selling }) => {
      await importing(place, 90, selling)
      await place.runWith(selling, 'work', '--drain')
      const keys = await removeKeys(`${redisUrl}`, `${queue.environment['ORDERCTL_REDIS_PREFIX']}`)
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
  concurrent,
)

/** A worker that runs before the orders come; it needs a database, so one order is there already. */
async function startWhenThere(place: Workplace, redis: Environment) {
  await place.runWith(redis, 'import', place.file('first.csv', singles(1).replace('A-1', 'FIRST')))
  const worker = place.start(redis, 'work')
  await until(() => completed(place) === 1)
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

    test('leave nothing behind that grows', async ({ place, queue, selling }) => {
      const small = { ...selling, ORDERCTL_BATCH_SIZE: '1', ORDERCTL_PAYMENT_LATENCY_MS: '0' }
      await importing(place, 200, small)
      expect(await rowsOf(queue)).toMatchObject({ job: 200 })
      const { code, stderr } = await place.runWith(small, 'work', '--drain', '--concurrency', '10')
      expect(code, stderr).toBe(0)
      const { event = 0, meta = 0, ...rest } = await rowsOf(queue)
      expect(rest).toEqual({ migration: 11 })
      expect(meta).toBeLessThan(10)
      // Each job told of itself four times: added, waiting, active, completed.
      expect(event).toBeLessThanOrEqual(100 + 256)
    })

    test('take few connections, which their owners let go', async ({ place, queue, selling }) => {
      const name = queue.schema
      const url = `${queue.environment.ORDERCTL_QUEUE_URL}?application_name=${name}`
      const connections = async () => {
        const [row] = await queue.ask(
          `select count(*)::int as open from pg_stat_activity where application_name = '${name}'`,
        )
        return Number(row?.['open'])
      }
      const named = { ...selling, ORDERCTL_QUEUE_URL: url }
      await importing(place, 600, named)
      const worker = place.start(named, 'work', '--concurrency', '8')
      let most = 0
      for (; completed(place) < 600; await sleep(50)) most = Math.max(most, await connections())
      expect(most).toBeGreaterThan(0)
      expect(most).toBeLessThanOrEqual(4)
      worker.child.kill('SIGTERM')
      expect((await worker.ended).code).toBe(130)
      expect(await connections()).toBe(0)
      await expectSoldOnce(place, 600)
    })

    test('are settled though all connections are ended by the server, again and again', async ({
      place,
      queue,
      selling,
    }) => {
      const name = queue.schema
      const named = { ...selling, ORDERCTL_QUEUE_URL: `${selling['ORDERCTL_QUEUE_URL']}?application_name=${name}` }
      const END_ALL = `select pg_terminate_backend(pid) from pg_stat_activity where application_name = '${name}'`
      await importing(place, 500, named)
      const worker = place.start(named, 'work', '--drain')
      for (const share of [1, 100, 200, 300]) {
        await until(() => completed(place) >= share)
        for (let ended = 0; ended === 0; await sleep(20)) ended = (await queue.ask(END_ALL)).length
      }
      const { code, stderr } = await worker.ended
      expect(code, stderr).toBe(0)
      await expectSoldOnce(place, 500)
    })

    test("are published and settled though statements get in each other's way", async ({ place, queue, selling }) => {
      await place.runWith(selling, 'migrate')
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
      await importing(place, 90, selling)
      expect(await rowsOf(queue)).toMatchObject({ job: 5 })
      const { code, stderr } = await place.runWith(selling, 'work', '--drain')
      expect(code, stderr).toBe(0)
      await expectSoldOnce(place, 90)
    })
  },
  concurrent,
)
