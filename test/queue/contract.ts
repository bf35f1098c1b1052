// What every queue must do: one suite over the port, which each driver passes on a real database.
import { describe, expect, test as plainTest } from 'vitest'
import { inBatches } from '../../src/domain/batches.js'
import { makeDue } from '../../src/queue/due-orders.js'
import { opened } from '../support/cli.js'
import type { BullMqDriver, FragileDriver } from '../support/queue-drivers.js'
import { BATCH_SIZE, Scene, type StartDriver } from '../support/queue-scene.js'
import { until } from '../support/until.js'

const EMPTY = { waiting: 0, active: 0, delayed: 0, oldestWaitingSeconds: null }

const testOn = (start: StartDriver) => plainTest.extend<{ scene: Scene }>({ scene: opened(() => Scene.open(start)) })

/** Each order was claimed once in this process and is completed, and the audit is clean. */
export async function expectSettledOnce(scene: Scene, orders: number): Promise<void> {
  expect(scene.claimed).toBe(orders)
  expect(await scene.count('completed')).toBe(orders)
  await scene.shop.expectAuditClean()
}

export function describeStranded(start: StartDriver): void {
  testOn(start)(
    'are published again while their server remembers batches that it delivers to no one',
    async ({ scene }) => {
      await scene.queue.publish(await scene.orders(3 * BATCH_SIZE))
      await (scene.driver as BullMqDriver).strand()
      await scene.drain()
      await expectSettledOnce(scene, 3 * BATCH_SIZE)
    },
  )
}

export function describeBacklog(start: StartDriver): void {
  testOn(start)('are published again while other batches wait', async ({ scene }) => {
    const [lost, ...others] = inBatches(await scene.orders(4 * BATCH_SIZE), BATCH_SIZE)
    await scene.queue.publish(others.flat())
    const release = scene.hold()
    const drained = scene.drain({ concurrency: 1 })
    const waiting = async () => (await scene.queue.counts()).waiting
    await until(async () => scene.inProgress === 1 && (await waiting()) === 2)
    // Ten leases later, those that have been due for as long come again; the batch in progress is under its lease.
    await until(async () => (await waiting()) > 2)
    release()
    await drained
    expect(scene.deliveries.flat()).toEqual(expect.arrayContaining([...(lost ?? [])]))
    await expectSettledOnce(scene, 4 * BATCH_SIZE)
  })
}

/** What needs the driver alone; the rest is below. */
export function describeQueueContract(start: StartDriver): void {
  const test = testOn(start)

  test('delivers orders in batches, each once however often it is published, and a drain ends', async ({ scene }) => {
    const ids = await scene.orders(23)
    await scene.queue.publish(ids)
    await scene.queue.publish(ids)
    await scene.queue.publish(ids.slice(3, 7))
    await scene.drain()
    expect(new Set(scene.deliveries.flat())).toEqual(new Set(ids))
    expect(Math.max(...scene.deliveries.map((delivery) => delivery.length))).toBeLessThanOrEqual(BATCH_SIZE)
    await scene.queue.publish(ids)
    await scene.drain()
    await expectSettledOnce(scene, 23)
  })

  test('a drain ends while orders are due later, and waits for them if told to', async ({ scene }) => {
    const ids = await scene.orders(7)
    await scene.queue.connect()
    await scene.shop.db
      .updateTable('due_orders')
      .set({ due_at: Date.now() + 60_000 })
      .execute()
    await scene.drain()
    expect(scene.deliveries).toEqual([])
    const dueAt = Date.now() + 2000
    await scene.shop.db.updateTable('due_orders').set({ due_at: dueAt }).execute()
    await scene.queue.publish(ids, 2000)
    const counts = await scene.queue.counts()
    // On a very busy machine they are due by now.
    if (Date.now() < dueAt) expect(counts).toMatchObject({ waiting: 0, active: 0, delayed: scene.driver.counted(7) })
    await scene.drain({ waitsForLater: true })
    expect(scene.firstDeliveryAt).toBeGreaterThanOrEqual(dueAt)
    await expectSettledOnce(scene, 7)
  })

  test('delivers as many batches at a time as the concurrency, and others to a second consumer', async ({ scene }) => {
    await scene.queue.publish(await scene.orders(6 * BATCH_SIZE))
    const release = scene.hold()
    const drained = scene.drain({ concurrency: 3 })
    await until(() => scene.inProgress === 3)
    const other = scene.consume({ concurrency: 3, drain: true }, { queue: await scene.another() })
    await until(() => scene.inProgress === 6)
    expect(new Set(scene.deliveries.flat()).size).toBe(6 * BATCH_SIZE)
    release()
    await Promise.all([drained, other.ended])
    expect(scene.mostInProgress).toBe(6)
    await expectSettledOnce(scene, 6 * BATCH_SIZE)
  })

  test('follows a change of the concurrency while it delivers', async ({ scene }) => {
    await scene.queue.publish(await scene.orders(40 * BATCH_SIZE))
    scene.chargeMs = 40
    const consumer = scene.consume({ concurrency: 1, drain: true })
    await until(() => scene.deliveries.length >= 3)
    expect(scene.mostInProgress).toBe(1)
    consumer.resize(4)
    await until(() => scene.mostInProgress === 4)
    consumer.resize(2)
    await until(() => scene.inProgress <= 2)
    scene.mostInProgress = 0
    await consumer.ended
    expect(scene.mostInProgress).toBe(2)
    await expectSettledOnce(scene, 40 * BATCH_SIZE)
  })

  test('finishes the batches in progress when it is stopped, and leaves the others', async ({ scene }) => {
    await scene.queue.publish(await scene.orders(4 * BATCH_SIZE))
    const release = scene.hold()
    const stop = new AbortController()
    const consumer = scene.consume({ signal: stop.signal })
    await until(() => scene.inProgress === 2)
    stop.abort()
    const inProgressAtItsEnd = consumer.ended.then(() => scene.inProgress)
    // Long enough for a consumer that does not wait.
    await scene.queue.counts()
    expect(scene.inProgress).toBe(2)
    release()
    expect(await inProgressAtItsEnd).toBe(0)
    await expectSettledOnce(scene, 2 * BATCH_SIZE)
    expect(await scene.count('pending')).toBe(2 * BATCH_SIZE)
    await scene.drain()
    await expectSettledOnce(scene, 4 * BATCH_SIZE)
  })

  test('ends with the error of a handler that fails, and loses nothing', async ({ scene }) => {
    await scene.queue.publish(await scene.orders(4 * BATCH_SIZE))
    const consumer = scene.consume({}, { handler: () => Promise.reject(new Error('no disk')) })
    await expect(consumer.ended).rejects.toThrow('no disk')
    expect(await scene.count('pending')).toBe(4 * BATCH_SIZE)
    await scene.drain()
    await expectSettledOnce(scene, 4 * BATCH_SIZE)
  })

  test('is paused by another process, until a third one resumes it', async ({ scene }) => {
    const ids = await scene.orders(100 * BATCH_SIZE)
    await scene.queue.publish(ids)
    scene.chargeMs = 60
    scene.consume()
    await until(() => scene.deliveries.length >= 2)
    const { code } = await scene.shop.start(scene.driver.environment, 'queue', 'pause').ended
    expect(code).toBe(0)
    expect(await scene.queue.isPaused()).toBe(true)
    await until(() => scene.inProgress === 0)
    const { length } = scene.deliveries
    await scene.signals.next('polled', 3)
    expect(scene.deliveries.length).toBe(length)
    expect(await scene.count('pending')).toBeGreaterThan(0)
    const other = await scene.another()
    expect(await other.isPaused()).toBe(true)
    await other.resume()
    await until(async () => (await scene.count('completed')) === ids.length)
    await scene.stop()
  })

  test('stays paused over restarts, and a drain of a paused queue ends', async ({ scene }) => {
    const ids = await scene.orders(7)
    await scene.queue.pause()
    await scene.queue.close()
    const other = await scene.another()
    await other.publish(ids)
    await scene.consume({ drain: true }, { queue: other }).ended
    expect(scene.deliveries).toEqual([])
    expect(await other.counts()).toMatchObject({ waiting: scene.driver.counted(7), active: 0, delayed: 0 })
    await other.resume()
    expect(await other.isPaused()).toBe(false)
    await scene.consume({ drain: true }, { queue: other }).ended
    await expectSettledOnce(scene, 7)
  })

  test('clears due orders, now or later, but none in progress; they can be published again', async ({ scene }) => {
    const ids = await scene.orders(3 * BATCH_SIZE)
    await scene.queue.publish(ids.slice(0, 2 * BATCH_SIZE))
    await scene.queue.publish(ids.slice(2 * BATCH_SIZE), 60_000)
    const release = scene.hold()
    const drained = scene.drain({ concurrency: 1 })
    await until(async () => (await scene.count('payment_processing')) === BATCH_SIZE)
    expect(await scene.queue.clear()).toBe(2 * BATCH_SIZE)
    release()
    await drained
    expect(await scene.queue.counts()).toMatchObject(EMPTY)
    await expectSettledOnce(scene, BATCH_SIZE)
    expect(await scene.count('pending')).toBe(2 * BATCH_SIZE)

    expect(await makeDue(scene.shop.db, ids, Date.now())).toBe(2 * BATCH_SIZE)
    await scene.queue.publish(ids)
    await scene.drain()
    await expectSettledOnce(scene, 3 * BATCH_SIZE)
  })

  test('counts waiting and active orders, and the age of the oldest waiting one', async ({ scene }) => {
    const { counted } = scene.driver
    expect(await scene.queue.counts()).toMatchObject(EMPTY)
    const ids = await scene.orders(3 * BATCH_SIZE)
    const since = Date.now()
    await scene.shop.db.updateTable('due_orders').set({ due_at: since }).execute()
    await scene.queue.publish(ids.slice(0, BATCH_SIZE))
    await until(async () => ((await scene.queue.counts()).oldestWaitingSeconds ?? 0) >= 0.1)
    await scene.queue.publish(ids.slice(BATCH_SIZE))
    const before = await scene.queue.counts()
    expect(before).toMatchObject({ waiting: counted(3 * BATCH_SIZE), active: 0, delayed: 0 })
    expect(before.oldestWaitingSeconds).toBeGreaterThanOrEqual(0.1)
    expect(before.oldestWaitingSeconds).toBeLessThanOrEqual((Date.now() - since) / 1000)
    const release = scene.hold()
    const drained = scene.drain({ concurrency: 1 })
    await until(async () => (await scene.count('payment_processing')) === BATCH_SIZE)
    const other = await scene.another()
    expect(await other.counts()).toMatchObject({ waiting: counted(2 * BATCH_SIZE), active: counted(BATCH_SIZE) })
    release()
    await drained
    expect(await other.counts()).toMatchObject(EMPTY)
  })
}

/** The part of the contract for which a server is taken away. */
export function describeClosing(start: () => Promise<FragileDriver>): void {
  const test = testOn(start)

  describe.each(['stop', 'hang'] as const)('closes after a %s of its server', (takeAway) => {
    test('with nothing in progress', async ({ scene }) => {
      await scene.queue.publish(await scene.orders(3))
      await (scene.driver as FragileDriver).proxy[takeAway]()
      await scene.queue.close()
    })

    test('with a batch in progress, which is finished', async ({ scene }) => {
      await scene.queue.publish(await scene.orders(3 * BATCH_SIZE))
      const release = scene.hold()
      const stop = new AbortController()
      const consumer = scene.consume({ concurrency: 1, signal: stop.signal })
      await until(() => scene.inProgress === 1)
      await (scene.driver as FragileDriver).proxy[takeAway]()
      stop.abort()
      release()
      await consumer.ended
      await scene.queue.close()
      expect(await scene.count('completed')).toBe(BATCH_SIZE)
      expect(await scene.count('pending')).toBe(2 * BATCH_SIZE)
    })
  })
}
