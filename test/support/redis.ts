// Tests on the Redis that find-servers.ts has found, which they share: each has a prefix of its own. What must not be
// done to a server that others use is done to a private one.
import { randomBytes } from 'node:crypto'
import { Redis } from 'ioredis'
import { inject } from 'vitest'
import { type RedisAddress, readRedisAddress } from '../../src/servers/addresses.js'
import { hasRedisServer } from './private-redis.js'
import { describeUnless, type SuiteOptions } from './servers.js'

export { startPrivateRedis } from './private-redis.js'

export const redisUrl: string | undefined = inject('redisUrl') ?? undefined

export function describeWithRedis(name: string, body: () => void, options?: SuiteOptions): void {
  const reason = redisUrl === undefined ? 'no Redis server was found or could be started' : undefined
  describeUnless(reason, name, body, options)
}

/** For tests that start servers of their own. */
export function describeWithPrivateRedis(name: string, body: () => void, options?: SuiteOptions): void {
  describeUnless(hasRedisServer() ? undefined : 'there is no redis-server on the PATH', name, body, options)
}

export function randomPrefix(): string {
  return `test-${randomBytes(6).toString('hex')}:`
}

export function addressOf(url: string): RedisAddress {
  const address = readRedisAddress(url)
  if (!address) throw new Error(`${url} names no Redis`)
  return address
}

/** @returns the keys under the prefix, which it removes */
export async function removeKeys(url: string, prefix: string): Promise<string[]> {
  const redis = new Redis(url)
  const removed: string[] = []
  for await (const keys of redis.scanStream({ match: `${prefix}*`, count: 1000 }) as AsyncIterable<string[]>) {
    removed.push(...keys)
    if (keys.length > 0) await redis.unlink(...keys)
  }
  redis.disconnect()
  return removed
}
