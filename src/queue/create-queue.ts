// The queue that the configuration names.
import type { Config } from '../config.js'
import type { Database } from '../database/connection.js'
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
  if (config.queue.kind === 'embedded') return new EmbeddedQueue(db)
  const settings = { batchSize: config['workflow.batchSize'], leaseMs: config['workflow.leaseMs'] }
  if (config.queue.kind === 'amqp') {
    const { RabbitMqQueue } = await import('./rabbitmq.js')
    return new RabbitMqQueue(db, config.queue, { ...settings, name: config.queueName })
  }
  const { BullMqQueue } = await import('./bullmq.js')
  return new BullMqQueue(db, config.queue, {
    ...settings,
    prefix: config.redisPrefix,
    allowEviction,
  })
}
