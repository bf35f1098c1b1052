// A Redis that goes away in the middle, or forgets everything: nothing is lost, nothing is done twice, and workers go on
// by themselves.
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'bullmq'
import { Redis } from 'ioredis'
import { expect, vi } from 'vitest'
import { type PrivateRedis, startPrivateRedis } from '../private-redis.js'
import { describeWithPrivateRedis } from '../redis.js'
import { test as placeTest, type Workplace } from '../workplace.js'
import { onOwnServer } from './bullmq-driver.js'
import { completed, expectSoldOnce, importing, inHand, SLOW, singles, until } from './drain.js'
import { Scene } from './scene.js'
import { SilentProxy } from './silent-proxy.js'

const test = placeTest.extend<{ server: PrivateRedis; durable: PrivateRedis }>({
  // biome-ignore lint/correctness/noEmptyPattern: Vitest reads from it that the fixture needs no other.
  server: async ({}, use) => {
    const server = await startPrivateRedis()
    await use(server)
    await server.close()
  },
  // biome-ignore lint/correctness/noEmptyPattern: Vitest reads from it that the fixture needs no other.
  durable: async ({}, use) => {
    const server = await startPrivateRedis({ durable: true })
    await use(server)
    await server.close()
  },
})

const on = (url: string) => ({ ...SLOW, ORDERCTL_QUEUE_URL: url })

describeWithPrivateRedis(
  'a Redis that goes away, or forgets',
  () => {
    test('a drain goes on when all keys are flushed', async ({ place, server }) => {
      await importing(place, 500, on(server.url))
      const worker = place.start(on(server.url), 'work', '--drain')
      await until(() => completed(place) > 0)
      const redis = new Redis(server.url)
      await redis.flushall()
      redis.disconnect()
      expect(completed(place)).toBeLessThan(500)
      const { code, stderr } = await worker.ended
      expect(code, stderr).toBe(0)
      await expectSoldOnce(place, 500)
    })

    test('a drain waits for a server that was stopped and comes back empty', async ({ place, server }) => {
      await stopInMidDrain(place, server)
    })

    test('a drain waits for a server that was stopped and comes back with its jobs', async ({ place, durable }) => {
      await stopInMidDrain(place, durable)
    })

    test('a drain waits for a server that hangs', async ({ place, server }) => {
      await importing(place, 500, on(server.url))
      const worker = place.start(on(server.url), 'work', '--drain')
      await until(() => completed(place) > 0)
      server.hang()
      await worker.saw('Waiting for it.')
      server.goOn()
      const { code, stderr } = await worker.ended
      expect(code, stderr).toBe(0)
      expect(stderr).toContain(`Redis at 127.0.0.1:${server.port} is back.`)
      await expectSoldOnce(place, 500)
    })
    for (const how of ['stopped', 'hanging'] as const) {
      test(`a worker that waits for a server that is ${how} ends on SIGTERM`, async ({ place, server }) => {
        await importing(place, 500, on(server.url))
        const worker = place.start(on(server.url), 'work')
        await until(() => completed(place) > 0)
        if (how === 'stopped') await server.stop()
        else server.hang()
        await worker.saw('Waiting for it.')
        const asked = performance.now()
        worker.child.kill('SIGTERM')
        expect((await worker.ended).code).toBe(130)
        expect(performance.now() - asked).toBeLessThan(8000)
        expect(inHand(place)).toBe(0)
      })
    }

    test('a worker whose connections are lost without a word takes new orders all the same', async ({
      place,
      server,
    }) => {
      const proxy = await SilentProxy.open(server.port)
      await importing(place, 20, on(server.url))
      const worker = place.start(on(`redis://127.0.0.1:${proxy.port}`), 'work')
      try {
        await until(() => completed(place) === 20)
        proxy.loseConnections()
        await importing(place, 40, on(server.url))
        await until(() => completed(place) === 40)
      } finally {
        worker.child.kill('SIGTERM')
        await worker.ended
        proxy.close()
      }
      await expectSoldOnce(place, 40)
    })

    test('a worker that BullMQ lets sleep while batches wait is replaced', async ({ server }) => {
      const run = vi.spyOn(Worker.prototype, 'run').mockResolvedValueOnce(undefined)
      const scene = await Scene.open(async () => onOwnServer(server))
      await scene.queue.publish(await scene.orders(12))
      await scene.drain()
      expect(run).toHaveBeenCalledTimes(2)
      expect(await scene.count('completed')).toBe(12)
      await scene.close()
    })

    test('an import whose server stops in the middle stores all, and a worker finds it', async ({ place, server }) => {
      await importing(place, 1, on(server.url))
      // As long as another writer has the database, the import can connect and read, and not store.
      place.db.exec('begin immediate')
      const running = place.start(on(server.url), 'import', place.file('more.csv', singles(200)))
      await hasClient(server.url)
      await sleep(300)
      await server.stop()
      place.db.exec('commit')
      const { code, stdout, stderr } = await running.ended
      expect(code).toBe(4)
      expect(stdout).toMatch(/new orders\s.*199/)
      expect(stderr).toContain('The orders are stored and due')
      expect(stderr).toContain(`Redis at 127.0.0.1:${server.port} cannot be reached`)
      expect(stderr).toContain('orderctl rebuild queue')
      expect(stderr).not.toContain('No new orders')

      await server.start()
      expect(await place.runWith(on(server.url), 'work', '--drain')).toMatchObject({ code: 0 })
      await expectSoldOnce(place, 200)
    })
  },
  { concurrent: true },
)

async function hasClient(url: string): Promise<void> {
  const redis = new Redis(url)
  for (let clients = 0; clients < 2; await sleep(20)) {
    clients = String(await redis.client('LIST', 'TYPE', 'NORMAL'))
      .trim()
      .split('\n').length
  }
  redis.disconnect()
}

async function stopInMidDrain(place: Workplace, server: PrivateRedis): Promise<void> {
  await importing(place, 500, on(server.url))
  const worker = place.start(on(server.url), 'work', '--drain')
  await until(() => completed(place) > 0)
  await server.stop()
  await worker.saw(`Redis at 127.0.0.1:${server.port} cannot be reached`)
  await sleep(1500)
  expect(completed(place)).toBeLessThan(500)
  await server.start()
  const { code, stderr } = await worker.ended
  expect(code, stderr).toBe(0)
  expect(stderr.match(/Waiting for it\./g)).toHaveLength(1)
  expect(stderr).toContain(`Redis at 127.0.0.1:${server.port} is back.`)
  await expectSoldOnce(place, 500)
}
