// Tests on a real Redis. They share the server that test/support/find-redis.ts has found, so each keeps to a prefix of its own;
// what must not be done to a server that others use is done to a private one.

import { randomBytes } from 'node:crypto'
import { Redis } from 'ioredis'
import { inject } from 'vitest'
import type { RedisAddress } from '../../src/servers/addresses.js'
import { readRedisAddress } from '../../src/servers/addresses.js'
import { hasRedisServer } from './private-redis.js'
import { describeUnless, type SuiteOptions } from './servers.js'

export { startPrivateRedis } from './private-redis.js'

/** Named by ORDERCTL_TEST_REDIS_URL, found at the standard port, or started for this run; undefined where there is none. */
export const redisUrl: string | undefined = inject('redisUrl') ?? undefined

/** Skipped where there is no server; in CI, that is a failure. */
export function describeWithRedis(name: string, body: () => void, options: SuiteOptions = {}): void {
  const reason = redisUrl === undefined ? 'no Redis server was found or could be started' : undefined
  describeUnless(reason, name, body, options)
}

/** The same for tests that start servers of their own. */
export function describeWithPrivateRedis(name: string, body: () => void, options: SuiteOptions = {}): void {
  describeUnless(hasRedisServer() ? undefined : 'there is no redis-server on the PATH', name, body, options)
}

/** Of one test, on a server that others use: `test-5f0c…:`. */
export function randomPrefix(): string {
  return `test-${randomBytes(6).toString('hex')}:`
}

export function addressOf(url: string): RedisAddress {
  const address = readRedisAddress(url)
  if (!address) throw new Error(`${url} names no Redis`)
  return address
}

/** What is left behind under a prefix, removed. Returns the keys. */
export async function removeKeys(url: string, prefix: string): Promise<string[]> {
  const redis = new Redis(url)
  const removed: string[] = []
  for await (const keys of redis.scanStream({ match: `${prefix}*`, count: 1000 })) {
    removed.push(...(keys as string[]))
    if ((keys as string[]).length > 0) await redis.unlink(...(keys as string[]))
  }
  redis.disconnect()
  return removed
}
