// Connects to RabbitMQ, and limits how long its answers may take.
import { once } from 'node:events'
import { hostname } from 'node:os'
import { Connection } from 'rabbitmq-client'
import { settledWithin } from '../../domain/timeout.js'
import { EXIT, UserError } from '../../errors.js'
import type { RabbitAddress } from '../../servers/addresses.js'
import { explainUnreachable } from '../../servers/explain.js'

const CONNECT_TIMEOUT_MS = 3000
const ANSWER_TIMEOUT_MS = 4000
const CLOSE_TIMEOUT_MS = 1000

/** Extra time to read an answer that arrived while this process was busy. */
const READ_MS = 250

/** A server that is silent for twice this long counts as unreachable. */
const HEARTBEAT_S = 10

/**
 * Connects, and reconnects after a lost connection.
 *
 * @throws UserError within five seconds, naming the server without its password (exit 4; exit 2 for a rejected login)
 */
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
    // Shortest and longest pause between attempts to reconnect, in milliseconds.
    retryLow: 200,
    retryHigh: 5000,
  })
  // Without a listener, an error would end the process.
  rabbit.on('error', () => undefined)
  try {
    await once(rabbit, 'connection')
    return rabbit
  } catch (error) {
    rabbit.unsafeDestroy()
    throw explainUnreachable(error, address)
  }
}

/** Waits for an answer. @throws UserError (exit 4) if the server does not answer in time */
export async function answered<Answer>(address: RabbitAddress, answer: Promise<Answer>): Promise<Answer> {
  if ((await settledWithin(ANSWER_TIMEOUT_MS, answer)) || (await settledWithin(READ_MS, answer))) return answer
  throw explainUnreachable(new Error('timed out'), address)
}

/** Explains an error of a server that accepted us before. It is starting or stopping, so every error is temporary. */
export function asUnreachable(address: RabbitAddress, cause: unknown): UserError {
  const { code, message, fix } = explainUnreachable(cause, address)
  return new UserError({ code, message, fix, retryable: true, exit: EXIT.unreachable }, { cause })
}

/** Counts the messages in a queue; undefined if the queue does not exist. */
export async function countMessages(rabbit: Connection, address: RabbitAddress, queue: string) {
  try {
    return (await answered(address, rabbit.queueDeclare({ queue, passive: true }))).messageCount
  } catch (error) {
    if (error instanceof Error && error.message.includes('NOT_FOUND')) return undefined
    throw explainUnreachable(error, address)
  }
}

/** Closes channels, then the connection. Never hangs. */
export async function closeRabbit(rabbit: Connection, closeChannels: () => Promise<unknown>): Promise<void> {
  const closed = closeChannels().then(() => rabbit.close())
  await settledWithin(CLOSE_TIMEOUT_MS, closed)
  rabbit.unsafeDestroy()
}
