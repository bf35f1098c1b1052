// The queues on RabbitMQ and what is in their messages.
import type { Channel } from 'amqplib'
import type { OrderId } from '../../domain/ids.js'

export interface RabbitQueues {
  /** Batches to be handed out. */
  readonly orders: string
  /** Batches that wait until they expire, which puts them into `orders`. */
  readonly later: string
  /** Messages that no worker could deal with, for people to look at. */
  readonly dead: string
}

export function queuesNamed(name: string): RabbitQueues {
  return { orders: name, later: `${name}.later`, dead: `${name}.dead` }
}

/** Deliveries of one message that came to nothing, since a worker died or its connection was cut, before it is put away. */
const MOST_DELIVERIES = 20

/** The oldest make room. */
const MOST_DEAD = 10_000

/** All are on a majority of the servers before they count as taken. Returns how many batches wait, now and for later. */
export async function declareQueues(
  channel: Channel,
  { orders, later, dead }: RabbitQueues,
): Promise<{ waiting: number; later: number }> {
  const declare = (queue: string, more: Record<string, string | number>) =>
    channel.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': 'quorum', ...more } })
  const deadLettersTo = (queue: string) => ({ 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': queue })
  const [waiting, delayed] = await Promise.all([
    declare(orders, { 'x-delivery-limit': MOST_DELIVERIES, ...deadLettersTo(dead) }),
    declare(later, deadLettersTo(orders)),
    declare(dead, { 'x-max-length': MOST_DEAD }),
  ])
  return { waiting: waiting.messageCount, later: delayed.messageCount }
}

export function toMessage(ids: readonly OrderId[]): Buffer {
  return Buffer.from(JSON.stringify({ ids }))
}

/** Undefined for a message that is not ours. */
export function readMessage(content: Buffer): OrderId[] | undefined {
  let message: unknown
  try {
    message = JSON.parse(content.toString('utf8'))
  } catch {
    return undefined
  }
  if (typeof message !== 'object' || message === null || !('ids' in message)) return undefined
  const { ids } = message
  return Array.isArray(ids) && ids.every(isOrderId) ? ids : undefined
}

function isOrderId(value: unknown): value is OrderId {
  return Number.isSafeInteger(value)
}
