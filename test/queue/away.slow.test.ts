// Servers that become unreachable in the middle or lose all jobs, and what only one of them can do to a worker.

import { execFileSync } from 'node:child_process'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { Worker } from 'bullmq'
import { expect, vi } from 'vitest'
import { opened } from '../support/cli.js'
import { completed, type Environment, expectSoldOnce, importing, inHand, SLOW, singles } from '../support/drain.js'
import { type FragileDriver, onFragilePostgres, onFragileRabbitMq, onFragileRedis } from '../support/queue-drivers.js'
import { BATCH_SIZE, Scene } from '../support/queue-scene.js'
import { describeWith } from '../support/servers.js'
import { type Shop, test } from '../support/shop.js'
import { until } from '../support/until.js'

const concurrent = { concurrent: true }

describeWith('redis', 'an outage of Redis', () => describeOutages(onFragileRedis), concurrent)
describeWith('postgres', 'an outage of PostgreSQL', () => describeOutages(() => onFragilePostgres()), concurrent)
describeWith('rabbitmq', 'an outage of RabbitMQ', () => describeOutages(onFragileRabbitMq), concurrent)

describeWith('redis', 'BullMQ on Redis', () => {
  test('a worker of BullMQ that sleeps while batches wait is replaced', async ({ onTestFinished }) => {
    const run = vi.spyOn(Worker.prototype, 'run').mockResolvedValueOnce(undefined)
    onTestFinished(() => run.mockRestore())
    const scene = await Scene.open(onFragileRedis)
    onTestFinished(() => scene.close())
    await scene.queue.publish(await scene.orders(12))
    await scene.drain()
    expect(run).toHaveBeenCalledTimes(2)
    expect(await scene.count('completed')).toBe(12)
  })
})

describeWith('postgres', 'BullMQ on PostgreSQL', () => {
  test('a job that is completed while the server starts is retried, with pauses', async ({ onTestFinished }) => {
    // The lease is so long that no other worker takes the job over.
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
    expect(performance.now() - began).toBeGreaterThan(200)
    const active = async () => (await driver.ask("select from job where state = 'active'")).length
    expect(await active()).toBe(1)

    await driver.proxy.goOn()
    await until(async () => (await active()) === 0)
  })
})

function describeOutages(start: () => Promise<FragileDriver>): void {
  const fragileTest = test.extend<{ server: FragileDriver; slow: Environment }>({
    server: opened(start),
    slow: async ({ server }, use) => use({ ...SLOW, ...server.environment }),
  })

  fragileTest('a drain goes on when all jobs are lost', async ({ shop, server, slow }) => {
    const worker = await startWorker(shop, slow, '--drain')
    await server.forget()
    expect(completed(shop)).toBeLessThan(500)
    const { code, stderr } = await worker.ended
    expect(code, stderr).toBe(0)
    await expectSoldOnce(shop, 500)
  })

  for (const takeAway of ['stop', 'hang'] as const) {
    fragileTest(`a drain waits after a ${takeAway} of the server, and goes on`, async ({ shop, server, slow }) => {
      const worker = await startWorker(shop, slow, '--drain')
      await server.proxy[takeAway]()
      await worker.saw(`Cannot reach ${server.name}`)
      // Other commands do without the server.
      const { result } = await shop.jsonWith(slow, 'status')
      expect(result).toMatchObject({ queue: { transport: null } })
      expect(completed(shop)).toBeLessThan(500)
      await server.proxy.goOn()
      const { code, stderr } = await worker.ended
      expect(code, stderr).toBe(0)
      expect(stderr.match(/Waiting for it\./g)).toHaveLength(1)
      expect(stderr).toContain(`${server.name} is back.`)
      await expectSoldOnce(shop, 500)
    })

    fragileTest(
      `a worker that waits after a ${takeAway} of the server ends on SIGTERM`,
      async ({ shop, server, slow }) => {
        const worker = await startWorker(shop, slow)
        await server.proxy[takeAway]()
        await worker.saw('Waiting for it.')
        worker.child.kill('SIGTERM')
        expect((await worker.ended).code).toBe(130)
        expect(inHand(shop)).toBe(0)
      },
    )
  }

  fragileTest('a worker whose connections are lost silently still takes new orders', async ({ shop, server, slow }) => {
    await importing(shop, 20, slow)
    const worker = shop.start(slow, 'work')
    await until(() => completed(shop) === 20)
    server.proxy.loseConnections()
    await importing(shop, 40, slow)
    await until(() => completed(shop) === 40)
    worker.child.kill('SIGTERM')
    await worker.ended
    await expectSoldOnce(shop, 40)
  })

  fragileTest(
    'an import whose server stops stores everything, and a worker finds it',
    async ({ shop, server, slow }) => {
      await importing(shop, 1, slow)
      const file = join(shop.folder, 'pipe')
      execFileSync('mkfifo', [file])
      const running = shop.start(slow, 'import', file)
      // Opens once the import opens its file, which it does when it has connected.
      const pipe = await open(file, 'w')
      await server.proxy.stop()
      await pipe.writeFile(singles(200))
      await pipe.close()
      const { code, stdout, stderr } = await running.ended
      expect(code).toBe(4)
      expect(stdout).toMatch(/New orders +199/)
      expect(stderr).toContain('The orders are stored and due')
      expect(stderr).toContain(`Cannot reach ${server.name}`)
      expect(stderr).toContain('orderctl rebuild queue')
      expect(stderr).not.toContain('No new orders')

      await server.proxy.goOn()
      expect(await shop.runWith(slow, 'work', '--drain')).toMatchObject({ code: 0 })
      await expectSoldOnce(shop, 200)
    },
  )
}

/** A worker that has settled some of 500 orders. */
async function startWorker(shop: Shop, slow: Environment, ...flags: string[]) {
  await importing(shop, 500, slow)
  const worker = shop.start(slow, 'work', ...flags)
  await until(() => completed(shop) > 0)
  return worker
}
