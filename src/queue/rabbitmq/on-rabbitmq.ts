// RabbitMQ. A worker has two connections: a server that is short of memory or disk stops reading from one that publishes,
// and acknowledgements must get through.
import { setImmediate as nextTurn } from 'node:timers/promises'
import { type AsyncMessage, type Connection, type Consumer, ConsumerStatus } from 'rabbitmq-client'
import type { Database } from '../../database/connection.js'
import { EXIT, UserError } from '../../errors.js'
import type { RabbitAddress } from '../../servers/addresses.js'
import { explainUnreachable, problemOf } from '../../servers/explain.js'
import { readLeases } from '../due-orders.js'
import { DatabasePause } from '../pause.js'
import type { PauseSwitch } from '../queue.js'
import type { Batch, Deliver, Link, Transport, TransportWorker } from '../transport.js'
import { answered, closeRabbit, openRabbit } from './connection.js'
import { declareQueues, ordersQueue, queuesNamed, type RabbitQueues, readIds } from './queues.js'

interface Surroundings {
  readonly db: Database
  readonly address: RabbitAddress
  readonly queues: RabbitQueues
  readonly pauseSwitch: PauseSwitch
}

export function onRabbitMq(db: Database, address: RabbitAddress, queueName: string): Transport {
  const here: Surroundings = { db, address, queues: queuesNamed(queueName), pauseSwitch: new DatabasePause(db) }
  /** Whether the server has let us in before. Then it refuses us because it starts or stops. */
  let isKnown = false

  const open = async (): Promise<Connection> => {
    try {
      const rabbit = await openRabbit(address)
      isKnown = true
      return rabbit
    } catch (error) {
      throw isKnown ? asAway(address, error) : error
    }
  }
  return {
    driver: 'rabbitmq',
    name: `RabbitMQ at ${address.name}`,
    pauseSwitch: here.pauseSwitch,
    connect: async (onLost) => {
      const rabbit = await open()
      try {
        return await answered(address, linkOver(here, rabbit, onLost))
      } catch (error) {
        rabbit.unsafeDestroy()
        throw explainUnreachable(error, address)
      }
    },
    startWorker: async (deliver, { concurrency, onAway }) => {
      const rabbit = await open()
      rabbit.on('error', (error) => onAway(asAway(address, error)))
      const worker = workerOver(here, rabbit, deliver)
      worker.resize(concurrency)
      return worker
    },
  }
}

async function linkOver(
  { db, address, queues, pauseSwitch }: Surroundings,
  rabbit: Connection,
  onLost: () => void,
): Promise<Link> {
  const channel = await rabbit.acquire()
  await declareQueues(channel, queues)
  await channel.confirmSelect()
  /** Why the server reads nothing from this connection at the moment. */
  let why: UserError | undefined
  let areQueuesGone = false
  rabbit.on('connection.blocked', (reason) => {
    // While a server is short of memory or disk, it reads nothing from publishers.
    why = new UserError(problemOf({ cause: 'blocked', reason }, address))
  })
  rabbit.on('connection.unblocked', () => {
    why = undefined
  })
  channel.on('basic.return', () => {
    areQueuesGone = true
  })
  channel.on('close', () => {
    onLost()
    // Not at once: when a connection is lost, the client closes its channels before it plans to connect again.
    setImmediate(() => rabbit.unsafeDestroy())
  })
  const check = async () => {
    if (why) throw why
  }
  /** Gives up a connection that leaves a question unanswered, unless it is blocked: then the server will go on. */
  const ask = async <Answer>(question: () => Promise<Answer>): Promise<Answer> => {
    await check()
    try {
      return await answered(address, question())
    } catch (error) {
      await check()
      if (channel.active) rabbit.unsafeDestroy()
      throw explainUnreachable(error, address)
    }
  }
  return {
    pauseSwitch,
    check,
    send: async (batches, delayMs) => {
      const routingKey = delayMs > 0 ? queues.later : queues.orders
      const expiration = delayMs > 0 ? { expiration: String(Math.ceil(delayMs)) } : {}
      const envelope = { routingKey, durable: true, mandatory: true, ...expiration }
      await ask(() => Promise.all(batches.map((ids) => channel.basicPublish(envelope, { ids }))))
      // A message that finds no queue comes back before it is confirmed, and is told in the next turn.
      await nextTurn()
      if (!areQueuesGone) return
      // The next link creates them.
      await channel.close()
      throw explainUnreachable(new Error('its queues are gone'), address)
    },
    purge: () => ask(() => Promise.all([channel.queuePurge(queues.orders), channel.queuePurge(queues.later)])),
    counts: async () => {
      // Creates the queues again if somebody has deleted them.
      const counted = await ask(() => declareQueues(channel, queues))
      const { batches, oldestWaitingSeconds } = await readLeases(db)
      return { ...counted, active: batches, oldestWaitingSeconds }
    },
    close: () => closeRabbit(rabbit, () => channel.close()),
  }
}

/**
 * A consumer with a prefetch of one for each batch that may be in progress: the prefetch of a consumer cannot be changed,
 * but consumers can come and go. After a loss of the connection, each consumes again when its batch is finished.
 */
function workerOver({ queues, pauseSwitch }: Surroundings, rabbit: Connection, deliver: Deliver): TransportWorker {
  const consumers: Consumer[] = []
  let closed: Promise<unknown> = Promise.resolve()

  function resize(concurrency: number): void {
    while (consumers.length < concurrency) consumers.push(consume())
    // Each cancels, then finishes its batch, so RabbitMQ sends it no other.
    const closing = consumers.splice(concurrency).map((consumer) => consumer.close().catch(() => undefined))
    closed = Promise.all([closed, ...closing])
  }

  function consume(): Consumer {
    const options = { queue: queues.orders, queueOptions: ordersQueue(queues), qos: { prefetchCount: 1 } }
    // A consumer mends itself; the connection tells that the server is away.
    return rabbit.createConsumer(options, handle).on('error', () => undefined)
  }

  async function handle({ body }: AsyncMessage): Promise<ConsumerStatus> {
    const ids: Batch | undefined = readIds(body)
    if (!ids) return ConsumerStatus.DROP
    try {
      if (await pauseSwitch.isPaused()) {
        // The consumers are cancelled before the message goes back, so that it does not come again at once.
        resize(0)
        await nextTurn()
        return ConsumerStatus.REQUEUE
      }
      await deliver(ids)
      return ConsumerStatus.ACK
    } catch {
      // The end of this consumer, which `ended` tells. Another one may have more luck with the batch.
      return ConsumerStatus.REQUEUE
    }
  }

  return {
    resize,
    close: async () => {
      resize(0)
      await closed
      await rabbit.close()
    },
    end: async () => rabbit.unsafeDestroy(),
  }
}

/** A server that accepted us before is about to start or to stop, so every error passes by itself. */
function asAway(address: RabbitAddress, cause: unknown): UserError {
  const { code, message, fix } = explainUnreachable(cause, address)
  return new UserError({ code, message, fix, retryable: true, exit: EXIT.unreachable }, { cause })
}
