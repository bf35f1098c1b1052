// RabbitMQ. A worker has a connection to itself: a server that is short of memory or disk reads nothing from connections that
// publish, and acknowledgements must get through.
import { setImmediate as nextTurn } from 'node:timers/promises'
import { type AsyncMessage, type Connection, type Consumer, ConsumerStatus } from 'rabbitmq-client'
import type { Database } from '../../database/connection.js'
import { UserError } from '../../errors.js'
import type { RabbitAddress } from '../../servers/addresses.js'
import { explainUnreachable, problemOf } from '../../servers/explain.js'
import { readLeases } from '../due-orders.js'
import { DatabasePause } from '../pause.js'
import type { Deliver, Link, Transport, TransportWorker } from '../transport.js'
import { answered, asAway, closeRabbit, openRabbit } from './connection.js'
import { declareQueues, ordersQueue, queuesNamed, type RabbitQueues, readIds } from './queues.js'

interface Surroundings {
  readonly db: Database
  readonly address: RabbitAddress
  readonly queues: RabbitQueues
}

export function onRabbitMq(db: Database, address: RabbitAddress, queueName: string): Transport {
  const here: Surroundings = { db, address, queues: queuesNamed(queueName) }
  /** Whether the server has accepted us before: then it refuses us only while it starts or stops. */
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
    pauseSwitch: new DatabasePause(db),
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

async function linkOver({ db, address, queues }: Surroundings, rabbit: Connection, onLost: () => void): Promise<Link> {
  const channel = await rabbit.acquire()
  await declareQueues(channel, queues)
  await channel.confirmSelect()
  /** Why the server reads nothing from this connection. */
  let blocked: UserError | undefined
  let areQueuesGone = false
  rabbit.on('connection.blocked', (reason) => {
    blocked = new UserError(problemOf({ cause: 'blocked', reason }, address))
  })
  rabbit.on('connection.unblocked', () => {
    blocked = undefined
  })
  channel.on('basic.return', () => {
    areQueuesGone = true
  })
  channel.on('close', () => {
    onLost()
    // Later: after a lost connection, the client closes its channels before it schedules the next attempt.
    setImmediate(() => rabbit.unsafeDestroy())
  })
  const check = async () => {
    if (blocked) throw blocked
  }
  /** Gives up a connection without an answer, unless it is blocked, which passes by itself. */
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
    pauseSwitch: new DatabasePause(db),
    check,
    send: async (batches, delayMs) => {
      const routingKey = delayMs > 0 ? queues.later : queues.orders
      const expiration = delayMs > 0 ? { expiration: String(Math.ceil(delayMs)) } : {}
      const envelope = { routingKey, durable: true, mandatory: true, ...expiration }
      await ask(() => Promise.all(batches.map((ids) => channel.basicPublish(envelope, { ids }))))
      // A message without a queue is returned before it is confirmed; its event comes in the next turn.
      await nextTurn()
      if (!areQueuesGone) return
      // The next link creates them.
      await channel.close()
      throw explainUnreachable(new Error('its queues are gone'), address)
    },
    purge: () => ask(() => Promise.all([channel.queuePurge(queues.orders), channel.queuePurge(queues.later)])),
    counts: async () => {
      // Creates the queues again if they were deleted.
      const counted = await ask(() => declareQueues(channel, queues))
      const { batches, oldestWaitingSeconds } = await readLeases(db)
      return { ...counted, active: batches, oldestWaitingSeconds }
    },
    close: () => closeRabbit(rabbit, () => channel.close()),
  }
}

/**
 * One consumer with a prefetch of one for each batch that may be in progress, since prefetches cannot be changed. After a
 * lost connection, each consumes again when its batch is finished.
 */
function workerOver({ db, queues }: Surroundings, rabbit: Connection, deliver: Deliver): TransportWorker {
  const pauseSwitch = new DatabasePause(db)
  const consumers: Consumer[] = []
  let closed: Promise<unknown> = Promise.resolve()

  function resize(concurrency: number): void {
    while (consumers.length < concurrency) consumers.push(consume())
    // Each cancels before it finishes its batch, so it gets no other.
    const closing = consumers.splice(concurrency).map((consumer) => consumer.close().catch(() => undefined))
    closed = Promise.all([closed, ...closing])
  }

  function consume(): Consumer {
    const options = { queue: queues.orders, queueOptions: ordersQueue(queues), qos: { prefetchCount: 1 } }
    // Consumers recover by themselves; the connection reports the error.
    return rabbit.createConsumer(options, handle).on('error', () => undefined)
  }

  async function handle({ body }: AsyncMessage): Promise<ConsumerStatus> {
    const ids = readIds(body)
    if (!ids) return ConsumerStatus.DROP
    try {
      if (await pauseSwitch.isPaused()) {
        // Cancels the consumers before the message is requeued, so that it is not delivered again at once.
        resize(0)
        await nextTurn()
        return ConsumerStatus.REQUEUE
      }
      await deliver(ids)
      return ConsumerStatus.ACK
    } catch {
      // This consumer ends with the error; another one gets the batch.
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
