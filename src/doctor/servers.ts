// Checks of the servers beside the database: what carries the queue, and the Redis for published figures.
import type { Config } from '../config/config.js'
import type { PostgresAddress, RabbitAddress, RedisAddress } from '../servers/addresses.js'
import type { Check, Found } from './check.js'
import { checkClockOf, isShort, roundTrip } from './server-vitals.js'

export const QUEUE_SERVER = 'queue server'

/** One check for each server: the queue and the published figures may share a Redis. */
export function serverChecks({ queue, queueSchema, queueName, redis }: Config): Check[] {
  const checks: Check[] = []
  if (queue.kind === 'redis') checks.push({ name: QUEUE_SERVER, look: () => checkRedis(queue, false) })
  if (queue.kind === 'postgres') checks.push({ name: QUEUE_SERVER, look: () => checkPostgres(queue, queueSchema) })
  if (queue.kind === 'amqp') checks.push({ name: QUEUE_SERVER, look: () => checkRabbitMq(queue, queueName) })
  // Eviction would lose waiting orders; published figures are published again.
  const isShared = queue.kind === 'redis' && queue.url === redis?.url
  if (redis && !isShared) checks.push({ name: 'redis', look: () => checkRedis(redis, true) })
  return checks
}

async function checkRedis(address: RedisAddress, allowEviction: boolean): Promise<Found> {
  const { connectRedis, readFacts, refuseUnfit } = await import('../servers/redis-connection.js')
  const redis = await connectRedis(address, { maxRetriesPerRequest: 1 })
  try {
    const facts = await readFacts(redis)
    refuseUnfit(facts, address, { allowEviction })
    const trip = await roundTrip(() => redis.ping())
    const asked = Date.now()
    const [seconds = 0, microseconds = 0] = (await redis.time()).map(Number)
    const clock = checkClockOf('the Redis server', seconds * 1000 + microseconds / 1000, asked)
    if (typeof clock !== 'string') return clock
    const used = `${(facts.usedMemory / 1_000_000).toFixed(1)} MB used with maxmemory-policy`
    return `${facts.product} at ${address.name}, ${used} ${facts.evictionPolicy}, ${trip}, ${clock}`
  } finally {
    redis.disconnect()
  }
}

async function checkPostgres(address: PostgresAddress, schema: string): Promise<Found> {
  const { openQueuePool, readFacts } = await import('../servers/postgres-pool.js')
  const { readTables } = await import('../queue/bullmq/postgres-tables.js')
  // Throws if the server cannot be reached or cannot carry the queue.
  const { place, current, latest } = await readTables(address, schema)
  const { pool, letGo } = openQueuePool(address, schema, 1)
  try {
    const { version, connections: used, mostConnections: most } = await readFacts(pool)
    const trip = await roundTrip(() => pool.query('select 1'))
    const tables = current === 0 ? 'no tables yet' : `${current} of ${latest} migrations`
    const message = `${place.replace(' ', ` ${version} `)} (${tables}), ${used} of ${most} connections in use, ${trip}`
    if (!isShort({ used, most })) return message
    return { message, fix: 'Raise max_connections on that server, or end clients that hold connections.' }
  } finally {
    await letGo()
  }
}

/** Changes nothing: a queue that is not there yet is not created. */
async function checkRabbitMq(address: RabbitAddress, queueName: string): Promise<Found> {
  const { answered, closeRabbit, countMessages, openRabbit } = await import('../queue/rabbitmq/connection.js')
  const rabbit = await openRabbit(address)
  try {
    const channel = await answered(address, rabbit.acquire())
    // Every server has this exchange.
    const exchange = { exchange: 'amq.direct', passive: true }
    const trip = await roundTrip(() => answered(address, channel.exchangeDeclare(exchange)))
    await channel.close()
    const dead = await countMessages(rabbit, address, `${queueName}.dead`)
    const letters = dead === undefined ? `no queue "${queueName}" yet` : `dead letters in ${queueName}.dead: ${dead}`
    return `RabbitMQ at ${address.name}, ${letters}, ${trip}`
  } finally {
    await closeRabbit(rabbit, async () => undefined)
  }
}
