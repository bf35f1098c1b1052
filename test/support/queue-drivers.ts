// Queues on each server, as drivers of the contract.
import type { Database } from '../../src/database/connection.js'
import { UserError } from '../../src/errors.js'
import { bullMqOnPostgres } from '../../src/queue/bullmq/on-postgres.js'
import { bullMqOnRedis } from '../../src/queue/bullmq/on-redis.js'
import { migrateTables } from '../../src/queue/bullmq/postgres-tables.js'
import { onRabbitMq as overRabbitMq } from '../../src/queue/rabbitmq/on-rabbitmq.js'
import { queuesNamed } from '../../src/queue/rabbitmq/queues.js'
import { ServerQueue } from '../../src/queue/server-queue.js'
import type { Transport } from '../../src/queue/transport.js'
import { newSchema, type TestSchema } from './postgres.js'
import { TcpProxy } from './proxy.js'
import { BATCH_SIZE, type Driver, LEASE_MS } from './queue-scene.js'
import { deleteQueues, makeQueues, withChannel } from './rabbitmq.js'
import { randomPrefix, removeKeys } from './redis.js'
import { addressOf, type ServerName, serverUrl } from './servers.js'
import { until } from './until.js'

interface ServerDriver extends Driver {
  /** The server's name in notices. */
  readonly name: string
  /** Deletes every job. */
  forget(): Promise<unknown>
}

/** BullMQ, which ignores a job whose id it knows. */
export interface BullMqDriver extends ServerDriver {
  /** Makes its server remember every job without delivering any, as after an eviction or by a lock of a dead worker. */
  strand(): Promise<unknown>
}

/** A driver whose server is behind a proxy, which the test may stop. */
export interface FragileDriver extends ServerDriver {
  readonly proxy: TcpProxy
}

function onServer(transport: (db: Database) => Transport, leaseMs = LEASE_MS): Pick<Driver, 'open' | 'counted'> {
  return {
    open: (db) => new ServerQueue(db, transport(db), { batchSize: BATCH_SIZE, leaseMs }),
    counted: (orders) => Math.ceil(orders / BATCH_SIZE),
  }
}

export async function onRedis(url = serverUrl('redis')) {
  const prefix = randomPrefix()
  const address = addressOf('redis', url)
  return {
    ...onServer(() => bullMqOnRedis(address, { prefix, allowEviction: false, leaseMs: LEASE_MS })),
    environment: { ORDERCTL_QUEUE_URL: url, ORDERCTL_REDIS_PREFIX: prefix },
    name: `Redis at ${address.name}`,
    forget: () => removeKeys(prefix),
    strand: () => removeKeys(`${prefix}bull:orders:wait`),
    close: async () => void (await removeKeys(prefix)),
  }
}

export async function onPostgres(url = serverUrl('postgres'), leaseMs = LEASE_MS) {
  const place = newSchema(url)
  await createTables(place)
  // The worker locks jobs in another order: retry a delete that loses a deadlock to it.
  const deleted = () =>
    place.ask('delete from job').then(
      () => true,
      (error) => {
        if (error.code !== '40P01') throw error
        return false
      },
    )
  return {
    ...place,
    ...onServer(() => bullMqOnPostgres(place.address, place.schema, leaseMs), leaseMs),
    name: `PostgreSQL at ${place.address.name}`,
    forget: () => until(deleted),
    strand: () => place.ask("update job set state = 'active', lock_token = 'dead', locked_until_ms = 9e12"),
    close: place.drop,
  }
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

export async function onRabbitMq(url = serverUrl('rabbitmq')) {
  const queueName = await makeQueues()
  const address = addressOf('amqp', url)
  return {
    ...onServer((db) => overRabbitMq(db, address, queueName)),
    environment: { ORDERCTL_QUEUE_URL: url, ORDERCTL_QUEUE_NAME: queueName },
    name: `RabbitMQ at ${address.name}`,
    forget: () => withChannel((channel) => channel.queuePurge(queuesNamed(queueName).orders)),
    close: () => deleteQueues(queueName),
  }
}

export const onFragileRedis = () => fragile('redis', onRedis)
export const onFragileRabbitMq = () => fragile('rabbitmq', onRabbitMq)
export const onFragilePostgres = (leaseMs?: number) => fragile('postgres', (url) => onPostgres(url, leaseMs))

async function fragile<Behind extends ServerDriver>(server: ServerName, open: (url: string) => Promise<Behind>) {
  const proxy = await TcpProxy.open(serverUrl(server))
  const driver = await open(proxy.url)
  const close = async () => {
    proxy.close()
    await driver.close()
  }
  return { ...driver, proxy, close }
}
