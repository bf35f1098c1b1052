// A transport over RabbitMQ. Workers and links have separate connections: a server short of memory or disk space stops
// reading from connections that publish, and acknowledgements must still get through.
import { setImmediate as nextTurn } from 'node:timers/promises'
import { type AsyncMessage, type Connection, type Consumer, ConsumerStatus } from 'rabbitmq-client'
import type { Database } from '../../database/connection.js'
import { MINUTE_MS } from '../../domain/time.js'
import { UserError } from '../../errors.js'
import type { RabbitAddress } from '../../servers/addresses.js'
import { explainUnreachable, problemOf } from '../../servers/explain.js'
import { readLeases } from '../due-orders.js'
import { DatabasePause } from '../pause.js'
import { type Deliver, type Link, readBatch, type Transport, type TransportWorker } from '../transport.js'
import { answered, asUnreachable, closeRabbit, openRabbit } from './connection.js'
import { declareQueues, ordersQueue, queuesNamed, type RabbitQueues } from './queues.js'

/**
 * A delayed batch may wait behind one with a longer delay, but no longer than this. A batch that comes too early finds
 * no due order, and is delayed again.
 */
const LONGEST_DELAY_MS = MINUTE_MS

interface Context {
  readonly db: Database
  readonly address: RabbitAddress
  readonly queues: RabbitQueues
}

export function onRabbitMq(db: Database, address: RabbitAddress, queueName: string): Transport {
  const context: Context = { db, address, queues: queuesNamed(queueName) }
  /** Whether the server has accepted us before. If so, it rejects us only while it is starting or stopping. */
  let isKnown = false
  const open = async (): Promise<Connection> => {
    try {
      const rabbit = await openRabbit(address)
      isKnown = true
      return rabbit
    } catch (error) {
      throw isKnown ? asUnreachable(address, error) : error
    }
  }
  return {
    driver: 'rabbitmq',
    name: `RabbitMQ at ${address.name}`,
    pauseSwitch: new DatabasePause(db),
    connect: async (onLost) => {
      const rabbit = await open()
      try {
        return await answered(address, linkOver(context, rabbit, onLost))
      } catch (error) {
        rabbit.unsafeDestroy()
        throw explainUnreachable(error, address)
      }
    },
    startWorker: async (deliver, { concurrency, onUnreachable }) => {
      const rabbit = await open()
      rabbit.on('error', (error) => onUnreachable(asUnreachable(address, error)))
      const worker = workerOver(context, rabbit, deliver)
      worker.resize(concurrency)
      return worker
    },
  }
}

async function linkOver({ db, address, queues }: Context, rabbit: Connection, onLost: () => void): Promise<Link> {
  const channel = await rabbit.acquire()
  await declareQueues(channel, queues)
  await channel.confirmSelect()
  /** Set while the server does not read from this connection: the reason. */
  let blocked: UserError | undefined
  let areQueuesDeleted = false
  rabbit.on('connection.blocked', (reason) => {
    blocked = new UserError(problemOf({ cause: 'blocked', reason }, address))
  })
  rabbit.on('connection.unblocked', () => {
    blocked = undefined
  })
  channel.on('basic.return', () => {
    areQueuesDeleted = true
  })
  channel.on('close', () => {
    onLost()
    // Deferred: after a lost connection, the client closes its channels before it schedules the next attempt.
    setImmediate(() => rabbit.unsafeDestroy())
  })
  const check = async () => {
    if (blocked) throw blocked
  }
  /** Closes the connection if a request gets no answer, unless the server has blocked it, which is temporary. */
  const ask = async <Answer>(request: () => Promise<Answer>): Promise<Answer> => {
    await check()
    try {
      return await answered(address, request())
    } catch (error) {
      await check()
      if (channel.active) rabbit.unsafeDestroy()
      throw explainUnreachable(error, address)
    }
  }
  return {
    pauseSwitch: new DatabasePause(db),
    check,
    send: async (batches, { delayMs }) => {
      const routingKey = delayMs > 0 ? queues.later : queues.orders
      const expiration = delayMs > 0 ? { expiration: String(Math.ceil(Math.min(delayMs, LONGEST_DELAY_MS))) } : {}
      const envelope = { routingKey, durable: true, mandatory: true, ...expiration }
      await ask(() => Promise.all(batches.map((ids) => channel.basicPublish(envelope, { ids }))))
      // The server returns a message without a queue before it confirms it. The event follows in the next iteration.
      await nextTurn()
      if (!areQueuesDeleted) return
      // The next link creates them.
      await channel.close()
      throw explainUnreachable(new Error('its queues were deleted'), address)
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
 * Has one consumer, with a prefetch of one, for each batch that may be in progress, since a prefetch cannot be changed.
 * After a lost connection, each consumer resumes when its batch is finished.
 */
function workerOver({ db, queues }: Context, rabbit: Connection, deliver: Deliver): TransportWorker {
  const pauseSwitch = new DatabasePause(db)
  const consumers: Consumer[] = []
  let closed: Promise<unknown> = Promise.resolve()

  function resize(concurrency: number): void {
    while (consumers.length < concurrency) consumers.push(consume())
    // Each consumer cancels before it finishes its batch, so it gets no other batch.
    const closing = consumers.splice(concurrency).map((consumer) => consumer.close().catch(() => undefined))
    closed = Promise.all([closed, ...closing])
  }

  function consume(): Consumer {
    const options = { queue: queues.orders, queueOptions: ordersQueue(queues), qos: { prefetchCount: 1 } }
    // Consumers recover automatically; the connection reports the error.
    return rabbit.createConsumer(options, handle).on('error', () => undefined)
  }

  async function handle({ body }: AsyncMessage): Promise<ConsumerStatus> {
    const ids = readBatch(body)
    if (!ids) return ConsumerStatus.DROP
    try {
      if (await pauseSwitch.isPaused()) {
        // Cancels the consumers before the message is requeued, so it is not delivered again at once.
        resize(0)
        await nextTurn()
        return ConsumerStatus.REQUEUE
      }
      await deliver(ids)
      return ConsumerStatus.ACK
    } catch {
      // The error ends this consumer; another one gets the batch.
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
