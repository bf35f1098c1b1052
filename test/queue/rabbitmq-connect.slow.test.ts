// RabbitMQ servers that cannot be had, or that should not be: what users are told, within seconds and without passwords.
import { describe, expect, test as plainTest } from 'vitest'
import { readQueueName } from '../../src/config/values.js'
import { queuesNamed } from '../../src/queue/rabbitmq/messages.js'
import { readQueueAddress } from '../../src/servers/addresses.js'
import { refuseTooOld } from '../../src/servers/rabbitmq.js'
import { type Environment, expectSoldOnce, importing, SLOW, singles } from '../support/drain.js'
import { freePort } from '../support/private-process.js'
import {
  deleteQueues,
  describeWithRabbitMq,
  makeQueues,
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
    expect(stderr).toContain(`Cannot reach RabbitMQ at 127.0.0.1:${port}/eu (`)
    expect(error).toMatchObject({ code: 'rabbitmq_unreachable', retryable: true })
    expect(error['message']).toContain('connection refused')
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
    expect(readQueueAddress(url)).toMatchObject({ kind: 'amqp', url, name })
  })

  plainTest.each(['amqp://', 'amqp:5672', 'http://127.0.0.1:15672'])('%s is none', (text) => {
    expect(() => readQueueAddress(text)).toThrow('amqp://HOST/VHOST')
  })

  plainTest.each(['', 'amq.orders', 'a b', 'ä', 'x'.repeat(65)])('a queue is not called "%s"', (text) => {
    expect(() => readQueueName(text)).toThrow('use letters')
  })
})

describe('a RabbitMQ that is too old', () => {
  const address = rabbitAddressOf('amqp://127.0.0.1')

  plainTest.each(['3.8.34', '3.9.29'])('%s is refused with what to do', (version) => {
    const refuse = () => refuseTooOld(address, 'RabbitMQ', version)
    expect(refuse).toThrow(expect.objectContaining({ code: 'rabbitmq_too_old', exit: 2 }))
    expect(refuse).toThrow(`RabbitMQ ${version} at 127.0.0.1:5672 is too old`)
  })

  plainTest.each(['3.10.0', '3.13.7', '4.2.1'])('%s is not', (version) => {
    expect(() => refuseTooOld(address, 'RabbitMQ', version)).not.toThrow()
  })
})

describeWithRabbitMq(
  'a RabbitMQ with a say in who comes',
  () => {
    test('tells us that the password is wrong', async ({ place }) => {
      const file = place.file('orders.csv', singles(3))
      const { codes, stderr, error } = await refused(place, at(rabbitUrlWith({ password: PASSWORD })), 'import', file)
      expect(codes).toEqual([2, 2])
      expect(stderr).toContain('refused the login')
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
      expect(error['message']).toContain('no such virtual host')
    })

    test('has a queue of that name that is set up otherwise: it is not used as it is', async ({
      place,
      onTestFinished,
    }) => {
      const name = await makeQueues()
      onTestFinished(() => deleteQueues(name))
      const environment = { ...at(rabbitUrl()), ORDERCTL_QUEUE_NAME: name }
      await withChannel(async (channel) => {
        await channel.deleteQueue(name)
        await channel.assertQueue(name, { durable: true })
      })
      const file = place.file('orders.csv', singles(3))
      const { codes, error } = await refused(place, environment, 'import', file)
      expect(codes).toEqual([2, 2])
      expect(error).toMatchObject({ code: 'rabbitmq_queue_differs', retryable: false })
      expect(error['message']).toContain(`a queue "${name}"`)
      expect(error['fix']).toContain(`rabbitmqctl delete_queue ${name}`)

      // As it says.
      await withChannel((channel) => channel.deleteQueue(name))
      expect(await place.runWith(environment, 'import', file)).toMatchObject({ code: 0 })
      expect(await place.runWith(environment, 'work', '--drain')).toMatchObject({ code: 0 })
      await expectSoldOnce(place, 3)
    })

    test('has no queues yet: the first command makes them', async ({ place, onTestFinished }) => {
      const name = await makeQueues()
      await deleteQueues(name)
      onTestFinished(() => deleteQueues(name))
      await importing(place, 40, { ...at(rabbitUrl()), ORDERCTL_QUEUE_NAME: name })
      const waiting = await withChannel(async (channel) => {
        const { orders } = queuesNamed(name)
        return (await channel.checkQueue(orders)).messageCount
      })
      expect(waiting).toBe(2)
    })
  },
  { concurrent: true },
)
