// Checks of the queue's server and of the Redis for published figures.
import type { Config } from '../config/config.js'
import type { RabbitAddress, RedisAddress } from '../servers/addresses.js'
import { type Check, type CheckResult, checkClockOf } from './check.js'

export const QUEUE_SERVER = 'queue server'

/** One check per server. The queue and the published figures may share a Redis. */
export function serverChecks({ queue, queueSchema, queueName, redis }: Config): Check[] {
  const checks: Check[] = []
  if (queue.kind === 'redis') checks.push({ name: QUEUE_SERVER, run: () => checkRedis(queue, false) })
  if (queue.kind === 'amqp') checks.push({ name: QUEUE_SERVER, run: () => checkRabbitMq(queue, queueName) })
  if (queue.kind === 'postgres') {
    const run = async () => {
      const { readTables } = await import('../queue/bullmq/postgres-tables.js')
      const { place, current, latest } = await readTables(queue, queueSchema)
      return `${place} (${current === 0 ? 'no tables yet' : `${current} of ${latest} migrations`})`
    }
    checks.push({ name: QUEUE_SERVER, run })
  }
  // Eviction would lose queued orders, but published figures are only published again.
  const isShared = queue.kind === 'redis' && queue.url === redis?.url
  if (redis && !isShared) checks.push({ name: 'redis', run: () => checkRedis(redis, true) })
  return checks
}

async function checkRedis(address: RedisAddress, allowEviction: boolean): Promise<CheckResult> {
  const { connectRedis, readFacts, refuseUnfit } = await import('../servers/redis-connection.js')
  const redis = await connectRedis(address, { maxRetriesPerRequest: 1 })
  try {
    const facts = await readFacts(redis)
    refuseUnfit(facts, address, { allowEviction })
    const asked = Date.now()
    const [seconds = 0, microseconds = 0] = (await redis.time()).map(Number)
    const clock = checkClockOf('the Redis server', seconds * 1000 + microseconds / 1000, asked)
    if (typeof clock !== 'string') return clock
    return `${facts.product} at ${address.name}, maxmemory-policy ${facts.evictionPolicy}, ${clock}`
  } finally {
    redis.disconnect()
  }
}

/** Does not create a missing queue. */
async function checkRabbitMq(address: RabbitAddress, queueName: string): Promise<CheckResult> {
  const { closeRabbit, countMessages, openRabbit } = await import('../queue/rabbitmq/connection.js')
  const rabbit = await openRabbit(address)
  try {
    const dead = await countMessages(rabbit, address, `${queueName}.dead`)
    const letters = dead === undefined ? `no queue "${queueName}" yet` : `dead letters in ${queueName}.dead: ${dead}`
    return `RabbitMQ at ${address.name}, ${letters}`
  } finally {
    await closeRabbit(rabbit, async () => undefined)
  }
}
