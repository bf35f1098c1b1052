// Checks of the Redis servers that the configuration names: can they be reached, how fast, and are they fit for the job?

import type { Config } from '../config/config.js'
import type { RedisAddress } from '../servers/addresses.js'
import { CLOCK_TOLERANCE_MS, seconds } from './agreement.js'
import type { Finding, ServerCheck } from './finding.js'
import { roundTripOf, SLOW_MS } from './round-trip.js'

/** One for each server: leaderboards and queue mostly share one. */
export function redisChecks({ redis, queue }: Config): ServerCheck[] {
  const servers = new Map<string, RedisAddress>()
  if (queue.kind === 'redis') servers.set(queue.url, queue)
  if (redis) servers.set(redis.url, redis)
  return [...servers.values()].map((address) => ({
    name: servers.size === 1 ? 'redis' : `redis ${address.name}`,
    look: () => checkRedis(address),
  }))
}

async function checkRedis(address: RedisAddress): Promise<Finding> {
  const { connectRedis, EVICTION_FIX, evicts, isTooOld, readFacts } = await import('../servers/redis-connection.js')
  const redis = await connectRedis(address, { maxRetriesPerRequest: 1 })
  try {
    const facts = await readFacts(redis)
    const roundTrip = await roundTripOf(() => redis.ping())
    const asked = Date.now()
    const [redisSeconds, microseconds] = (await redis.time()).map(Number)
    const apart = Math.abs(Number(redisSeconds) * 1000 + Number(microseconds) / 1000 - (asked + Date.now()) / 2)
    const limit = facts.maxMemory === 0 ? 'no limit' : `of ${megabytes(facts.maxMemory)}`
    const detail = `${facts.product} at ${address.name}, ${megabytes(facts.usedMemory)} used (${limit}), ${facts.evictionPolicy}, round trip ${roundTrip.toFixed(1)} ms, clocks ${seconds(apart)} apart`
    if (isTooOld(facts)) return { detail, fix: 'Update Redis: 6.2 is the oldest that orderctl works with.' }
    if (evicts(facts)) return { detail, fix: EVICTION_FIX }
    if (apart > CLOCK_TOLERANCE_MS)
      return { detail, fix: 'Set the clocks of this machine and of the Redis server (timedatectl set-ntp true).' }
    if (roundTrip > SLOW_MS)
      return { detail, fix: 'Run Redis nearer to the workers, or look at what slows the network.' }
    return { detail }
  } finally {
    redis.disconnect()
  }
}

function megabytes(bytes: number): string {
  return `${(bytes / 1_000_000).toFixed(1)} MB`
}
