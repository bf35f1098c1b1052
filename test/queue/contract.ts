// What every queue must do, whatever carries it: one suite over the port, which each driver passes on a real database.
import { describe, expect, test as plainTest } from 'vitest'
import { makeDue } from '../../src/queue/due-orders.js'
import type { FragileDriver } from '../support/queue-drivers.js'
import { BATCH_SIZE, Scene, type StartDriver } from '../support/queue-scene.js'
import { until } from '../support/until.js'

/** What needs the driver alone; the rest is below. */
export function describeQueueContract(start: StartDriver): void {
  const test = plainTest.extend<{ scene: Scene }>({
    // biome-ignore lint/correctness/noEmptyPattern: Vitest reads from it that the fixture needs no other.
    scene: async ({}, use) => {
      const scene = await Scene.open(start)
      await use(scene)
      await scene.close()
    },
  })

  describe('delivers', () => {
    test('what was published, in batches, and a drain ends by itself', async ({ scene }) => {
      const ids = await scene.orders(23)
      await scene.queue.publish(ids)
      await scene.drain()
      expect(new Set(scene.deliveries.flat())).toEqual(new Set(ids))
      expect(Math.max(...scene.deliveries.map((delivery) => delivery.length))).toBeLessThanOrEqual(BATCH_SIZE)
      expect(scene.claimed).toBe(23)
      expect(await scene.count('completed')).toBe(23)
      expect(await scene.differences()).toBe(0)
    })

    test('what was published twice as if it were once', async ({ scene }) => {
      const ids = await scene.orders(12)
      await scene.queue.publish(ids)
      await scene.queue.publish(ids)
      await scene.queue.publish(ids.slice(3, 7))
      await scene.drain()
      await scene.queue.publish(ids)
      await scene.drain()
      expect(scene.claimed).toBe(12)
      expect(await scene.count('completed')).toBe(12)
      expect(await scene.differences()).toBe(0)
    })

    test('due orders that nobody has published', async ({ scene }) => {
      await scene.orders(12)
      await scene.drain()
      expect(await scene.count('completed')).toBe(12)
    })

    test('to a consumer that was there first', async ({ scene }) => {
      const looked = scene.signals.next('polled', 2)
      scene.consume()
      await looked
      await scene.queue.publish(await scene.orders(12))
      await until(async () => (await scene.count('completed')) === 12)
      await scene.stop()
    })

    test('each order to one of two consumers', async ({ scene }) => {
      await scene.queue.publish(await scene.orders(40))
      scene.chargeMs = 20
      const other = scene.consume({ drain: true }, { queue: await scene.another() })
      await scene.drain()
      await other.ended
      expect(scene.claimed).toBe(40)
      expect(await scene.count('completed')).toBe(40)
      expect(await scene.differences()).toBe(0)
    })

    test('later what was put off, and a drain waits for it', async ({ scene }) => {
      const ids = await scene.orders(7)
      await scene.queue.connect()
      const dueAt = Date.now() + 2000
      await scene.shop.db.updateTable('due_orders').set({ due_at: dueAt }).execute()
      await scene.queue.publish(ids, 2000)
      const counts = await scene.queue.counts()
      // Unless the machine was so busy that they are due by now.
      if (Date.now() < dueAt) expect(counts).toMatchObject({ waiting: 0, active: 0, delayed: scene.driver.counted(7) })
      await scene.drain()
      expect(scene.firstDeliveryAt).toBeGreaterThanOrEqual(dueAt)
      expect(await scene.count('completed')).toBe(7)
    })

    test('again what a consumer held that died', async ({ scene }) => {
      await scene.queue.publish(await scene.orders(12))
      const worker = scene.startProcess(
        { ORDERCTL_PAYMENT_LATENCY_MS: '50000', ORDERCTL_PAYMENT_TIMEOUT_MS: '60000' },
        'work',
        '--concurrency',
        '2',
      )
      await until(async () => (await scene.count('payment_processing')) === 2 * BATCH_SIZE)
      worker.kill('SIGKILL')
      await scene.drain()
      expect(scene.claimed).toBe(12)
      expect(await scene.count('completed')).toBe(12)
      expect(await scene.differences()).toBe(0)
    })
  })

  describe('has in progress', () => {
    test('as many different batches as wanted, and no more', async ({ scene }) => {
      await scene.queue.publish(await scene.orders(6 * BATCH_SIZE))
      const release = scene.hold()
      const drained = scene.drain({ concurrency: 3 })
      await until(() => scene.inProgress === 3)
      // What the first consumer leaves, another one takes.
      const other = scene.consume({ concurrency: 3, drain: true }, { queue: await scene.another() })
      await until(() => scene.inProgress === 6)
      expect(new Set(scene.deliveries.flat()).size).toBe(6 * BATCH_SIZE)
      release()
      await Promise.all([drained, other.ended])
      expect(scene.mostInProgress).toBe(6)
      expect(await scene.count('completed')).toBe(6 * BATCH_SIZE)
    })

    test('more or fewer, when that is changed on the way', async ({ scene }) => {
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
      expect(await scene.count('completed')).toBe(40 * BATCH_SIZE)
    })

    test('what it had when it was stopped, until that is finished', async ({ scene }) => {
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
      expect(await scene.count('completed')).toBe(2 * BATCH_SIZE)
      expect(await scene.count('pending')).toBe(2 * BATCH_SIZE)
      await scene.drain()
      expect(await scene.count('completed')).toBe(4 * BATCH_SIZE)
    })

    test('nothing more, when a handler fails', async ({ scene }) => {
      await scene.queue.publish(await scene.orders(4 * BATCH_SIZE))
      const consumer = scene.consume({}, { handler: () => Promise.reject(new Error('no disk')) })
      await expect(consumer.ended).rejects.toThrow('no disk')
      expect(await scene.count('pending')).toBe(4 * BATCH_SIZE)
      await scene.drain()
      expect(await scene.count('completed')).toBe(4 * BATCH_SIZE)
    })
  })

  describe('is paused', () => {
    test('by another process, until a third one resumes it', async ({ scene }) => {
      const ids = await scene.orders(100 * BATCH_SIZE)
      await scene.queue.publish(ids)
      scene.chargeMs = 60
      scene.consume()
      await until(() => scene.deliveries.length >= 2)
      await scene.runProcess('queue', 'pause')
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

    test('over restarts, and a drain does not wait for its end', async ({ scene }) => {
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
      expect(await scene.count('completed')).toBe(7)
    })
  })

  describe('tells and forgets', () => {
    test('clears what waits, now or for later; the orders stay pending and can be published again', async ({
      scene,
    }) => {
      const ids = await scene.orders(12)
      await scene.queue.publish(ids.slice(0, 8))
      await scene.queue.publish(ids.slice(8), 60_000)
      expect(await scene.queue.clear()).toBe(12)
      expect(await scene.queue.counts()).toMatchObject({
        waiting: 0,
        active: 0,
        delayed: 0,
        oldestWaitingSeconds: null,
      })
      await scene.drain()
      expect(scene.claimed).toBe(0)
      expect(await scene.count('pending')).toBe(12)
      expect(await makeDue(scene.shop.db, ids, Date.now())).toBe(12)
      await scene.queue.publish(ids)
      await scene.drain()
      expect(await scene.count('completed')).toBe(12)
    })

    test('clears nothing that is in progress', async ({ scene }) => {
      await scene.queue.publish(await scene.orders(3 * BATCH_SIZE))
      const release = scene.hold()
      const drained = scene.drain({ concurrency: 1 })
      await until(() => scene.inProgress === 1)
      expect(await scene.queue.clear()).toBe(2 * BATCH_SIZE)
      release()
      await drained
      expect(await scene.count('completed')).toBe(BATCH_SIZE)
      expect(await scene.count('pending')).toBe(2 * BATCH_SIZE)
    })

    test('counts what waits, what is in progress, and how long the oldest has waited', async ({ scene }) => {
      const nothing = { waiting: 0, active: 0, delayed: 0, oldestWaitingSeconds: null }
      expect(await scene.queue.counts()).toMatchObject(nothing)
      const ids = await scene.orders(3 * BATCH_SIZE)
      const since = Date.now()
      await scene.shop.db.updateTable('due_orders').set({ due_at: since }).execute()
      await scene.queue.publish(ids.slice(0, BATCH_SIZE))
      await until(async () => ((await scene.queue.counts()).oldestWaitingSeconds ?? 0) >= 0.1)
      await scene.queue.publish(ids.slice(BATCH_SIZE))
      const before = await scene.queue.counts()
      expect(before).toMatchObject({ waiting: scene.driver.counted(3 * BATCH_SIZE), active: 0, delayed: 0 })
      expect(before.oldestWaitingSeconds).toBeGreaterThanOrEqual(0.1)
      expect(before.oldestWaitingSeconds).toBeLessThanOrEqual((Date.now() - since) / 1000)
      const release = scene.hold()
      const drained = scene.drain({ concurrency: 1 })
      await until(async () => (await scene.count('payment_processing')) === BATCH_SIZE)
      const other = await scene.another()
      expect(await other.counts()).toMatchObject({
        waiting: scene.driver.counted(2 * BATCH_SIZE),
        active: scene.driver.counted(BATCH_SIZE),
      })
      release()
      await drained
      expect(await other.counts()).toMatchObject(nothing)
    })
  })
}

/** The part of the contract for which a server is taken away. */
export function describeClosing(start: () => Promise<FragileDriver>): void {
  describe.each(['stopped', 'hanging'] as const)('closes while its server is %s', (how) => {
    const test = plainTest.extend<{ scene: Scene; takeAway: () => Promise<void> }>({
      // biome-ignore lint/correctness/noEmptyPattern: Vitest reads from it that the fixture needs no other.
      scene: async ({}, use) => {
        const scene = await Scene.open(start)
        await use(scene)
        await scene.close()
      },
      takeAway: async ({ scene }, use) => {
        const server = scene.driver as FragileDriver
        await use(async () => (how === 'stopped' ? server.stop() : server.hang()))
      },
    })

    test('with nothing in progress', async ({ scene, takeAway }) => {
      await scene.queue.publish(await scene.orders(3))
      await takeAway()
      await scene.queue.close()
    })

    test('with a batch in progress, which is finished', async ({ scene, takeAway }) => {
      await scene.queue.publish(await scene.orders(3 * BATCH_SIZE))
      const release = scene.hold()
      const stop = new AbortController()
      const consumer = scene.consume({ concurrency: 1, signal: stop.signal })
      await until(() => scene.inProgress === 1)
      await takeAway()
      stop.abort()
      release()
      await consumer.ended
      await scene.queue.close()
      expect(await scene.count('completed')).toBe(BATCH_SIZE)
      expect(await scene.count('pending')).toBe(2 * BATCH_SIZE)
    })
  })
}
