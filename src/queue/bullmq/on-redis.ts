// BullMQ on Redis: two kinds of connections, one whose commands fail soon and one whose commands wait.

import { Queue, Worker } from 'bullmq'
import type { Command, Redis } from 'ioredis'
import type { RedisAddress } from '../../servers/addresses.js'
import { explainError } from '../../servers/explain.js'
import { connectRedis, readFacts, refuseUnfit } from '../../servers/redis-connection.js'
import { JOB_OPTIONS, type Payload, QUEUE_NAME } from './jobs.js'
import type { BullServer, JobCounts } from './server.js'

/** A command without an answer for so long has none coming: the connection hangs. */
const COMMAND_TIMEOUT_MS = 5000

/** A worker waits for jobs by a command that Redis answers after ten seconds, at the latest. */
const BLOCKED_TIMEOUT_MS = 15_000

/** Of the stream of events that BullMQ keeps, which nothing here reads. */
const EVENTS_KEPT = 1000

interface RedisSettings {
  /** Stands before every key. */
  readonly prefix: string
  /** Go on with a Redis that throws keys away when its memory is full. */
  readonly allowEviction: boolean
}

export function bullMqOnRedis(address: RedisAddress, { prefix, allowEviction }: RedisSettings): BullServer {
  const keys = { prefix: `${prefix}bull`, skipVersionCheck: true }
  return {
    driver: 'bullmq',
    product: 'Redis',
    name: `Redis at ${address.name}`,
    openJobs: async () => {
      const redis = await connectRedis(address, { maxRetriesPerRequest: 1, commandTimeout: COMMAND_TIMEOUT_MS })
      try {
        refuseUnfit(await readFacts(redis), address, { allowEviction })
        const jobs = new Queue<Payload>(QUEUE_NAME, {
          ...keys,
          connection: redis,
          defaultJobOptions: JOB_OPTIONS,
          streams: { events: { maxLen: EVENTS_KEPT } },
        })
        // Whoever asks hears of it.
        jobs.on('error', () => undefined)
        return {
          jobs,
          count: () => countJobs(jobs),
          // A write that needs memory, on a key that is never there.
          tryWrite: () => redis.setrange(`${keys.prefix}:${QUEUE_NAME}:none`, 0, ''),
          letGo: async () => redis.disconnect(),
        }
      } catch (error) {
        redis.disconnect()
        throw error
      }
    },
    openWorker: async (deliver, options) => {
      // Its commands wait for as long as the server is away.
      const redis = await connectRedis(address, { maxRetriesPerRequest: null })
      const clones = rememberClones(redis)
      const jobs = new Worker<Payload>(QUEUE_NAME, deliver, { ...options, ...keys, connection: redis })
      // Lost connections and locks mend themselves; that the server is away is told by the look around.
      jobs.on('error', () => undefined)
      const letGo = async () => {
        for (const connection of [redis, ...clones]) endForGood(connection)
      }
      return { jobs, letGo }
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

/** The connections that BullMQ makes of the one it was given. */
function rememberClones(redis: Redis): ReadonlySet<Redis> {
  const clones = new Set<Redis>()
  const duplicate = redis.duplicate.bind(redis)
  redis.duplicate = (options) => {
    const clone = duplicate({ ...options, socketTimeout: BLOCKED_TIMEOUT_MS })
    clones.add(clone)
    return clone
  }
  return clones
}

/**
 * Ends a connection for good, so that BullMQ's worker, which waits for its answers, can close. One that waits for its
 * server is ended by an attempt that fails: after disconnect() it would never tell that it has ended.
 */
function endForGood(connection: Redis): void {
  connection.options.retryStrategy = () => null
  connection.on('connect', () => connection.disconnect())
  if (connection.status === 'reconnecting') connection.connect().catch(() => undefined)
  else if (connection.status !== 'end') connection.disconnect()
  // ioredis keeps those that it would send again when it is connected, and forgets them when it ends instead.
  const { prevCommandQueue: kept } = connection as unknown as { prevCommandQueue?: KeptCommands | null }
  for (let next = kept?.shift(); next; next = kept?.shift()) next.command.reject(new Error('Connection is closed.'))
}

interface KeptCommands {
  shift(): { readonly command: Command } | undefined
}
