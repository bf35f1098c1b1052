// Keys on the Redis that tests share, each under a prefix of its own, and servers for what others must not suffer.
import { Redis } from 'ioredis'
import { hasRedisServer } from './private-redis.js'
import { describeUnless, randomName, type SuiteOptions, serverUrl } from './servers.js'

/** For tests that start servers of their own. */
export function describeWithPrivateRedis(name: string, body: () => void, options?: SuiteOptions): void {
  describeUnless(hasRedisServer() ? undefined : 'there is no redis-server on the PATH', name, body, options)
}

export const randomPrefix = () => `${randomName()}:`

const REMOVE = `local keys = redis.call('keys', ARGV[1])
for _, key in ipairs(keys) do redis.call('unlink', key) end
return keys`

/** @returns the keys under the prefix, which it removes at once */
export async function removeKeys(prefix: string): Promise<string[]> {
  const redis = new Redis(serverUrl('redis'))
  const removed = await redis.eval(REMOVE, 0, `${prefix}*`)
  redis.disconnect()
  return removed as string[]
}
