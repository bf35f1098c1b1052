// A connection to RabbitMQ that stands within seconds or says why not, and answers within seconds or is given up.
import { once } from 'node:events'
import { hostname } from 'node:os'
import { Connection } from 'rabbitmq-client'
import { asError } from '../../background.js'
import { settledWithin } from '../../domain/patience.js'
import type { RabbitAddress } from '../../servers/addresses.js'
import { explainUnreachable } from '../../servers/explain.js'

const CONNECT_TIMEOUT_MS = 3000
const ANSWER_TIMEOUT_MS = 4000

/** For an answer that came while this process was too busy to read it. */
const READ_MS = 250

/** For what is still on its way when we leave. */
const CLOSE_TIMEOUT_MS = 1000

/** In seconds. A server that is silent for twice as long is gone. */
const HEARTBEAT_S = 10

/** A connection that is lost later on is made again by itself, after pauses between these. */
const FIRST_PAUSE_MS = 200
const LONGEST_PAUSE_MS = 5000

/** @throws UserError naming the server, without its password: exit 4 if it is away, 2 if it refuses us */
export async function openRabbit(address: RabbitAddress): Promise<Connection> {
  const url = new URL(address.url)
  const isPrivate = url.protocol === 'amqps:'
  const rabbit = new Connection({
    hostname: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port || (isPrivate ? 5671 : 5672),
    tls: isPrivate,
    username: decodeURIComponent(url.username || 'guest'),
    password: decodeURIComponent(url.password || 'guest'),
    vhost: decodeURIComponent(url.pathname.slice(1)) || '/',
    connectionName: `orderctl on ${hostname()}, process ${process.pid}`,
    noDelay: true,
    heartbeat: Number(url.searchParams.get('heartbeat') ?? HEARTBEAT_S),
    connectionTimeout: CONNECT_TIMEOUT_MS,
    acquireTimeout: ANSWER_TIMEOUT_MS,
    retryLow: FIRST_PAUSE_MS,
    retryHigh: LONGEST_PAUSE_MS,
  })
  // An error without a listener would end the process.
  rabbit.on('error', () => undefined)
  try {
    await once(rabbit, 'connection')
    return rabbit
  } catch (error) {
    rabbit.unsafeDestroy()
    throw explainUnreachable(error, address)
  }
}

/** @throws UserError (exit 4) if the server does not answer in time */
export async function answered<Answer>(address: RabbitAddress, answer: Promise<Answer>): Promise<Answer> {
  if ((await settledWithin(ANSWER_TIMEOUT_MS, answer)) || (await settledWithin(READ_MS, answer))) return answer
  throw explainUnreachable(new Error('it does not answer'), address)
}

/** Messages that wait in a queue; undefined if there is no such queue. */
export async function countMessages(
  rabbit: Connection,
  address: RabbitAddress,
  queue: string,
): Promise<number | undefined> {
  try {
    return (await answered(address, rabbit.queueDeclare({ queue, passive: true }))).messageCount
  } catch (error) {
    if (asError(error).message.includes('NOT_FOUND')) return undefined
    throw explainUnreachable(error, address)
  }
}

/** Closes channels, then the connection, and gives up on a server that is not there to hear it. */
export async function closeRabbit(rabbit: Connection, closeChannels: () => Promise<unknown>): Promise<void> {
  await settledWithin(
    CLOSE_TIMEOUT_MS,
    closeChannels().then(() => rabbit.close()),
  )
  rabbit.unsafeDestroy()
}
