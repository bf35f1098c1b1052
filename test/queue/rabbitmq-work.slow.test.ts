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
import { until } from '../support/until.js'
import { test as placeTest } from '../support/workplace.js'

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
      place,
      onTestFinished,
    }) => {
      const server = await onFragileRabbitMq()
      onTestFinished(() => server.close())
      // The lease is so long that no other worker can finish the batch.
      const slow = { ...SLOW, ...server.environment, ORDERCTL_LEASE_MS: '600000', ORDERCTL_PAYMENT_LATENCY_MS: '3000' }
      await importing(place, 60, slow)
      const worker = place.start(slow, 'work', '--drain', '--concurrency', '2')
      await until(() => inHand(place) === 40)
      server.proxy.cut()
      await worker.saw('Waiting for it.')
      let most = 0
      await until(() => {
        most = Math.max(most, inHand(place))
        return completed(place) > 0
      })
      // The new connection brings nothing while both batches are in progress.
      expect(most).toBe(40)
      const { code, stderr } = await worker.ended
      expect(code, stderr).toBe(0)
      expect(timesIn(stderr, 'Waiting for it.')).toBe(1)
      expect(stderr.match(/RabbitMQ at [\d.:]+ is back\./g)).toHaveLength(1)
      await expectSoldOnce(place, 60)
    })

    test('queues that are deleted come back, and the drain goes on', async ({ place, queueName, slow }) => {
      await importing(place, 300, slow)
      const worker = place.start(slow, 'work', '--drain')
      await until(() => completed(place) > 0)
      await deleteQueues(queueName)
      expect(completed(place)).toBeLessThan(300)
      const { code, stderr } = await worker.ended
      expect(code, stderr).toBe(0)
      await expectSoldOnce(place, 300)
    })

    test('no message is left when all is done', async ({ place, queueName, slow }) => {
      const patient = { ...slow, ORDERCTL_LEASE_MS: '60000' }
      await importing(place, 100, patient)
      expect(await place.runWith(patient, 'work', '--drain')).toMatchObject({ code: 0 })
      await expectSoldOnce(place, 100)
      expect(await Promise.all(Object.values(queuesNamed(queueName)).map(messagesIn))).toEqual([0, 0, 0])
    })

    test('messages of others become dead letters, and the work goes on', async ({ place, queueName, slow }) => {
      await importing(place, 20, slow)
      const { orders, dead } = queuesNamed(queueName)
      await withChannel(async (channel) => {
        await channel.confirmSelect()
        for (const body of [Buffer.from('not JSON'), 'null', { ids: '1' }, { ids: [1.5] }])
          await channel.basicPublish(orders, body)
      })
      const worker = place.start(slow, 'work')
      await until(() => completed(place) === 20)
      await until(async () => (await messagesIn(dead)) === 4)
      worker.child.kill('SIGTERM')
      expect((await worker.ended).code).toBe(130)
      const letter = await withChannel((channel) => channel.basicGet(dead))
      expect(letter).toMatchObject({ headers: { 'x-first-death-reason': 'rejected' } })
      await expectSoldOnce(place, 20)
      const { result } = await place.jsonWith(slow, 'doctor')
      const { checks } = result as { checks: { name: string; detail: string }[] }
      const check = checks.find((candidate) => candidate.name === 'queue server')
      expect(check).toMatchObject({ ok: true, fix: null })
      expect(check?.detail).toContain(`dead letters in ${dead}: 4`)
    })

    test('an import under an alarm stores all, and its exit code says that workers were not told', async ({
      place,
      proxy,
      alarmed,
    }) => {
      await importing(place, 1, alarmed)
      proxy.raise()
      const { code, stderr } = await place.runWith(alarmed, 'import', place.file('more.csv', singles(60)))
      expect(code, stderr).toBe(4)
      expect(stderr).toContain('The orders are stored and due')
      expect(stderr).toContain(`RabbitMQ at 127.0.0.1:${proxy.port} takes no messages: low on memory.`)
      proxy.clear()
      expect(await place.runWith(alarmed, 'work', '--drain')).toMatchObject({ code: 0 })
      await expectSoldOnce(place, 60)
    })

    test('a worker that publishes reports an alarm once, and its end; meanwhile it takes what waits', async ({
      place,
      proxy,
      slow,
      alarmed,
    }) => {
      await importing(place, 40, alarmed)
      const worker = place.start(alarmed, 'work')
      await until(() => completed(place) === 40)
      proxy.raise()
      // These are not published, so the worker publishes them.
      await importing(place, 60, { ...alarmed, ORDERCTL_QUEUE_URL: 'embedded' })
      await until(() => proxy.blocked > 0)
      await worker.saw(`RabbitMQ at 127.0.0.1:${proxy.port} takes no messages: low on memory. Waiting for it.`)
      await importing(place, 100, slow)
      await until(() => completed(place) === 80)
      proxy.clear()
      await until(() => completed(place) === 100)
      await worker.saw('is back.')
      worker.child.kill('SIGTERM')
      const { code, stderr } = await worker.ended
      expect(code, stderr).toBe(130)
      expect(timesIn(stderr, 'Waiting for it.')).toBe(1)
      expect(timesIn(stderr, 'is back.')).toBe(1)
      await expectSoldOnce(place, 100)
    })
  },
  { concurrent: true },
)
