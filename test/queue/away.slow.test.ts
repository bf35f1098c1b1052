// Servers that go away in the middle, or forget everything, and what only one of them can do to a worker.

import { execFileSync } from 'node:child_process'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { Worker } from 'bullmq'
import { expect, vi } from 'vitest'
import { completed, type Environment, expectSoldOnce, importing, inHand, SLOW, singles } from '../support/drain.js'
import { describeWithPostgres } from '../support/postgres.js'
import { type FragileDriver, onFragilePostgres, onFragileRabbitMq, onFragileRedis } from '../support/queue-drivers.js'
import { BATCH_SIZE, Scene } from '../support/queue-scene.js'
import { describeWithRabbitMq } from '../support/rabbitmq.js'
import { describeWithPrivateRedis } from '../support/redis.js'
import { type Shop, test } from '../support/shop.js'
import { until } from '../support/until.js'

const concurrent = { concurrent: true }

describeWithPrivateRedis('a Redis that goes away, or forgets', () => describeAway(() => onFragileRedis()), concurrent)
describeWithPostgres('a PostgreSQL that goes away, or forgets', () => describeAway(onFragilePostgres), concurrent)
describeWithRabbitMq('a RabbitMQ that goes away, or forgets', () => describeAway(onFragileRabbitMq), concurrent)

describeWithPrivateRedis(
  'on Redis',
  () => {
    test('a drain finds the jobs of a server that was stopped and keeps them on its disk', async ({ shop }) => {
      const server = await onFragileRedis({ durable: true })
      try {
        await stopInMidDrain(shop, server, { ...SLOW, ...server.environment })
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

function describeAway(start: () => Promise<FragileDriver>): void {
  const fragileTest = test.extend<{ server: FragileDriver; slow: Environment }>({
    // biome-ignore lint/correctness/noEmptyPattern: Vitest reads from it that the fixture needs no other.
    server: async ({}, use) => {
      const server = await start()
      await use(server)
      await server.close()
    },
    slow: async ({ server }, use) => use({ ...SLOW, ...server.environment }),
  })

  fragileTest('a drain goes on when all jobs are lost', async ({ shop, server, slow }) => {
    await importing(shop, 500, slow)
    const worker = shop.start(slow, 'work', '--drain')
    await until(() => completed(shop) > 0)
    await server.forget()
    expect(completed(shop)).toBeLessThan(500)
    const { code, stderr } = await worker.ended
    expect(code, stderr).toBe(0)
    await expectSoldOnce(shop, 500)
  })

  fragileTest('a drain waits for a server that was stopped', async ({ shop, server, slow }) => {
    await stopInMidDrain(shop, server, slow)
  })

  fragileTest('a drain waits for a server that hangs', async ({ shop, server, slow }) => {
    await importing(shop, 500, slow)
    const worker = shop.start(slow, 'work', '--drain')
    await until(() => completed(shop) > 0)
    server.hang()
    await worker.saw('Waiting for it.')
    server.goOn()
    const { code, stderr } = await worker.ended
    expect(code, stderr).toBe(0)
    expect(stderr).toContain(`${server.name} is back.`)
    await expectSoldOnce(shop, 500)
  })

  for (const how of ['stopped', 'hanging'] as const) {
    fragileTest(`a worker that waits for a server that is ${how} ends on SIGTERM`, async ({ shop, server, slow }) => {
      await importing(shop, 500, slow)
      const worker = shop.start(slow, 'work')
      await until(() => completed(shop) > 0)
      if (how === 'stopped') await server.stop()
      else server.hang()
      await worker.saw('Waiting for it.')
      worker.child.kill('SIGTERM')
      expect((await worker.ended).code).toBe(130)
      expect(inHand(shop)).toBe(0)
    })
  }

  fragileTest(
    'a worker whose connections are lost without a word takes new orders all the same',
    async ({ shop, server, slow }) => {
      const way = await server.openLossyWay()
      await importing(shop, 20, slow)
      const worker = shop.start({ ...SLOW, ...way.environment }, 'work')
      try {
        await until(() => completed(shop) === 20)
        way.loseConnections()
        await importing(shop, 40, slow)
        await until(() => completed(shop) === 40)
      } finally {
        worker.child.kill('SIGTERM')
        await worker.ended
        way.close()
      }
      await expectSoldOnce(shop, 40)
    },
  )

  fragileTest(
    'an import whose server stops in the middle stores all, and a worker finds it',
    async ({ shop, server, slow }) => {
      await importing(shop, 1, slow)
      const file = join(shop.folder, 'pipe')
      execFileSync('mkfifo', [file])
      const running = shop.start(slow, 'import', file)
      // Opens once the import opens its file, which it does when it has connected.
      const pipe = await open(file, 'w')
      await server.stop()
      await pipe.writeFile(singles(200))
      await pipe.close()
      const { code, stdout, stderr } = await running.ended
      expect(code).toBe(4)
      expect(stdout).toMatch(/new orders\s.*199/)
      expect(stderr).toContain('The orders are stored and due')
      expect(stderr).toContain(`Cannot reach ${server.name}`)
      expect(stderr).toContain('orderctl rebuild queue')
      expect(stderr).not.toContain('No new orders')

      await server.start()
      expect(await shop.runWith(slow, 'work', '--drain')).toMatchObject({ code: 0 })
      await expectSoldOnce(shop, 200)
    },
  )
}

async function stopInMidDrain(shop: Shop, server: FragileDriver, slow: Environment): Promise<void> {
  await importing(shop, 500, slow)
  const worker = shop.start(slow, 'work', '--drain')
  await until(() => completed(shop) > 0)
  await server.stop()
  await worker.saw(`Cannot reach ${server.name}`)
  // While another command finds it away as well.
  const { result } = await shop.jsonWith(slow, 'status')
  expect(result).toMatchObject({ queue: { transport: null } })
  expect(completed(shop)).toBeLessThan(500)
  await server.start()
  const { code, stderr } = await worker.ended
  expect(code, stderr).toBe(0)
  expect(stderr.match(/Waiting for it\./g)).toHaveLength(1)
  expect(stderr).toContain(`${server.name} is back.`)
  await expectSoldOnce(shop, 500)
}
