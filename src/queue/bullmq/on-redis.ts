// BullMQ on Redis: a connection whose commands fail soon, to publish and to ask, and one whose commands wait, to work.

import { Queue, Worker } from 'bullmq'
import type { Command, Redis } from 'ioredis'
import type { RedisAddress } from '../../servers/addresses.js'
import { explainError } from '../../servers/explain.js'
import { connectRedis, readFacts, refuseUnfit } from '../../servers/redis-connection.js'
import type { Transport } from '../transport.js'
import {
  JOB_OPTIONS,
  type JobCounts,
  linkTo,
  type Payload,
  processorOf,
  QUEUE_NAME,
  workerOf,
  workerOptions,
} from './bullmq.js'

const COMMAND_TIMEOUT_MS = 5000

/** A worker waits for jobs by a command that Redis answers within ten seconds. */
const BLOCKED_TIMEOUT_MS = 15_000

/** Events that BullMQ keeps, which nothing reads. */
const EVENTS_KEPT = 1000

interface RedisSettings {
  readonly prefix: string
  readonly allowEviction: boolean
  readonly leaseMs: number
}

export function bullMqOnRedis(address: RedisAddress, { prefix, allowEviction, leaseMs }: RedisSettings): Transport {
  const keys = { prefix: `${prefix}bull`, skipVersionCheck: true }
  return {
    driver: 'bullmq',
    name: `Redis at ${address.name}`,
    connect: async () => {
      const redis = await connectRedis(address, { maxRetriesPerRequest: 1, commandTimeout: COMMAND_TIMEOUT_MS })
      try {
        refuseUnfit(await readFacts(redis), address, { allowEviction })
        const jobs = new Queue<Payload>(QUEUE_NAME, {
          ...keys,
          connection: redis,
          defaultJobOptions: JOB_OPTIONS,
          streams: { events: { maxLen: EVENTS_KEPT } },
        })
        // A write that needs memory, on a key that is never there.
        const check = () => redis.setrange(`${keys.prefix}:${QUEUE_NAME}:none`, 0, '')
        return linkTo(jobs, { check, count: () => countJobs(jobs), end: async () => redis.disconnect() })
      } catch (error) {
        redis.disconnect()
        throw error
      }
    },
    startWorker: async (deliver, { concurrency }) => {
      // Its commands wait for as long as the server is away.
      const redis = await connectRedis(address, { maxRetriesPerRequest: null })
      const end = endWithClones(redis)
      const options = { ...workerOptions(concurrency, leaseMs), ...keys, connection: redis }
      return workerOf(new Worker<Payload>(QUEUE_NAME, processorOf(deliver), options), end)
    },
    explain: (error) => explainError(error, address),
  }
}

async function countJobs(jobs: Queue<Payload>): Promise<JobCounts> {
  const counts = await jobs.getJobCounts('waiting', 'active', 'delayed')
  const [oldest] = await jobs.getJobs('waiting', 0, 0, true)
  return {
    waiting: counts['waiting'] ?? 0,
    active: counts['active'] ?? 0,
    delayed: counts['delayed'] ?? 0,
    oldestAt: oldest?.timestamp ?? null,
  }
}

/** Returns what ends the connection and those that BullMQ makes of it. */
function endWithClones(redis: Redis): () => Promise<void> {
  const connections = [trackCommands(redis)]
  const duplicate = redis.duplicate.bind(redis)
  redis.duplicate = (options) => {
    const clone = duplicate({ ...options, socketTimeout: BLOCKED_TIMEOUT_MS })
    connections.push(trackCommands(clone))
    return clone
  }
  return async () => {
    for (const { connection, pending } of connections) endForGood(connection, pending)
  }
}

interface Tracked {
  readonly connection: Redis
  /** Commands without an answer. ioredis keeps those that it will send again in a place that is not public. */
  readonly pending: ReadonlySet<Command>
}

function trackCommands(connection: Redis): Tracked {
  const pending = new Set<Command>()
  const send = connection.sendCommand.bind(connection)
  connection.sendCommand = (command, stream) => {
    pending.add(command)
    const forget = () => pending.delete(command)
    command.promise.then(forget, forget)
    return send(command, stream)
  }
  return { connection, pending }
}

/**
 * Ends a connection for good, so that BullMQ's worker, which waits for its answers, can close. An attempt that fails ends a
 * connection that waits for its server: after disconnect() it would never tell that it has ended.
 */
function endForGood(connection: Redis, pending: ReadonlySet<Command>): void {
  connection.options.retryStrategy = () => null
  connection.on('connect', () => connection.disconnect())
  if (connection.status === 'reconnecting') connection.connect().catch(() => undefined)
  else if (connection.status !== 'end') connection.disconnect()
  for (const command of pending) command.reject(new Error('Connection is closed.'))
}
