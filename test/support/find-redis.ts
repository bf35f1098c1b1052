// Runs once before all tests: finds a Redis server for them, or starts one that ends with the run.
import { Redis } from 'ioredis'
import type { TestProject } from 'vitest/node'
import { hasRedisServer, startPrivateRedis } from './private-redis.js'

declare module 'vitest' {
  interface ProvidedContext {
    /** Null where there is none. */
    redisUrl: string | null
  }
}

const STANDARD_URL = 'redis://127.0.0.1:6379'

export default async function findRedis(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const found = process.env['ORDERCTL_TEST_REDIS_URL'] || ((await isFit(STANDARD_URL)) ? STANDARD_URL : null)
  const started = found === null && hasRedisServer() ? await startPrivateRedis() : undefined
  const redisUrl = found ?? started?.url ?? null
  project.provide('redisUrl', redisUrl)
  if (redisUrl === null)
    console.warn('There is no Redis server and no redis-server on the PATH: tests on Redis are skipped.')
  return started && (() => started.close())
}

/** One at the standard port is taken only if the queue can be on it as it is. */
async function isFit(url: string): Promise<boolean> {
  const redis = new Redis(url, { lazyConnect: true, connectTimeout: 1000, retryStrategy: () => null })
  redis.on('error', () => undefined)
  try {
    await redis.connect()
    return (await redis.info('memory')).includes('maxmemory_policy:noeviction')
  } catch {
    return false
  } finally {
    redis.disconnect()
  }
}
