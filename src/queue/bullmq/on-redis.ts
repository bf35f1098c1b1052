// A transport over BullMQ on Redis. A link's commands fail quickly; a worker's wait while the server is unreachable.
import { Queue, Worker } from 'bullmq'
import type { Redis } from 'ioredis'
import type { RedisAddress } from '../../servers/addresses.js'
import { explainError } from '../../servers/explain.js'
import { connectRedis, readFacts, refuseUnfit } from '../../servers/redis-connection.js'
import type { Transport } from '../transport.js'
import {
  type JobCounts,
  linkTo,
  type Payload,
  processorOf,
  QUEUE_NAME,
  queueOptions,
  workerOf,
  workerOptions,
} from './bullmq.js'

const COMMAND_TIMEOUT_MS = 5000

/** Redis answers the command that waits for jobs within ten seconds. */
const BLOCKED_TIMEOUT_MS = 15_000

/** Number of events that BullMQ keeps. Nothing reads them. */
const EVENTS_KEPT = 1000

export function bullMqOnRedis(
  address: RedisAddress,
  { prefix, allowEviction, leaseMs }: { prefix: string; allowEviction: boolean; leaseMs: number },
): Transport {
  const keys = { prefix: `${prefix}bull`, skipVersionCheck: true }
  return {
    driver: 'bullmq',
    name: `Redis at ${address.name}`,
    connect: async () => {
      const redis = await connectRedis(address, { maxRetriesPerRequest: 1, commandTimeout: COMMAND_TIMEOUT_MS })
      try {
        refuseUnfit(await readFacts(redis), address, { allowEviction })
        const jobs = new Queue<Payload>(QUEUE_NAME, { ...queueOptions(EVENTS_KEPT), ...keys, connection: redis })
        // Checks that the server accepts writes that need memory. The key never exists.
        const check = () => redis.setrange(`${keys.prefix}:${QUEUE_NAME}:none`, 0, '')
        return linkTo(jobs, { check, count: () => countJobs(jobs), end: async () => redis.disconnect() })
      } catch (error) {
        redis.disconnect()
        throw error
      }
    },
    startWorker: async (deliver, { concurrency }) => {
      const redis = await connectRedis(address, { maxRetriesPerRequest: null })
      const end = endWithClones(redis)
      const options = { ...workerOptions(concurrency, leaseMs), ...keys, connection: redis }
      return workerOf(new Worker<Payload>(QUEUE_NAME, processorOf(deliver), options), end)
    },
    explain: (error) => explainError(error, address),
  }
}

async function countJobs(jobs: Queue<Payload>): Promise<JobCounts> {
  const { waiting = 0, active = 0, delayed = 0 } = await jobs.getJobCounts('waiting', 'active', 'delayed')
  const [oldest] = await jobs.getJobs('waiting', 0, 0, true)
  return { waiting, active, delayed, oldestAt: oldest?.timestamp ?? null }
}

/** Returns a function that ends the connection and the clones on which BullMQ waits for jobs. */
function endWithClones(redis: Redis): () => Promise<void> {
  const connections = [redis]
  const duplicate = redis.duplicate.bind(redis)
  redis.duplicate = (options) => {
    const clone = duplicate({ ...options, socketTimeout: BLOCKED_TIMEOUT_MS })
    // BullMQ removes its own listener when it closes.
    clone.on('error', () => undefined)
    connections.push(clone)
    return clone
  }
  return async () => {
    for (const connection of connections) {
      // Keeps a worker that was pausing from connecting again.
      connection.options.retryStrategy = () => null
      connection.on('connect', () => connection.disconnect())
      connection.disconnect()
    }
  }
}
