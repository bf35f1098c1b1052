// Queues on each server, as drivers of the contract.
import { Redis } from 'ioredis'
import type { Database } from '../../src/database/connection.js'
import { UserError } from '../../src/errors.js'
import { bullMqOnPostgres } from '../../src/queue/bullmq/on-postgres.js'
import { bullMqOnRedis } from '../../src/queue/bullmq/on-redis.js'
import { migrateTables } from '../../src/queue/bullmq/postgres-tables.js'
import { onRabbitMq as overRabbitMq } from '../../src/queue/rabbitmq/on-rabbitmq.js'
import { queuesNamed } from '../../src/queue/rabbitmq/queues.js'
import { ServerQueue } from '../../src/queue/server-queue.js'
import type { Transport } from '../../src/queue/transport.js'
import { newSchema, addressOf as postgresAddressOf, postgresUrl, type TestSchema } from './postgres.js'
import { type PrivateRedisOptions, startPrivateRedis } from './private-redis.js'
import { TcpProxy } from './proxy.js'
import { BATCH_SIZE, type Driver, LEASE_MS } from './queue-scene.js'
import { deleteQueues, makeQueues, rabbitAddressOf, rabbitUrl, withChannel } from './rabbitmq.js'
import { addressOf, randomPrefix, redisUrl, removeKeys } from './redis.js'
import { until } from './until.js'

/** A driver whose server the test may stop. */
export interface FragileDriver extends Driver {
  /** The server's name in notices. */
  readonly name: string
  stop(): Promise<void>
  start(): Promise<void>
  hang(): void
  goOn(): void
  /** Deletes every job. */
  forget(): Promise<unknown>
  /** Another way to the queue, on which connections can be lost in silence. */
  openLossyWay(): Promise<LossyWay>
}

interface LossyWay {
  readonly environment: Driver['environment']
  loseConnections(): void
  close(): void
}

interface Place extends Pick<Driver, 'environment'> {
  transport(db: Database): Transport
  close(): Promise<unknown>
}

const driverAt = ({ transport, environment, close }: Place, leaseMs = LEASE_MS): Driver => ({
  environment,
  open: (db) => new ServerQueue(db, transport(db), { batchSize: BATCH_SIZE, leaseMs }),
  counted: (orders) => Math.ceil(orders / BATCH_SIZE),
  close: async () => {
    await close()
  },
})

export async function onRedis(url = `${redisUrl}`): Promise<Driver> {
  const prefix = randomPrefix()
  return driverAt({
    transport: () => bullMqOnRedis(addressOf(url), { prefix, allowEviction: false, leaseMs: LEASE_MS }),
    environment: { ORDERCTL_QUEUE_URL: url, ORDERCTL_REDIS_PREFIX: prefix },
    close: () => removeKeys(url, prefix),
  })
}

export async function onPostgres(place = newSchema(), leaseMs = LEASE_MS): Promise<Driver> {
  const { schema, environment } = place
  await createTables(place)
  const address = postgresAddressOf(environment.ORDERCTL_QUEUE_URL)
  const transport = () => bullMqOnPostgres(address, schema, leaseMs)
  return driverAt({ transport, environment, close: () => place.drop() }, leaseMs)
}

/** Before the test begins, since a busy machine may need several attempts. */
async function createTables({ address, schema }: TestSchema): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await migrateTables(address, schema)
      return
    } catch (error) {
      if (attempt === 5 || !(error instanceof UserError && error.retryable)) throw error
    }
  }
}

export async function onRabbitMq(url = rabbitUrl(), name?: string): Promise<Driver> {
  const queueName = name ?? (await makeQueues())
  return driverAt({
    transport: (db) => overRabbitMq(db, rabbitAddressOf(url), queueName),
    environment: { ORDERCTL_QUEUE_URL: url, ORDERCTL_QUEUE_NAME: queueName },
    close: () => deleteQueues(queueName),
  })
}

export async function onFragileRedis(options: PrivateRedisOptions = {}): Promise<FragileDriver> {
  const server = await startPrivateRedis(options)
  return {
    ...(await onRedis(server.url)),
    name: `Redis at 127.0.0.1:${server.port}`,
    stop: () => server.stop(),
    start: () => server.start(),
    hang: () => server.hang(),
    goOn: () => server.goOn(),
    forget: async () => {
      const redis = new Redis(server.url)
      await redis.flushall()
      redis.disconnect()
    },
    openLossyWay: async () => lossy(await TcpProxy.open(server.url), {}),
    close: () => server.close(),
  }
}

export async function onFragilePostgres(leaseMs = LEASE_MS) {
  const proxy = await TcpProxy.open(`${postgresUrl}`)
  const place = newSchema(proxy.url)
  const forget = () =>
    // The worker locks jobs in another order: retry a delete that loses a deadlock to it.
    until(() =>
      place.ask('delete from job').then(
        () => true,
        (error) => {
          if (error.code === '40P01') return false
          throw error
        },
      ),
    )
  const driver = { ...(await onPostgres(place, leaseMs)), name: `PostgreSQL at ${place.address.name}`, forget }
  return { ...behind(proxy, `${postgresUrl}`, driver), place }
}

export async function onFragileRabbitMq() {
  const name = await makeQueues()
  const proxy = await TcpProxy.open(rabbitUrl())
  const forget = () => withChannel((channel) => channel.queuePurge(queuesNamed(name).orders))
  const driver = { ...(await onRabbitMq(proxy.url, name)), name: `RabbitMQ at 127.0.0.1:${proxy.port}`, forget }
  return behind(proxy, rabbitUrl(), driver)
}

/** A driver behind a proxy, for a server that other tests use. */
function behind(
  proxy: TcpProxy,
  url: string,
  driver: Driver & Pick<FragileDriver, 'name' | 'forget'>,
): FragileDriver & { readonly proxy: TcpProxy } {
  let bringBack = async () => {}
  return {
    ...driver,
    proxy,
    stop: async () => {
      bringBack = await proxy.stop()
    },
    start: () => bringBack(),
    hang: () => proxy.hang(),
    goOn: () => proxy.goOn(),
    openLossyWay: async () => lossy(await TcpProxy.open(url), driver.environment),
    close: async () => {
      proxy.close()
      await driver.close()
    },
  }
}

function lossy(proxy: TcpProxy, settings: Driver['environment']): LossyWay {
  const environment = { ...settings, ORDERCTL_QUEUE_URL: proxy.url }
  return { environment, loseConnections: () => proxy.loseConnections(), close: () => proxy.close() }
}
