// Tests on the RabbitMQ that find-servers.ts has found, which they share: each names queues of its own and deletes
// them. A proxy makes the server unreachable for one test.
import { randomBytes } from 'node:crypto'
import { type Channel, Connection } from 'rabbitmq-client'
import { inject } from 'vitest'
import { declareQueues, queuesNamed } from '../../src/queue/rabbitmq/queues.js'
import { type RabbitAddress, readQueueAddress } from '../../src/servers/addresses.js'
import { describeUnless, type SuiteOptions } from './servers.js'

const foundUrl: string | undefined = inject('rabbitUrl') ?? undefined

export function describeWithRabbitMq(name: string, body: () => void, options?: SuiteOptions): void {
  describeUnless(foundUrl === undefined ? 'no RabbitMQ server was found' : undefined, name, body, options)
}

/** @throws if there is no server: for tests that run */
export function rabbitUrl(): string {
  if (foundUrl === undefined) throw new Error('there is no RabbitMQ server')
  return foundUrl
}

/** The server's URL with other parts. */
export function rabbitUrlWith(change: Partial<URL>): string {
  return Object.assign(new URL(rabbitUrl()), change).href
}

/**
 * Declares the queues of one test, and returns their name. A busy server answers only once a new queue is on its disk;
 * this way, the test itself need not wait for it.
 */
export async function makeQueues(): Promise<string> {
  const name = `test-${randomBytes(6).toString('hex')}`
  await withChannel((channel) => declareQueues(channel, queuesNamed(name)))
  return name
}

export function rabbitAddressOf(url: string): RabbitAddress {
  const address = readQueueAddress(url)
  if (address.kind !== 'amqp') throw new Error(`${url} names no RabbitMQ`)
  return address
}

export async function withChannel<Result>(use: (channel: Channel) => Promise<Result>): Promise<Result> {
  const rabbit = new Connection(rabbitUrl())
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
