// The queue that the configuration names.
import type { Config } from '../config/config.js'
import type { Database } from '../database/connection.js'
import type { PostgresAddress, RedisAddress } from '../servers/addresses.js'
import type { QueueTables } from './bullmq/postgres-tables.js'
import type { BullServer } from './bullmq/server.js'
import { EmbeddedQueue } from './embedded.js'
import type { Queue } from './queue.js'

export interface QueueOptions {
  /** Take a Redis that throws keys away when its memory is full. */
  readonly allowEviction?: boolean
}

/** Makes no connection yet. BullMQ takes longer to load than most commands take, so a driver is loaded where it is used. */
export async function createQueue(
  db: Database,
  config: Config,
  { allowEviction = false }: QueueOptions = {},
): Promise<Queue> {
  const address = config.queue
  if (address.kind === 'embedded') return new EmbeddedQueue(db)
  const settings = { batchSize: config['workflow.batchSize'], leaseMs: config['workflow.leaseMs'] }
  if (address.kind === 'amqp') {
    const { RabbitMqQueue } = await import('./rabbitmq/rabbitmq-queue.js')
    return new RabbitMqQueue(db, address, { ...settings, name: config.queueName })
  }
  const [{ BullMqQueue }, server] = await Promise.all([
    import('./bullmq/bullmq-queue.js'),
    bullServer(address, config, allowEviction),
  ])
  return new BullMqQueue(db, server, settings)
}

/** What the queue keeps in tables on its server, unchanged; undefined for one that keeps none. */
export async function readQueueTables({ queue, queueSchema }: Config): Promise<QueueTables | undefined> {
  if (queue.kind !== 'postgres') return undefined
  const { readTables } = await import('./bullmq/postgres-tables.js')
  return readTables(queue, queueSchema)
}

/** Brings them up to this release. Returns how they were before. */
export async function migrateQueueTables({ queue, queueSchema }: Config): Promise<QueueTables | undefined> {
  if (queue.kind !== 'postgres') return undefined
  const { migrateTables } = await import('./bullmq/postgres-tables.js')
  return migrateTables(queue, queueSchema)
}

async function bullServer(
  address: RedisAddress | PostgresAddress,
  config: Config,
  allowEviction: boolean,
): Promise<BullServer> {
  if (address.kind === 'postgres') {
    const { bullMqOnPostgres } = await import('./bullmq/on-postgres.js')
    return bullMqOnPostgres(address, config.queueSchema)
  }
  const { bullMqOnRedis } = await import('./bullmq/on-redis.js')
  return bullMqOnRedis(address, { prefix: config.redisPrefix, allowEviction })
}
