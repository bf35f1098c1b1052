// What several processes, some of which are killed, make of orders over one server.
import { expect } from 'vitest'
import { completed, type Environment, expectSoldOnce, importing, inHand, SLOW, singles } from '../support/drain.js'
import type { Driver } from '../support/queue-scene.js'
import { until } from '../support/until.js'
import { test as placeTest, Workplace } from '../support/workplace.js'

async function queueOf(place: Workplace, environment: Environment): Promise<unknown> {
  const { result } = await place.jsonWith(environment, 'status')
  return (result as { queue: unknown }).queue
}

/** Tests that every server passes. @returns what tests of the one server alone are declared with */
export function describeWork<Q extends Pick<Driver, 'environment' | 'close'>>(driver: string, open: () => Promise<Q>) {
  const test = placeTest.extend<{ queue: Q; selling: Environment }>({
    // biome-ignore lint/correctness/noEmptyPattern: Vitest reads from it that the fixture needs no other.
    queue: async ({}, use) => {
      const queue = await open()
      await use(queue)
      await queue.close()
    },
    selling: async ({ queue }, use) => use({ ...SLOW, ...queue.environment }),
  })

  test('are published by an import, shown by status, and settled by a drain', async ({ place, selling }) => {
    const file = place.file('orders.csv', singles(90))
    const { result } = await place.jsonWith(selling, 'import', file)
    expect(result).toMatchObject({ orders: 90, published: 90 })
    expect(await queueOf(place, selling)).toMatchObject({
      driver,
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

  test('are each settled by one of two workers on pools of other sizes', async ({ place, selling }) => {
    await importing(place, 600, selling)
    const small = { ...selling, ORDERCTL_BATCH_SIZE: '7' }
    const workers = await Promise.all([
      place.startJson(selling, 'work', '--drain', '--concurrency', '6'),
      place.startJson(small, 'work', '--drain', '--concurrency', '1'),
    ])
    const processed = workers.map(({ result }) => (result as { processed: number }).processed)
    expect(workers.map(({ code }) => code)).toEqual([0, 0])
    expect(Math.min(...processed)).toBeGreaterThan(0)
    expect(processed.reduce((sum, count) => sum + count)).toBe(600)
    await expectSoldOnce(place, 600)
  })

  test('of one of two workers that is killed are settled by the other', async ({ place, selling }) => {
    await place.run('migrate')
    const start = () => place.start(selling, 'work', '--concurrency', '5')
    const [killed, other] = [start(), start()]
    await until(() => place.value('select count(*) from workers') === 2)
    await importing(place, 600, selling)
    // More than one of them may hold.
    await until(() => inHand(place) > 100)
    killed.child.kill('SIGKILL')
    expect((await killed.ended).code).toBe(null)
    expect(completed(place)).toBeLessThan(600)
    await until(() => completed(place) === 600)
    other.child.kill('SIGTERM')
    expect((await other.ended).code).toBe(130)
    await expectSoldOnce(place, 600)
  })

  test('of two shops on one server are kept apart', async ({ place, selling, onTestFinished }) => {
    const other = new Workplace()
    onTestFinished(() => other.close())
    const queue = await open()
    onTestFinished(() => queue.close())
    const elsewhere = { ...SLOW, ...queue.environment }
    await Promise.all([importing(place, 90, selling), importing(other, 50, elsewhere)])
    await other.runWith(elsewhere, 'queue', 'pause')
    const drained = await place.jsonWith(selling, 'work', '--drain')
    expect(drained).toMatchObject({ code: 0, result: { processed: 90 } })
    expect(await queueOf(other, elsewhere)).toMatchObject({ paused: true, transport: { waiting: 3 } })
    const cleared = await other.jsonWith(elsewhere, 'queue', 'clear', '--yes')
    expect(cleared).toMatchObject({ code: 0, result: { cleared: 50 } })
    await expectSoldOnce(place, 90)
  })

  return test
}
