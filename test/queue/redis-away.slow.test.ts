// A Redis that goes away in the middle, or forgets everything.
import { Worker } from 'bullmq'
import { Redis } from 'ioredis'
import { expect, vi } from 'vitest'
import { onOwnServer } from '../support/bullmq-driver.js'
import { SLOW } from '../support/drain.js'
import { type PrivateRedisOptions, startPrivateRedis } from '../support/private-redis.js'
import { TcpProxy } from '../support/proxy.js'
import { Scene } from '../support/queue-scene.js'
import { describeWithPrivateRedis } from '../support/redis.js'
import { test } from '../support/workplace.js'
import { describeAway, type FragileServer, stopInMidDrain } from './away.js'

describeWithPrivateRedis('a Redis that goes away, or forgets', () => describeAway(() => startFragile()), {
  concurrent: true,
})

describeWithPrivateRedis(
  'a Redis',
  () => {
    test('that was stopped comes back with its jobs, where it keeps them on its disk', async ({ place }) => {
      const server = await startFragile({ durable: true })
      try {
        await stopInMidDrain(place, server, { ...SLOW, ...server.environment })
      } finally {
        await server.close()
      }
    })

    test('may stay: a worker that BullMQ lets sleep while batches wait is replaced', async ({ onTestFinished }) => {
      const server = await startPrivateRedis()
      const run = vi.spyOn(Worker.prototype, 'run').mockResolvedValueOnce(undefined)
      onTestFinished(() => run.mockRestore())
      const scene = await Scene.open(async () => onOwnServer(server))
      await scene.queue.publish(await scene.orders(12))
      await scene.drain()
      expect(run).toHaveBeenCalledTimes(2)
      expect(await scene.count('completed')).toBe(12)
      await scene.close()
    })
  },
  { concurrent: true },
)

async function startFragile(options: PrivateRedisOptions = {}): Promise<FragileServer> {
  const server = await startPrivateRedis(options)
  return {
    name: `Redis at 127.0.0.1:${server.port}`,
    environment: { ORDERCTL_QUEUE_URL: server.url },
    stop: () => server.stop(),
    start: () => server.start(),
    hang: () => server.hang(),
    goOn: () => server.goOn(),
    forget: async () => {
      const redis = new Redis(server.url)
      await redis.flushall()
      redis.disconnect()
    },
    openLossyWay: async () => {
      const proxy = await TcpProxy.open(server.url)
      return {
        environment: { ORDERCTL_QUEUE_URL: `redis://127.0.0.1:${proxy.port}` },
        loseConnections: () => proxy.loseConnections(),
        close: () => proxy.close(),
      }
    },
    close: () => server.close(),
  }
}
