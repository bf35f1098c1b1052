// A RabbitMQ that takes no messages for want of memory or disk: it counts as away for those who publish, and consumers go on.
import { expect } from 'vitest'
import { AlarmProxy } from '../support/alarm-proxy.js'
import { completed, type Environment, expectSoldOnce, importing, SLOW, singles } from '../support/drain.js'
import { deleteQueues, describeWithRabbitMq, makeQueues, rabbitUrl } from '../support/rabbitmq.js'
import { until } from '../support/until.js'
import { test as placeTest } from '../support/workplace.js'

const test = placeTest.extend<{ proxy: AlarmProxy; environment: Environment }>({
  // biome-ignore lint/correctness/noEmptyPattern: Vitest reads from it that the fixture needs no other.
  proxy: async ({}, use) => {
    const proxy = await AlarmProxy.open(rabbitUrl())
    await use(proxy)
    proxy.close()
  },
  environment: async ({ proxy }, use) => {
    const name = await makeQueues()
    await use({ ...SLOW, ORDERCTL_QUEUE_URL: proxy.url, ORDERCTL_QUEUE_NAME: name })
    await deleteQueues(name)
  },
})

const timesIn = (text: string, part: string) => text.split(part).length - 1

describeWithRabbitMq(
  'a RabbitMQ with an alarm',
  () => {
    test('lets an import store all, and its exit code says that workers were not told', async ({
      place,
      proxy,
      environment,
    }) => {
      await importing(place, 1, environment)
      proxy.raise()
      const { code, stderr } = await place.runWith(environment, 'import', place.file('more.csv', singles(60)))
      expect(code, stderr).toBe(4)
      expect(stderr).toContain('The orders are stored and due')
      expect(stderr).toContain(`RabbitMQ at 127.0.0.1:${proxy.port} takes no messages: low on memory.`)
      proxy.clear()
      expect(await place.runWith(environment, 'work', '--drain')).toMatchObject({ code: 0 })
      await expectSoldOnce(place, 60)
    })

    test('is said once to a worker that publishes, and once that it is over; meanwhile it takes what waits', async ({
      place,
      proxy,
      environment,
    }) => {
      await importing(place, 40, environment)
      const worker = place.start(environment, 'work')
      await until(() => completed(place) === 40)
      proxy.raise()
      // Nobody tells the queue of these, so the worker does.
      await importing(place, 60, { ...environment, ORDERCTL_QUEUE_URL: 'embedded' })
      await until(() => proxy.blocked > 0)
      await worker.saw(`RabbitMQ at 127.0.0.1:${proxy.port} takes no messages: low on memory. Waiting for it.`)
      await importing(place, 100, { ...environment, ORDERCTL_QUEUE_URL: rabbitUrl() })
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
