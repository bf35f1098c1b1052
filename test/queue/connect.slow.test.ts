// Servers that cannot be reached or refuse the login: the error comes within seconds and shows no password.

import { describe, expect, test as plainTest } from 'vitest'
import { readQueueName, readSchema } from '../../src/config/values.js'
import { readQueueAddress } from '../../src/servers/addresses.js'
import { explainError } from '../../src/servers/explain.js'
import { askServer } from '../support/ask-server.js'
import { type Environment, expectSoldOnce, SLOW, singles } from '../support/drain.js'
import { freePort } from '../support/private-process.js'
import { deleteQueues, makeQueues, messagesIn, withChannel } from '../support/rabbitmq.js'
import { addressOf, describeWith, randomName, serverUrl } from '../support/servers.js'
import { test } from '../support/shop.js'
import { listenDeaf, PASSWORD, refused } from './refused.js'

const at = (url: string): Environment => ({ ...SLOW, ORDERCTL_QUEUE_URL: url })

const SERVERS = [
  { server: 'Redis', scheme: 'redis', path: '/3', driver: 'bullmq', fix: 'redis-cli' },
  { server: 'PostgreSQL', scheme: 'postgres', path: '/orders', driver: 'bullmq-postgres', fix: 'pg_isready' },
  { server: 'RabbitMQ', scheme: 'amqp', path: '/eu', driver: 'rabbitmq', fix: 'rabbitmq-diagnostics' },
]

describe.each(SERVERS)('a $server that cannot be reached', ({ server, scheme, path, driver, fix }) => {
  const code = `${server.toLowerCase().replace('postgresql', 'postgres')}_unreachable`
  const urlAt = (port: number) => `${scheme}://shop:${PASSWORD}@127.0.0.1:${port}${path}`

  test.concurrent('is named with a fix, and status does without it, if its port is closed', async ({ shop }) => {
    const port = await freePort()
    const environment = at(urlAt(port))
    const file = shop.file('orders.csv', singles(3))
    const { codes, stderr, error } = await refused(shop, environment, 'import', file)
    expect(codes).toEqual([4, 4])
    expect(stderr).toContain(`Cannot reach ${server} at 127.0.0.1:${port}${path}`)
    expect(error).toMatchObject({ code, retryable: true, message: expect.stringContaining('connection refused') })
    expect(error['fix']).toContain(fix)
    expect(error['fix']).toContain('ORDERCTL_QUEUE_URL')

    await shop.run('import', file)
    const status = await shop.jsonWith(environment, 'status')
    expect(status).toMatchObject({ code: 0, result: { queue: { driver, waiting: 3, transport: null } } })
    const configured = await shop.runWith(environment, 'config')
    expect(configured.stdout).toContain(`${scheme}://shop:***@127.0.0.1`)
    expect(configured.stdout + configured.stderr).not.toContain(PASSWORD)
  })

  test.concurrent('is given up if it accepts connections and never answers', async ({ shop, onTestFinished }) => {
    await shop.run('migrate')
    const silent = await listenDeaf()
    onTestFinished(silent.close)
    const { codes, stderr, error } = await refused(shop, at(urlAt(silent.port)), 'work', '--drain')
    expect(codes).toEqual([4, 4])
    expect(stderr).toContain(`127.0.0.1:${silent.port}`)
    expect(error).toMatchObject({ code, retryable: true, message: expect.stringContaining('timed out') })
  })
})

test('sets a pause while RabbitMQ cannot be reached', async ({ shop }) => {
  await shop.run('migrate')
  const unreachable = at(`amqp://127.0.0.1:${await freePort()}`)
  expect(await shop.jsonWith(unreachable, 'queue', 'pause')).toMatchObject({ code: 0, result: { paused: true } })
})

describe('settings of the queue', () => {
  plainTest.each([
    ['amqp://127.0.0.1', { name: '127.0.0.1:5672' }],
    ['amqp://u:p@queue.example:5673/', { name: 'queue.example:5673' }],
    ['amqp://u:p@queue.example/shop%20eu', { name: 'queue.example:5672/shop%20eu' }],
    ['amqps://u:p@queue.example/shop', { name: 'queue.example:5671/shop' }],
    ['postgresql://u:p@db.example/shop%20two', { name: 'db.example:5432/shop two' }],
    // Checks the certificate where TLS is required.
    ['postgresql://db.example/shop?sslmode=require', { url: 'postgresql://db.example/shop?sslmode=verify-full' }],
  ])('read the address %s as %j', (url, address) => {
    expect(readQueueAddress(url)).toMatchObject(address)
  })

  plainTest.each([
    ['amqp://', 'amqp://HOST/VHOST'],
    ['amqp:5672', 'amqp://HOST/VHOST'],
    ['http://127.0.0.1:15672', 'amqp://HOST/VHOST'],
    ['postgres://127.0.0.1', 'postgres://HOST/DATABASE'],
    ['postgresql:///orders', 'postgres://HOST/DATABASE'],
    ['postgres://127.0.0.1/a/b', 'postgres://HOST/DATABASE'],
    ['mysql://127.0.0.1/orders', 'postgres://HOST/DATABASE'],
  ])('refuse the address %s', (url, fix) => {
    expect(() => readQueueAddress(url)).toThrow(fix)
  })

  plainTest.each(['', 'amq.orders', 'a b', 'ä', 'x'.repeat(65)])('refuse %j as the name of a queue', (name) => {
    expect(() => readQueueName(name)).toThrow('letters, digits')
  })

  const SCHEMAS = ['public', 'pg_temp', 'Shop', 'a-b', 'x; drop table orders', 'x'.repeat(64)]
  plainTest.each(SCHEMAS)('refuse %j as the name of a schema', (schema) => {
    expect(() => readSchema(schema)).toThrow('lowercase letters')
  })
})

interface Refusal {
  readonly why: string
  /** Undefined if this server does not refuse it. */
  url(): Promise<string | undefined>
  readonly code: string
  readonly message?: string
  readonly fix: string
}

const refuses = (refusals: readonly Refusal[]) =>
  test.concurrent.for(refusals)('refuses $why', async ({ url, code, message = '', fix }, { shop, skip }) => {
    const refusing = await url()
    if (refusing === undefined) return skip('this server accepts it')
    const { codes, error } = await refused(shop, at(refusing), 'import', shop.file('orders.csv', singles(3)))
    expect(codes).toEqual([2, 2])
    expect(error).toMatchObject({ code, retryable: false, message: expect.stringMatching(message) })
    expect(error['fix']).toContain(fix)
  })

describeWith('postgres', 'a PostgreSQL', () => {
  refuses([
    {
      why: 'an unknown user',
      url: async () => serverUrl('postgres', { username: randomName(), password: PASSWORD }),
      code: 'postgres_refused',
      fix: 'postgres://USER:PASSWORD@HOST/DATABASE',
    },
    {
      why: 'a missing database',
      url: async () => serverUrl('postgres', { pathname: 'no_such_database' }),
      code: 'postgres_database_missing',
      fix: 'create database no_such_database',
    },
    {
      why: 'TLS that it does not offer',
      url: async () => {
        const [tls] = await askServer(serverUrl('postgres'), 'show ssl')
        return tls?.['ssl'] === 'off' ? serverUrl('postgres', { search: '?sslmode=require' }) : undefined
      },
      code: 'postgres_tls',
      fix: 'sslmode',
    },
  ])
})

plainTest('a RabbitMQ whose quorum queues have no time to live is too old', () => {
  const text = "QueueDeclare: PRECONDITION_FAILED - invalid arg 'x-message-ttl' for queue 'orders.later' in vhost '/'"
  const message = 'RabbitMQ at 127.0.0.1:5672 is too old: orderctl needs 3.10 or newer.'
  const problem = explainError(new Error(text), addressOf('amqp', 'amqp://127.0.0.1'))
  expect(problem).toMatchObject({ code: 'rabbitmq_too_old', exit: 2, message })
})

describeWith('rabbitmq', 'a RabbitMQ', () => {
  const fix = 'amqp://USER:PASSWORD@HOST/VHOST'
  refuses([
    {
      why: 'a wrong password',
      url: async () => serverUrl('rabbitmq', { password: PASSWORD }),
      code: 'rabbitmq_refused',
      message: 'rejected the login: Login was refused',
      fix,
    },
    {
      why: 'a missing virtual host',
      url: async () => serverUrl('rabbitmq', { pathname: '/no-such-vhost' }),
      code: 'rabbitmq_refused',
      message: '/no-such-vhost .*vhost no-such-vhost not found',
      fix,
    },
  ])

  test('refuses a queue that is declared differently, and creates its queues once that one is deleted', async ({
    shop,
    onTestFinished,
  }) => {
    const name = await makeQueues()
    onTestFinished(() => deleteQueues(name))
    const environment = { ...at(serverUrl('rabbitmq')), ORDERCTL_QUEUE_NAME: name }
    await deleteQueues(name)
    await withChannel((channel) => channel.queueDeclare({ queue: name, durable: true }))
    const file = shop.file('orders.csv', singles(40))
    const { codes, error } = await refused(shop, environment, 'import', file)
    expect(codes).toEqual([2, 2])
    expect(error).toMatchObject({ code: 'rabbitmq_queue_differs', retryable: false })
    expect(error['message']).toContain(`a queue "${name}"`)
    expect(error['fix']).toContain(`rabbitmqctl delete_queue ${name}`)

    await withChannel((channel) => channel.queueDelete(name))
    expect(await shop.runWith(environment, 'import', file)).toMatchObject({ code: 0 })
    expect(await messagesIn(name)).toBe(2)
    expect(await shop.runWith(environment, 'work', '--drain')).toMatchObject({ code: 0 })
    await expectSoldOnce(shop, 40)
  })
})
