// RabbitMQ servers that cannot be had, or that should not be: what users are told, within seconds and without passwords.
import { describe, expect, test as plainTest } from 'vitest'
import { readQueueName } from '../../src/config/values.js'
import { explain } from '../../src/queue/rabbitmq/errors.js'
import { queuesNamed } from '../../src/queue/rabbitmq/queues.js'
import { readQueueAddress } from '../../src/servers/addresses.js'
import { type Environment, expectSoldOnce, importing, SLOW, singles } from '../support/drain.js'
import { freePort } from '../support/private-redis.js'
import {
  deleteQueues,
  describeWithRabbitMq,
  makeQueues,
  messagesIn,
  rabbitAddressOf,
  rabbitUrl,
  rabbitUrlWith,
  withChannel,
} from '../support/rabbitmq.js'
import { test } from '../support/workplace.js'
import { listenDeaf, PASSWORD, refused } from './refused.js'

const at = (url: string): Environment => ({ ...SLOW, ORDERCTL_QUEUE_URL: url })

describe.concurrent('a RabbitMQ that cannot be reached', () => {
  test('is named with what to do, where its port is closed', async ({ place }) => {
    const port = await freePort()
    const file = place.file('orders.csv', singles(3))
    const { codes, stderr, error } = await refused(
      place,
      at(`amqp://shop:${PASSWORD}@127.0.0.1:${port}/eu`),
      'import',
      file,
    )
    expect(codes).toEqual([4, 4])
    expect(stderr).toContain(`RabbitMQ at 127.0.0.1:${port}/eu cannot be reached`)
    expect(error).toMatchObject({ code: 'rabbitmq_unreachable', retryable: true })
    expect(error['message']).toContain('ECONNREFUSED')
    expect(error['fix']).toContain('ORDERCTL_QUEUE_URL')
  })

  test('is given up, where it takes connections and never answers', async ({ place, onTestFinished }) => {
    await place.run('import', place.file('orders.csv', singles(3)))
    const deaf = await listenDeaf()
    onTestFinished(() => deaf.close())
    const url = `amqp://shop:${PASSWORD}@127.0.0.1:${deaf.port}`
    const { codes, stderr, error } = await refused(place, at(url), 'work', '--drain')
    expect(codes).toEqual([4, 4])
    expect(stderr).toContain(`127.0.0.1:${deaf.port}`)
    expect(error).toMatchObject({ code: 'rabbitmq_unreachable', retryable: true })
    expect(error['message']).toContain('it does not answer')
  })

  test('does not keep a pause from being set, or orders from being counted', async ({ place }) => {
    await place.run('import', place.file('orders.csv', singles(3)))
    const away = at(`amqp://127.0.0.1:${await freePort()}`)
    expect(await place.jsonWith(away, 'queue', 'pause')).toMatchObject({ code: 0, result: { paused: true } })
    const { code, result } = await place.jsonWith(away, 'status')
    expect(code).toBe(0)
    expect(result).toMatchObject({ queue: { driver: 'rabbitmq', waiting: 3, transport: null } })
  })
})

describe('the address of a RabbitMQ', () => {
  plainTest.each([
    ['amqp://127.0.0.1', '127.0.0.1:5672'],
    ['amqp://u:p@queue.example:5673/', 'queue.example:5673'],
    ['amqp://u:p@queue.example/shop%20eu', 'queue.example:5672/shop%20eu'],
    ['amqps://u:p@queue.example/shop', 'queue.example:5671/shop'],
  ])('%s is shown as %s', (url, name) => {
    expect(readQueueAddress(url)).toEqual({ kind: 'amqp', url, name })
  })

  plainTest.each(['amqp://', 'amqp:5672', 'http://127.0.0.1:15672'])('%s is none', (text) => {
    expect(() => readQueueAddress(text)).toThrow('amqp://HOST/VHOST')
  })

  plainTest.each(['', 'amq.orders', 'a b', 'ä', 'x'.repeat(65)])('a queue is not called "%s"', (text) => {
    expect(() => readQueueName(text)).toThrow('use letters')
  })
})

plainTest('a RabbitMQ whose quorum queues have no time to live is too old', () => {
  const text = "QueueDeclare: PRECONDITION_FAILED - invalid arg 'x-message-ttl' for queue 'orders.later' in vhost '/'"
  const problem = explain(rabbitAddressOf('amqp://127.0.0.1'), new Error(text))
  expect(problem).toMatchObject({ code: 'rabbitmq_too_old', exit: 2 })
  expect(problem.message).toBe('RabbitMQ at 127.0.0.1:5672 is too old: orderctl needs 3.10 or newer.')
})

describeWithRabbitMq(
  'a RabbitMQ with a say in who comes',
  () => {
    test('tells us that the password is wrong', async ({ place }) => {
      const file = place.file('orders.csv', singles(3))
      const { codes, stderr, error } = await refused(place, at(rabbitUrlWith({ password: PASSWORD })), 'import', file)
      expect(codes).toEqual([2, 2])
      expect(stderr).toContain('does not let us in')
      expect(error).toMatchObject({ code: 'rabbitmq_refused', retryable: false })
      expect(error['message']).toContain('Login was refused')
      expect(error['fix']).toContain('amqp://USER:PASSWORD@HOST/VHOST')
    })

    test('tells us that there is no such virtual host', async ({ place }) => {
      const file = place.file('orders.csv', singles(3))
      const url = rabbitUrlWith({ pathname: '/no-such-vhost' })
      const { codes, error } = await refused(place, at(url), 'import', file)
      expect(codes).toEqual([2, 2])
      expect(error).toMatchObject({ code: 'rabbitmq_refused', retryable: false })
      expect(error['message']).toContain('/no-such-vhost')
      expect(error['message']).toMatch(/vhost .*not found/)
    })

    test('has a queue of that name that is set up otherwise: it is not used as it is', async ({
      place,
      onTestFinished,
    }) => {
      const name = await makeQueues()
      onTestFinished(() => deleteQueues(name))
      const environment = { ...at(rabbitUrl()), ORDERCTL_QUEUE_NAME: name }
      await withChannel(async (channel) => {
        await channel.queueDelete(name)
        await channel.queueDeclare({ queue: name, durable: true })
      })
      const file = place.file('orders.csv', singles(3))
      const { codes, error } = await refused(place, environment, 'import', file)
      expect(codes).toEqual([2, 2])
      expect(error).toMatchObject({ code: 'rabbitmq_queue_differs', retryable: false })
      expect(error['message']).toContain(`a queue "${name}"`)
      expect(error['fix']).toContain(`rabbitmqctl delete_queue ${name}`)

      // As it says.
      await withChannel((channel) => channel.queueDelete(name))
      expect(await place.runWith(environment, 'import', file)).toMatchObject({ code: 0 })
      expect(await place.runWith(environment, 'work', '--drain')).toMatchObject({ code: 0 })
      await expectSoldOnce(place, 3)
    })

    test('has no queues yet: the first command makes them', async ({ place, onTestFinished }) => {
      const name = await makeQueues()
      await deleteQueues(name)
      onTestFinished(() => deleteQueues(name))
      await importing(place, 40, { ...at(rabbitUrl()), ORDERCTL_QUEUE_NAME: name })
      expect(await messagesIn(queuesNamed(name).orders)).toBe(2)
    })
  },
  { concurrent: true },
)
