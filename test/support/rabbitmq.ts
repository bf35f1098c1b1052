// Queues on the RabbitMQ that tests share.
import { type Channel, Connection } from 'rabbitmq-client'
import { declareQueues, queuesNamed } from '../../src/queue/rabbitmq/queues.js'
import { randomName, serverUrl } from './servers.js'

/**
 * Declares the queues of one test, and returns their name. A busy server answers only once a new queue is on its disk;
 * this way, the test itself need not wait for it.
 */
export async function makeQueues(): Promise<string> {
  const name = randomName()
  await withChannel((channel) => declareQueues(channel, queuesNamed(name)))
  return name
}

export async function withChannel<Result>(use: (channel: Channel) => Promise<Result>): Promise<Result> {
  const rabbit = new Connection(serverUrl('rabbitmq'))
  rabbit.on('error', () => undefined)
  try {
    const channel = await rabbit.acquire()
    const result = await use(channel)
    await channel.close()
    return result
  } finally {
    rabbit.unsafeDestroy()
  }
}

/** Messages that wait in a queue. */
export async function messagesIn(queue: string): Promise<number> {
  return (await withChannel((channel) => channel.queueDeclare({ queue, passive: true }))).messageCount
}

export async function deleteQueues(name: string): Promise<void> {
  const { orders, later, dead } = queuesNamed(name)
  await withChannel((channel) => Promise.all([orders, later, dead].map((queue) => channel.queueDelete(queue))))
}
