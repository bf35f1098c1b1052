// What only a RabbitMQ does to `import` and `work`: it cuts, deletes and blocks.

import { expect } from 'vitest'
import { queuesNamed } from '../../src/queue/rabbitmq/queues.js'
import { AlarmProxy } from '../support/alarm-proxy.js'
import { completed, type Environment, expectSoldOnce, importing, inHand, SLOW, singles } from '../support/drain.js'
import { onFragileRabbitMq } from '../support/queue-drivers.js'
import {
  deleteQueues,
  describeWithRabbitMq,
  makeQueues,
  messagesIn,
  rabbitUrl,
  withChannel,
} from '../support/rabbitmq.js'
import { test as placeTest } from '../support/shop.js'
import { until } from '../support/until.js'

const test = placeTest.extend<{ queueName: string; slow: Environment; proxy: AlarmProxy; alarmed: Environment }>({
  // biome-ignore lint/correctness/noEmptyPattern: Vitest reads from it that the fixture needs no other.
  queueName: async ({}, use) => {
    const queueName = await makeQueues()
    await use(queueName)
    await deleteQueues(queueName)
  },
  slow: ({ queueName }, use) => use({ ...SLOW, ORDERCTL_QUEUE_URL: rabbitUrl(), ORDERCTL_QUEUE_NAME: queueName }),
  // biome-ignore lint/correctness/noEmptyPattern: as above
  proxy: async ({}, use) => {
    const proxy = await AlarmProxy.open(rabbitUrl())
    await use(proxy)
    proxy.close()
  },
  alarmed: ({ slow, proxy }, use) => use({ ...slow, ORDERCTL_QUEUE_URL: proxy.url }),
})

const timesIn = (text: string, part: string) => text.split(part).length - 1

describeWithRabbitMq(
  'over RabbitMQ',
  () => {
    test('a batch is finished and settled once though its connection is cut, and the drain goes on', async ({
      shop,
      onTestFinished,
    }) => {
      const server = await onFragileRabbitMq()
      onTestFinished(() => server.close())
      // The lease is so long that no other worker can finish the batch.
      const slow = { ...SLOW, ...server.environment, ORDERCTL_LEASE_MS: '600000', ORDERCTL_PAYMENT_LATENCY_MS: '3000' }
      await importing(shop, 60, slow)
      const worker = shop.start(slow, 'work', '--drain', '--concurrency', '2')
      await until(() => inHand(shop) === 40)
      server.proxy.cut()
      await worker.saw('Waiting for it.')
      let most = 0
      await until(() => {
        most = Math.max(most, inHand(shop))
        return completed(shop) > 0
      })
      // The new connection brings nothing while both batches are in progress.
      expect(most).toBe(40)
      const { code, stderr } = await worker.ended
      expect(code, stderr).toBe(0)
      expect(timesIn(stderr, 'Waiting for it.')).toBe(1)
      expect(stderr.match(/RabbitMQ at [\d.:]+ is back\./g)).toHaveLength(1)
      await expectSoldOnce(shop, 60)
    })

    test('queues that are deleted come back, and the drain goes on', async ({ shop, queueName, slow }) => {
      await importing(shop, 300, slow)
      const worker = shop.start(slow, 'work', '--drain')
      await until(() => completed(shop) > 0)
      await deleteQueues(queueName)
      expect(completed(shop)).toBeLessThan(300)
      const { code, stderr } = await worker.ended
      expect(code, stderr).toBe(0)
      await expectSoldOnce(shop, 300)
    })

    test('no message is left when all is done', async ({ shop, queueName, slow }) => {
      const patient = { ...slow, ORDERCTL_LEASE_MS: '60000' }
      await importing(shop, 100, patient)
      expect(await shop.runWith(patient, 'work', '--drain')).toMatchObject({ code: 0 })
      await expectSoldOnce(shop, 100)
      expect(await Promise.all(Object.values(queuesNamed(queueName)).map(messagesIn))).toEqual([0, 0, 0])
    })

    test('messages of others become dead letters, and the work goes on', async ({ shop, queueName, slow }) => {
      await importing(shop, 20, slow)
      const { orders, dead } = queuesNamed(queueName)
      await withChannel(async (channel) => {
        await channel.confirmSelect()
        for (const body of [Buffer.from('not JSON'), 'null', { ids: '1' }, { ids: [1.5] }])
          await channel.basicPublish(orders, body)
      })
      const worker = shop.start(slow, 'work')
      await until(() => completed(shop) === 20)
      await until(async () => (await messagesIn(dead)) === 4)
      worker.child.kill('SIGTERM')
      expect((await worker.ended).code).toBe(130)
      const letter = await withChannel((channel) => channel.basicGet(dead))
      expect(letter).toMatchObject({ headers: { 'x-first-death-reason': 'rejected' } })
      await expectSoldOnce(shop, 20)
      const { result } = await shop.jsonWith(slow, 'doctor')
      const { checks } = result as { checks: { name: string; detail: string }[] }
      const check = checks.find((candidate) => candidate.name === 'queue server')
      expect(check).toMatchObject({ ok: true, fix: null })
      expect(check?.detail).toContain(`dead letters in ${dead}: 4`)
    })

    test('an import under an alarm stores all, and its exit code says that workers were not told', async ({
      shop,
      proxy,
      alarmed,
    }) => {
      await importing(shop, 1, alarmed)
      proxy.raise()
      const { code, stderr } = await shop.runWith(alarmed, 'import', shop.file('more.csv', singles(60)))
      expect(code, stderr).toBe(4)
      expect(stderr).toContain('The orders are stored and due')
      expect(stderr).toContain(`RabbitMQ at 127.0.0.1:${proxy.port} takes no messages: low on memory.`)
      proxy.clear()
      expect(await shop.runWith(alarmed, 'work', '--drain')).toMatchObject({ code: 0 })
      await expectSoldOnce(shop, 60)
    })

    test('a worker that publishes reports an alarm once, and its end; meanwhile it takes what waits', async ({
      shop,
      proxy,
      slow,
      alarmed,
    }) => {
      await importing(shop, 40, alarmed)
      const worker = shop.start(alarmed, 'work')
      await until(() => completed(shop) === 40)
      proxy.raise()
      // These are not published, so the worker publishes them.
      await importing(shop, 60, { ...alarmed, ORDERCTL_QUEUE_URL: 'embedded' })
      await until(() => proxy.blocked > 0)
      await worker.saw(`RabbitMQ at 127.0.0.1:${proxy.port} takes no messages: low on memory. Waiting for it.`)
      await importing(shop, 100, slow)
      await until(() => completed(shop) === 80)
      proxy.clear()
      await until(() => completed(shop) === 100)
      await worker.saw('is back.')
      worker.child.kill('SIGTERM')
      const { code, stderr } = await worker.ended
      expect(code, stderr).toBe(130)
      expect(timesIn(stderr, 'Waiting for it.')).toBe(1)
      expect(timesIn(stderr, 'is back.')).toBe(1)
      await expectSoldOnce(shop, 100)
    })
  },
  { concurrent: true },
)
