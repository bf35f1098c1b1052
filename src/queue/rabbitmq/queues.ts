// Declares the queues on RabbitMQ.
import type { Channel, Cmd, MethodParams } from 'rabbitmq-client'

export interface RabbitQueues {
  readonly orders: string
  /** Delayed batches, which move to `orders` when they expire. */
  readonly later: string
  /** Dead letters: messages that no worker could process, kept for inspection. */
  readonly dead: string
}

export function queuesNamed(name: string): RabbitQueues {
  return { orders: name, later: `${name}.later`, dead: `${name}.dead` }
}

/** Number of failed deliveries (a dead worker, a lost connection) after which a message becomes a dead letter. */
const MOST_DELIVERIES = 20

/** Maximum number of dead letters; the oldest are dropped. */
const MOST_DEAD = 10_000

/** The longest delay of a batch. Servers that do not support it for quorum queues are too old for us. */
const LONGEST_DELAY_MS = 86_400_000

type Declaration = MethodParams[Cmd.QueueDeclare]

function quorumQueue(queue: string, more: Record<string, string | number>, deadLettersTo?: string): Declaration {
  const dead = deadLettersTo && { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': deadLettersTo }
  return { queue, durable: true, arguments: { 'x-queue-type': 'quorum', ...more, ...dead } }
}

export function ordersQueue({ orders, dead }: RabbitQueues): Declaration {
  return quorumQueue(orders, { 'x-delivery-limit': MOST_DELIVERIES }, dead)
}

/** Creates missing queues. Returns the numbers of waiting and delayed batches. */
export async function declareQueues(
  channel: Pick<Channel, 'queueDeclare'>,
  queues: RabbitQueues,
): Promise<{ waiting: number; delayed: number }> {
  const [orders, later] = await Promise.all([
    channel.queueDeclare(ordersQueue(queues)),
    channel.queueDeclare(quorumQueue(queues.later, { 'x-message-ttl': LONGEST_DELAY_MS }, queues.orders)),
    channel.queueDeclare(quorumQueue(queues.dead, { 'x-max-length': MOST_DEAD })),
  ])
  return { waiting: orders.messageCount, delayed: later.messageCount }
}
