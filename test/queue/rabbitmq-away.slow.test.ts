// A RabbitMQ that goes away in the middle, or forgets everything. Others use the server, so what goes away is the way to it.
import { expect } from 'vitest'
import { queuesNamed } from '../../src/queue/rabbitmq/queues.js'
import { completed, expectSoldOnce, importing, inHand, SLOW } from '../support/drain.js'
import {
  deleteQueues,
  describeWithRabbitMq,
  makeQueues,
  messagesIn,
  rabbitUrl,
  withChannel,
} from '../support/rabbitmq.js'
import { openRabbitProxy } from '../support/rabbitmq-driver.js'
import { until } from '../support/until.js'
import { test } from '../support/workplace.js'
import { describeAway, type FragileServer } from './away.js'

describeWithRabbitMq('a RabbitMQ that goes away, or forgets', () => describeAway(startFragile), { concurrent: true })

describeWithRabbitMq(
  'a RabbitMQ',
  () => {
    test('whose connections are cut in mid-batch: it is finished, settled once, and the drain goes on', async ({
      place,
      onTestFinished,
    }) => {
      const name = await makeQueues()
      onTestFinished(() => deleteQueues(name))
      const { proxy, url } = await openRabbitProxy()
      onTestFinished(() => proxy.close())
      const environment = {
        ...SLOW,
        ORDERCTL_QUEUE_URL: url,
        ORDERCTL_QUEUE_NAME: name,
        // So long that nobody else can have finished the batch.
        ORDERCTL_LEASE_MS: '600000',
        ORDERCTL_PAYMENT_LATENCY_MS: '3000',
      }
      await importing(place, 60, environment)
      const worker = place.start(environment, 'work', '--drain', '--concurrency', '2')
      await until(() => inHand(place) === 40)
      proxy.cut()
      await worker.saw('Waiting for it.')
      let most = 0
      await until(() => {
        most = Math.max(most, inHand(place))
        return completed(place) > 0
      })
      // The new connection brings nothing for hands that are still busy.
      expect(most).toBe(40)
      const { code, stderr } = await worker.ended
      expect(code, stderr).toBe(0)
      expect(stderr.match(/Waiting for it\./g)).toHaveLength(1)
      expect(stderr.match(/RabbitMQ at [\d.:]+ is back\./g)).toHaveLength(1)
      await expectSoldOnce(place, 60)
    })

    test('whose queues are deleted gets them back, and the drain goes on', async ({ place, onTestFinished }) => {
      const name = await makeQueues()
      onTestFinished(() => deleteQueues(name))
      const environment = { ...SLOW, ORDERCTL_QUEUE_URL: rabbitUrl(), ORDERCTL_QUEUE_NAME: name }
      await importing(place, 300, environment)
      const worker = place.start(environment, 'work', '--drain')
      await until(() => completed(place) > 0)
      await deleteQueues(name)
      expect(completed(place)).toBeLessThan(300)
      const { code, stderr } = await worker.ended
      expect(code, stderr).toBe(0)
      await expectSoldOnce(place, 300)
    })

    test('has nothing left when all is done', async ({ place, onTestFinished }) => {
      const name = await makeQueues()
      onTestFinished(() => deleteQueues(name))
      const environment = {
        ...SLOW,
        ORDERCTL_QUEUE_URL: rabbitUrl(),
        ORDERCTL_QUEUE_NAME: name,
        ORDERCTL_LEASE_MS: '60000',
      }
      await importing(place, 100, environment)
      expect(await place.runWith(environment, 'work', '--drain')).toMatchObject({ code: 0 })
      await expectSoldOnce(place, 100)
      const { orders, later, dead } = queuesNamed(name)
      expect(await Promise.all([orders, later, dead].map(messagesIn))).toEqual([0, 0, 0])
    })

    test('with messages of others in its queue: they are put away, and the work goes on', async ({
      place,
      onTestFinished,
    }) => {
      const name = await makeQueues()
      onTestFinished(() => deleteQueues(name))
      const environment = { ...SLOW, ORDERCTL_QUEUE_URL: rabbitUrl(), ORDERCTL_QUEUE_NAME: name }
      await importing(place, 20, environment)
      const { orders, dead } = queuesNamed(name)
      await withChannel(async (channel) => {
        await channel.confirmSelect()
        for (const body of [Buffer.from('not JSON'), 'null', { ids: '1' }, { ids: [1.5] }])
          await channel.basicPublish(orders, body)
      })
      const worker = place.start(environment, 'work')
      await until(() => completed(place) === 20)
      await until(async () => (await messagesIn(dead)) >= 4)
      worker.child.kill('SIGTERM')
      expect((await worker.ended).code).toBe(130)
      expect(await messagesIn(dead)).toBe(4)
      const letter = await withChannel((channel) => channel.basicGet(dead))
      expect(letter).toMatchObject({ headers: { 'x-first-death-reason': 'rejected' } })
      await expectSoldOnce(place, 20)
      const { result } = await place.jsonWith(environment, 'doctor')
      const { checks } = result as { checks: { name: string; detail: string }[] }
      const check = checks.find((candidate) => candidate.name === 'rabbitmq')
      expect(check).toMatchObject({ ok: true, fix: null })
      expect(check?.detail).toContain(`dead letters in ${dead}: 4`)
    })
  },
  { concurrent: true },
)

async function startFragile(): Promise<FragileServer> {
  const name = await makeQueues()
  const { proxy, url } = await openRabbitProxy()
  let bringBack = async () => {}
  return {
    name: `RabbitMQ at 127.0.0.1:${proxy.port}`,
    environment: { ORDERCTL_QUEUE_URL: url, ORDERCTL_QUEUE_NAME: name },
    stop: async () => {
      bringBack = await proxy.stop()
    },
    start: () => bringBack(),
    hang: () => proxy.hang(),
    goOn: () => proxy.goOn(),
    forget: async () => {
      await withChannel((channel) => channel.queuePurge(queuesNamed(name).orders))
    },
    openLossyWay: async () => {
      const lossy = await openRabbitProxy()
      return {
        environment: { ORDERCTL_QUEUE_URL: lossy.url, ORDERCTL_QUEUE_NAME: name },
        loseConnections: () => lossy.proxy.loseConnections(),
        close: () => lossy.proxy.close(),
      }
    },
    close: async () => {
      proxy.close()
      await deleteQueues(name)
    },
  }
}
