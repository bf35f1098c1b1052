// Creates the configured queue.
import type { Config } from '../config/config.js'
import type { Database } from '../database/connection.js'
import { EmbeddedQueue } from './embedded.js'
import type { Queue } from './queue.js'
import type { Transport } from './transport.js'

export interface QueueOptions {
  /** Accept a Redis server that evicts keys when its memory is full. */
  readonly allowEviction?: boolean
}

/** Creates the queue without connecting. Drivers take longer to load than most commands take, so only one is loaded. */
export async function createQueue(db: Database, config: Config, options: QueueOptions = {}): Promise<Queue> {
  const transport = await createTransport(db, config, options)
  if (!transport) return new EmbeddedQueue(db)
  const { ServerQueue } = await import('./server-queue.js')
  const [batchSize, leaseMs] = [config['workflow.batchSize'], config['workflow.leaseMs']]
  return new ServerQueue(db, transport, { batchSize, leaseMs })
}

async function createTransport(
  db: Database,
  { queue: address, queueName, queueSchema, redisPrefix: prefix, 'workflow.leaseMs': leaseMs }: Config,
  { allowEviction = false }: QueueOptions,
): Promise<Transport | undefined> {
  switch (address.kind) {
    case 'embedded':
      return undefined
    case 'amqp':
      return (await import('./rabbitmq/on-rabbitmq.js')).onRabbitMq(db, address, queueName)
    case 'postgres':
      return (await import('./bullmq/on-postgres.js')).bullMqOnPostgres(address, queueSchema, leaseMs)
    case 'redis':
      return (await import('./bullmq/on-redis.js')).bullMqOnRedis(address, { prefix, allowEviction, leaseMs })
  }
}
