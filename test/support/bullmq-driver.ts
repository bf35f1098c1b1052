// The queue on Redis, as the contract wants a driver.
import { bullMqOnRedis } from '../../src/queue/bullmq/on-redis.js'
import { ServerQueue } from '../../src/queue/server-queue.js'
import type { PrivateRedis } from './private-redis.js'
import { BATCH_SIZE, type Driver, LEASE_MS } from './queue-scene.js'
import { addressOf, randomPrefix, removeKeys } from './redis.js'

/** On a server that others use, under a prefix of its own. */
export function onSharedServer(url: string): Driver {
  const prefix = randomPrefix()
  return {
    ...on(url, prefix),
    takeServerAway: () => Promise.reject(new Error('others use this server, too')),
    close: async () => {
      await removeKeys(url, prefix)
    },
  }
}

export function onOwnServer(server: PrivateRedis): Driver {
  return {
    ...on(server.url, ''),
    takeServerAway: async (how) => {
      if (how === 'hanging') server.hang()
      else await server.stop()
    },
    close: () => server.close(),
  }
}

function on(url: string, prefix: string): Pick<Driver, 'open' | 'environment' | 'counted'> {
  const settings = { batchSize: BATCH_SIZE, leaseMs: LEASE_MS }
  const server = bullMqOnRedis(addressOf(url), { prefix, allowEviction: false, leaseMs: LEASE_MS })
  return {
    open: (db) => new ServerQueue(db, server, settings),
    environment: { ORDERCTL_QUEUE_URL: url, ORDERCTL_REDIS_PREFIX: prefix },
    counted: (orders) => Math.ceil(orders / BATCH_SIZE),
  }
}
