// The queues on RabbitMQ and what is in their messages.
import type { Channel, Cmd, MethodParams } from 'rabbitmq-client'
import type { OrderId } from '../../domain/ids.js'

export interface RabbitQueues {
  /** Batches to be delivered. */
  readonly orders: string
  /** Batches that wait until they expire, which moves them to `orders`. */
  readonly later: string
  /** Dead letters: messages that no worker could process, for people to look at. */
  readonly dead: string
}

export function queuesNamed(name: string): RabbitQueues {
  return { orders: name, later: `${name}.later`, dead: `${name}.dead` }
}

/** Deliveries of one message that failed, since a worker died or its connection was cut, before it is a dead letter. */
const MOST_DELIVERIES = 20

/** The oldest make room. */
const MOST_DEAD = 10_000

/** The longest that a batch waits in `later`. A server that does not know it for quorum queues is too old for us. */
const LONGEST_DELAY_MS = 86_400_000

type Declaration = MethodParams[Cmd.QueueDeclare]

function quorumQueue(queue: string, more: Record<string, string | number>): Declaration {
  return { queue, durable: true, arguments: { 'x-queue-type': 'quorum', ...more } }
}

const deadLettersTo = (queue: string) => ({ 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': queue })

export function ordersQueue({ orders, dead }: RabbitQueues): Declaration {
  return quorumQueue(orders, { 'x-delivery-limit': MOST_DELIVERIES, ...deadLettersTo(dead) })
}

/** Creates the queues that are missing. Returns how many batches wait, now and for later. */
export async function declareQueues(
  channel: Pick<Channel, 'queueDeclare'>,
  queues: RabbitQueues,
): Promise<{ waiting: number; delayed: number }> {
  const [orders, later] = await Promise.all([
    channel.queueDeclare(ordersQueue(queues)),
    channel.queueDeclare(
      quorumQueue(queues.later, { 'x-message-ttl': LONGEST_DELAY_MS, ...deadLettersTo(queues.orders) }),
    ),
    channel.queueDeclare(quorumQueue(queues.dead, { 'x-max-length': MOST_DEAD })),
  ])
  return { waiting: orders.messageCount, delayed: later.messageCount }
}

/** What a message carries; undefined if it is not ours. */
export function readIds(body: unknown): OrderId[] | undefined {
  if (typeof body !== 'object' || body === null || !('ids' in body)) return undefined
  return Array.isArray(body.ids) && body.ids.every(isOrderId) ? body.ids : undefined
}

const isOrderId = (value: unknown): value is OrderId => Number.isSafeInteger(value)
