// Servers that go away in the middle, or forget everything, and what only one of them can do to a worker.
import { Worker } from 'bullmq'
import { expect, vi } from 'vitest'
import { SLOW } from '../support/drain.js'
import { describeWithPostgres } from '../support/postgres.js'
import { onFragilePostgres, onFragileRabbitMq, onFragileRedis } from '../support/queue-drivers.js'
import { BATCH_SIZE, Scene } from '../support/queue-scene.js'
import { describeWithRabbitMq } from '../support/rabbitmq.js'
import { describeWithPrivateRedis } from '../support/redis.js'
import { until } from '../support/until.js'
import { test } from '../support/workplace.js'
import { describeAway, stopInMidDrain } from './away.js'

const concurrent = { concurrent: true }

describeWithPrivateRedis('a Redis that goes away, or forgets', () => describeAway(() => onFragileRedis()), concurrent)
describeWithPostgres('a PostgreSQL that goes away, or forgets', () => describeAway(onFragilePostgres), concurrent)
describeWithRabbitMq('a RabbitMQ that goes away, or forgets', () => describeAway(onFragileRabbitMq), concurrent)

describeWithPrivateRedis(
  'on Redis',
  () => {
    test('a drain finds the jobs of a server that was stopped and keeps them on its disk', async ({ place }) => {
      const server = await onFragileRedis({ durable: true })
      try {
        await stopInMidDrain(place, server, { ...SLOW, ...server.environment })
      } finally {
        await server.close()
      }
    })

    test('a worker that BullMQ lets sleep while batches wait is replaced', async ({ onTestFinished }) => {
      const run = vi.spyOn(Worker.prototype, 'run').mockResolvedValueOnce(undefined)
      onTestFinished(() => run.mockRestore())
      const scene = await Scene.open(() => onFragileRedis())
      onTestFinished(() => scene.close())
      await scene.queue.publish(await scene.orders(12))
      await scene.drain()
      expect(run).toHaveBeenCalledTimes(2)
      expect(await scene.count('completed')).toBe(12)
    })
  },
  concurrent,
)

describeWithPostgres('on PostgreSQL', () => {
  test('a batch that is finished while the server is about to start leaves the queue once it has', async ({
    onTestFinished,
  }) => {
    // The lease is so long that no worker takes the job for one whose worker has died.
    const driver = await onFragilePostgres(600_000)
    const scene = await Scene.open(async () => driver)
    onTestFinished(() => scene.close())
    await scene.queue.publish(await scene.orders(BATCH_SIZE))
    const release = scene.hold()
    scene.consume({ concurrency: 1 })
    await until(() => scene.inProgress === 1)

    const began = performance.now()
    driver.proxy.drop()
    driver.proxy.attempts = 0
    release()
    await until(async () => (await scene.count('completed')) === BATCH_SIZE)
    await until(() => driver.proxy.attempts >= 10)
    // It is asked once in a while, and not as fast as can be.
    expect(performance.now() - began).toBeGreaterThan(200)
    const active = async () => (await driver.place.ask("select from job where state = 'active'")).length
    expect(await active()).toBe(1)

    driver.proxy.goOn()
    await until(async () => (await active()) === 0)
  })
})
