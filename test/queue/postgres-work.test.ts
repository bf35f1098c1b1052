// `import` and `work` over a PostgreSQL that others use, too: several processes, some of which end as they should not.
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { describeWithPostgres, newSchema, type TestSchema } from '../postgres.js'
import { test as placeTest, Workplace } from '../workplace.js'
import { completed, type Environment, expectSoldOnce, importing, inHand, SLOW, singles, until } from './drain.js'

interface Fixtures {
  readonly queue: TestSchema
  readonly selling: Environment
  readonly elsewhere: Environment
}

const test = placeTest.extend<Fixtures>({
  // biome-ignore lint/correctness/noEmptyPattern: Vitest reads from it that the fixture needs no other.
  queue: async ({}, use) => {
    const queue = newSchema()
    await use(queue)
    await queue.drop()
  },
  selling: async ({ queue }, use) => use({ ...SLOW, ...queue.environment }),
  // biome-ignore lint/correctness/noEmptyPattern: Vitest reads from it that the fixture needs no other.
  elsewhere: async ({}, use) => {
    const queue = newSchema()
    await use({ ...SLOW, ...queue.environment })
    await queue.drop()
  },
})

async function queueOf(place: Workplace, environment: Environment): Promise<unknown> {
  const { result } = await place.jsonWith(environment, 'status')
  return (result as { queue: unknown }).queue
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
    test('are published by an import, shown by status, and settled by a drain', async ({ place, selling }) => {
      const file = place.file('orders.csv', singles(90))
      const { result } = await place.jsonWith(selling, 'import', file)
      expect(result).toMatchObject({ orders: 90, published: 90 })
      expect(await queueOf(place, selling)).toMatchObject({
        driver: 'bullmq-postgres',
        waiting: 90,
        transport: { unit: 'batches', waiting: 5, active: 0, delayed: 0 },
      })
      const drained = await place.jsonWith(selling, 'work', '--drain')
      expect(drained).toMatchObject({ code: 0, result: { processed: 90, completed: 90 } })
      expect(await queueOf(place, selling)).toMatchObject({
        waiting: 0,
        transport: { waiting: 0, active: 0, delayed: 0 },
      })
      await expectSoldOnce(place, 90)
    })

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

    test('are each settled by one of two workers on pools of other sizes', async ({ place, selling }) => {
      await importing(place, 600, selling)
      const small = { ...selling, ORDERCTL_BATCH_SIZE: '7' }
      const workers = await Promise.all([
        place.jsonWith(selling, 'work', '--drain', '--concurrency', '6'),
        place.jsonWith(small, 'work', '--drain', '--concurrency', '1'),
      ])
      const processed = workers.map(({ result }) => (result as { processed: number }).processed)
      expect(workers.map(({ code }) => code)).toEqual([0, 0])
      expect(processed.reduce((sum, count) => sum + count)).toBe(600)
      await expectSoldOnce(place, 600)
    })

    test('of one of two workers that is killed are settled by the other', async ({ place, selling }) => {
      await importing(place, 600, selling)
      const slower = { ...selling, ORDERCTL_PAYMENT_LATENCY_MS: '500' }
      const start = () => place.start(slower, 'work', '--drain', '--concurrency', '5')
      const workers = [start(), start()]
      // All that both may have in hand.
      await until(() => inHand(place) === 200)
      workers[0]?.child.kill('SIGKILL')
      expect((await workers[0]?.ended)?.code).toBe(null)
      expect(completed(place)).toBeLessThan(600)
      expect((await workers[1]?.ended)?.code).toBe(0)
      await expectSoldOnce(place, 600)
    })

    test('of two shops in one database are kept apart by their schemas', async ({ place, selling, elsewhere }) => {
      const other = new Workplace()
      try {
        await Promise.all([importing(place, 90, selling), importing(other, 50, elsewhere)])
        await other.runWith(elsewhere, 'queue', 'pause')
        const drained = await place.jsonWith(selling, 'work', '--drain')
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
