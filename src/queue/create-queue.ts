// The queue that the configuration names.
import type { Config } from '../config/config.js'
import type { Database } from '../database/connection.js'
import type { QueueTables } from './bullmq/postgres-tables.js'
import { EmbeddedQueue } from './embedded.js'
import type { Queue } from './queue.js'
import type { Transport } from './transport.js'

export interface QueueOptions {
  /** Take a Redis that throws keys away when its memory is full. */
  readonly allowEviction?: boolean
}

/** Does not connect. Drivers take longer to load than most commands take, so each is loaded where it is used. */
export async function createQueue(db: Database, config: Config, options: QueueOptions = {}): Promise<Queue> {
  const address = config.queue
  if (address.kind === 'embedded') return new EmbeddedQueue(db)
  const [{ ServerQueue }, transport] = await Promise.all([
    import('./server-queue.js'),
    createTransport(db, config, address, options),
  ])
  return new ServerQueue(db, transport, {
    batchSize: config['workflow.batchSize'],
    leaseMs: config['workflow.leaseMs'],
  })
}

async function createTransport(
  db: Database,
  config: Config,
  address: Exclude<Config['queue'], { kind: 'embedded' }>,
  { allowEviction = false }: QueueOptions,
): Promise<Transport> {
  const leaseMs = config['workflow.leaseMs']
  switch (address.kind) {
    case 'amqp': {
      const { onRabbitMq } = await import('./rabbitmq/on-rabbitmq.js')
      return onRabbitMq(db, address, config.queueName)
    }
    case 'postgres': {
      const { bullMqOnPostgres } = await import('./bullmq/on-postgres.js')
      return bullMqOnPostgres(address, config.queueSchema, leaseMs)
    }
    case 'redis': {
      const { bullMqOnRedis } = await import('./bullmq/on-redis.js')
      return bullMqOnRedis(address, { prefix: config.redisPrefix, allowEviction, leaseMs })
    }
  }
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
