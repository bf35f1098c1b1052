// Connects to Redis, and reads facts about the server.
import { Redis, type RedisOptions } from 'ioredis'
import { backoffMs } from '../domain/backoff.js'
import { usageError } from '../errors.js'
import type { RedisAddress } from './addresses.js'
import { explainUnreachable } from './explain.js'
import { unavailableReply } from './recognise.js'
import { isOlder } from './version.js'

/** A server that does not answer for this long is unreachable. */
const ANSWER_TIMEOUT_MS = 3000

const FIRST_RECONNECT_PAUSE_MS = 100
const LONGEST_RECONNECT_PAUSE_MS = 1000

/**
 * Connects, or fails within five seconds. Later, it reconnects after a lost connection, however long that takes. It
 * also reconnects when the server replies that it is unavailable: after a failover, the address may lead to another
 * server. It then resends commands without a retry limit (`maxRetriesPerRequest: null`), which must not be part of a
 * MULTI.
 *
 * @throws UserError (exit 4) naming the server, without its password
 */
export async function connectRedis(
  address: RedisAddress,
  options: Pick<RedisOptions, 'maxRetriesPerRequest' | 'commandTimeout'> = {},
): Promise<Redis> {
  // In ioredis, 2 reconnects and sends the command again; 1 reconnects and fails the command.
  const onUnavailable = options.maxRetriesPerRequest === null ? 2 : 1
  let rejectedAt = Number.NEGATIVE_INFINITY
  const redis = new Redis(address.url, {
    ...options,
    lazyConnect: true,
    // The check would wait while the server loads its data, which the first command detects as well.
    enableReadyCheck: false,
    reconnectOnError: (error) => {
      if (!unavailableReply(error)) return false
      rejectedAt = performance.now()
      return onUnavailable
    },
    connectTimeout: ANSWER_TIMEOUT_MS,
    // Reconnects if a firewall or a failover silently dropped the connection.
    socketTimeout: ANSWER_TIMEOUT_MS,
    // Limits the wait for a server that hangs; the default is two seconds.
    disconnectTimeout: 200,
    retryStrategy: () => null,
  })
  let cause: unknown
  // Without a listener, ioredis would print errors. Commands fail with them as well.
  redis.on('error', (error) => {
    cause = error
  })
  try {
    await redis.connect()
    await redis.ping()
  } catch (error) {
    redis.disconnect()
    throw explainUnreachable(cause ?? error, address)
  }
  redis.options.retryStrategy = (times) => {
    // ioredis counts failed attempts, but an attempt succeeds even if the server then rejects every command.
    if (performance.now() - rejectedAt < LONGEST_RECONNECT_PAUSE_MS) return LONGEST_RECONNECT_PAUSE_MS
    return backoffMs(times, FIRST_RECONNECT_PAUSE_MS, LONGEST_RECONNECT_PAUSE_MS)
  }
  return redis
}

export interface RedisFacts {
  /** `Redis 7.0.15`, `Valkey 8.0.1`. */
  readonly product: string
  /** The Redis version that the server is compatible with: Valkey reports 7.2.4. */
  readonly version: string
  readonly evictionPolicy: string
}

export async function readFacts(redis: Redis): Promise<RedisFacts> {
  const facts = new Map((await redis.info()).split(/\r?\n/).map((line) => line.split(':') as [string, string]))
  const version = facts.get('redis_version') ?? ''
  const valkey = facts.get('valkey_version')
  return {
    product: valkey === undefined ? `Redis ${version}` : `Valkey ${valkey}`,
    version,
    evictionPolicy: facts.get('maxmemory_policy') ?? '',
  }
}

const OLDEST = '6.2'

/** @throws UserError (exit 2) if the server cannot carry the queue, with the setting to change */
export function refuseUnfit(facts: RedisFacts, { name }: RedisAddress, { allowEviction }: { allowEviction: boolean }) {
  if (isOlder(facts.version, OLDEST)) {
    throw usageError({
      code: 'redis_too_old',
      message: `${facts.product} at ${name} is too old: orderctl needs ${OLDEST} or newer.`,
      fix: 'Update it, or unset ORDERCTL_REDIS_URL and ORDERCTL_QUEUE_URL to work without Redis.',
    })
  }
  if (facts.evictionPolicy !== 'noeviction' && !allowEviction) {
    throw usageError({
      code: 'redis_evicts',
      message: `Redis at ${name} evicts keys, including waiting orders, when its memory is full (maxmemory-policy ${facts.evictionPolicy}).`,
      fix: 'Run `redis-cli config set maxmemory-policy noeviction` on that server, and set it in its redis.conf. Or accept it with --allow-eviction: idle workers publish lost orders again.',
    })
  }
}
