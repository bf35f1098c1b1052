// A connection to Redis that either stands within seconds or says why not, and what the server tells about itself.

import { Redis, type RedisOptions } from 'ioredis'
import { backoffMs } from '../domain/backoff.js'
import { EXIT, UserError } from '../errors.js'
import type { RedisAddress } from './addresses.js'
import { awayReply } from './redis-away-replies.js'

/** A server that owes us an answer for so long is not there. */
const ANSWER_TIMEOUT_MS = 3000

/** For what is still on its way when we leave; a server that hangs would keep us for two seconds. */
const DISCONNECT_TIMEOUT_MS = 200

const FIRST_RECONNECT_PAUSE_MS = 100
const LONGEST_RECONNECT_PAUSE_MS = 1000

/** Values of ioredis: connect anew and fail the command, or connect anew and send it again. */
const RECONNECT = 1
const RECONNECT_AND_RESEND = 2

/**
 * Connects, or fails within five seconds. Later on, a lost connection is made again by itself, however long that takes. So
 * is one whose server says that it cannot serve us: after a failover, the same address may lead to another server.
 * Commands without a limit of retries (`maxRetriesPerRequest: null`) are then sent again, so they must not be part of a
 * MULTI.
 *
 * @throws UserError (exit 4) naming the server, without its password
 */
export async function connectRedis(
  address: RedisAddress,
  options: Pick<RedisOptions, 'maxRetriesPerRequest' | 'commandTimeout'> = {},
): Promise<Redis> {
  const onAwayReply = options.maxRetriesPerRequest === null ? RECONNECT_AND_RESEND : RECONNECT
  let refusedAt = Number.NEGATIVE_INFINITY
  const redis = new Redis(address.url, {
    ...options,
    lazyConnect: true,
    // It would wait for as long as the server loads its data. The first command finds that out, too.
    enableReadyCheck: false,
    reconnectOnError: (error) => {
      if (!awayReply(error)) return false
      refusedAt = performance.now()
      return onAwayReply
    },
    connectTimeout: ANSWER_TIMEOUT_MS,
    // A connection can also be lost without a word, by a firewall or a server that changed places: then it is made anew.
    socketTimeout: ANSWER_TIMEOUT_MS,
    disconnectTimeout: DISCONNECT_TIMEOUT_MS,
    retryStrategy: () => null,
  })
  let cause: unknown
  // Without a listener, ioredis prints what goes wrong. Whoever runs a command hears of it there.
  redis.on('error', (error) => {
    cause = error
  })
  try {
    await redis.connect()
    await redis.ping()
  } catch (error) {
    redis.disconnect()
    throw unreachable(address, cause ?? error)
  }
  redis.options.retryStrategy = (times) => {
    // ioredis counts attempts that fail, and those to a server that refuses succeed.
    if (performance.now() - refusedAt < LONGEST_RECONNECT_PAUSE_MS) return LONGEST_RECONNECT_PAUSE_MS
    return backoffMs(times, FIRST_RECONNECT_PAUSE_MS, LONGEST_RECONNECT_PAUSE_MS)
  }
  return redis
}

export function unreachable(address: RedisAddress, cause: unknown): UserError {
  const reply = awayReply(cause)
  if (reply) {
    const message = `Redis at ${address.name} ${reply.state}.`
    const problem = { code: 'redis_unavailable', message, fix: reply.fix, retryable: true, exit: EXIT.unreachable }
    return new UserError(problem, { cause })
  }
  const { name } = address
  const why = inPlainWords(cause instanceof Error ? cause.message : String(cause))
  if (/WRONGPASS|NOAUTH|NOPERM|invalid username/i.test(why)) {
    const message = `Redis at ${name} does not let us in: ${why}.`
    const fix = 'Correct user and password in ORDERCTL_REDIS_URL or ORDERCTL_QUEUE_URL (redis://USER:PASSWORD@HOST).'
    return new UserError({ code: 'redis_refused', message, fix, exit: EXIT.unreachable }, { cause })
  }
  if (cause instanceof Error && cause.name === 'ReplyError') {
    const message = `Redis at ${name} refuses a command: ${why}.`
    const fix = 'Correct what it names, or unset ORDERCTL_REDIS_URL and ORDERCTL_QUEUE_URL to work without Redis.'
    return new UserError({ code: 'redis_refused_command', message, fix }, { cause })
  }
  return new UserError(
    {
      code: 'redis_unreachable',
      message: `Redis at ${name} cannot be reached: ${why}.`,
      fix: `Start it (try: redis-cli -u redis://${name} ping), correct ORDERCTL_REDIS_URL or ORDERCTL_QUEUE_URL, or unset them to work without Redis.`,
      retryable: true,
      exit: EXIT.unreachable,
    },
    { cause },
  )
}

/** What ioredis says of connections speaks of its own options. */
function inPlainWords(message: string): string {
  if (/^Socket timeout|^Command timed out|ETIMEDOUT/.test(message)) return 'it does not answer'
  if (/^Reached the max retries|^Connection is closed|^Stream isn't writeable|^Command aborted/.test(message))
    return 'the connection was lost'
  return message.replace(/\.$/, '')
}

/** What a server tells about itself. */
export interface RedisFacts {
  /** `Redis 7.0.15`, `Valkey 8.0.1`. */
  readonly product: string
  /** Of the Redis commands that it speaks: a Valkey says 7.2.4. */
  readonly version: string
  readonly usedMemory: number
  /** 0 where there is no limit. */
  readonly maxMemory: number
  readonly evictionPolicy: string
}

export async function readFacts(redis: Redis): Promise<RedisFacts> {
  const lines = (await redis.info()).split(/\r?\n/).map((line) => line.split(':') as [string, string | undefined])
  const facts = new Map(lines)
  const version = facts.get('redis_version') ?? ''
  const valkey = facts.get('valkey_version')
  return {
    product: valkey === undefined ? `Redis ${version}` : `Valkey ${valkey}`,
    version,
    usedMemory: Number(facts.get('used_memory')),
    maxMemory: Number(facts.get('maxmemory')),
    evictionPolicy: facts.get('maxmemory_policy') ?? '',
  }
}

const OLDEST = [6, 2] as const

export function isTooOld({ version }: RedisFacts): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])
}

/** Whether it throws keys away when its memory is full, and with them waiting orders. */
export function evicts({ evictionPolicy }: RedisFacts): boolean {
  return evictionPolicy !== 'noeviction'
}

/**
 * Refuses a server that cannot carry the queue.
 *
 * @throws UserError (exit 2) with the setting to change
 */
export function refuseUnfit(facts: RedisFacts, { name }: RedisAddress, { allowEviction }: { allowEviction: boolean }) {
  if (isTooOld(facts)) {
    throw new UserError({
      code: 'redis_too_old',
      message: `${facts.product} at ${name} is too old: orderctl needs ${OLDEST.join('.')} or newer.`,
      fix: 'Update it, or unset ORDERCTL_REDIS_URL and ORDERCTL_QUEUE_URL to work without Redis.',
      exit: EXIT.usage,
    })
  }
  if (evicts(facts) && !allowEviction) {
    throw new UserError({
      code: 'redis_evicts',
      message: `Redis at ${name} throws keys away when its memory is full (maxmemory-policy ${facts.evictionPolicy}), waiting orders among them.`,
      fix: `${EVICTION_FIX} Or go on as it is with --allow-eviction: what is lost is published again by workers that find nothing to do.`,
      exit: EXIT.usage,
    })
  }
}

export const EVICTION_FIX =
  'Run `redis-cli config set maxmemory-policy noeviction` on that server, and set it in its redis.conf.'
