// The check of the RabbitMQ server that the configuration names: can it be reached, how fast, and did it put batches away?

import type { Config } from '../config/config.js'
import type { RabbitAddress } from '../servers/addresses.js'
import type { Finding, ServerCheck } from './finding.js'
import { roundTripOf, SLOW_MS } from './round-trip.js'

export function rabbitQueueChecks({ queue, queueName }: Config): ServerCheck[] {
  return queue.kind === 'amqp' ? [{ name: 'rabbitmq', look: () => checkRabbitMq(queue, queueName) }] : []
}

/** Changes nothing: queues that are not there are not made. */
async function checkRabbitMq(address: RabbitAddress, queueName: string): Promise<Finding> {
  const { answered, closeRabbit, countMessages, openRabbit } = await import('../queue/rabbitmq/connection.js')
  const rabbit = await openRabbit(address)
  try {
    const channel = await answered(address, rabbit.acquire())
    // Every server has this exchange.
    const exchange = { exchange: 'amq.direct', passive: true }
    const roundTrip = await roundTripOf(() => answered(address, channel.exchangeDeclare(exchange)))
    await channel.close()
    const dead = await countMessages(rabbit, address, `${queueName}.dead`)
    const detail = `RabbitMQ at ${address.name}, ${describeDead(dead, queueName)}, round trip ${roundTrip.toFixed(1)} ms`
    if (roundTrip > SLOW_MS)
      return { detail, fix: 'Run RabbitMQ nearer to the workers, or look at what slows the network.' }
    return { detail }
  } finally {
    await closeRabbit(rabbit, async () => undefined)
  }
}

/** They need nobody's help: their orders are in the database. */
function describeDead(count: number | undefined, queueName: string): string {
  if (count === undefined) return `no queue "${queueName}" yet`
  return count === 0 ? 'no dead letters' : `dead letters in ${queueName}.dead: ${count}`
}
