// Tests on a real RabbitMQ. They share the server that test/support/find-rabbitmq.ts has found, so each names queues of its own and
// deletes them; a server that goes away is played by a proxy before it.

import { randomBytes } from 'node:crypto'
import { type Channel, Connection } from 'rabbitmq-client'
import { inject } from 'vitest'
import { declareQueues, queuesNamed } from '../../src/queue/rabbitmq/queues.js'
import type { RabbitAddress } from '../../src/servers/addresses.js'
import { readQueueAddress } from '../../src/servers/addresses.js'
import { describeUnless, type SuiteOptions } from './servers.js'

/** Named by ORDERCTL_TEST_RABBITMQ_URL, or found at the standard port; undefined where there is none. */
const foundUrl: string | undefined = inject('rabbitUrl') ?? undefined

/** Skipped where there is no server; in CI, that is a failure. */
export function describeWithRabbitMq(name: string, body: () => void, options: SuiteOptions = {}): void {
  describeUnless(foundUrl === undefined ? 'no RabbitMQ server was found' : undefined, name, body, options)
}

/** For tests that run, so there is one. */
export function rabbitUrl(): string {
  if (foundUrl === undefined) throw new Error('there is no RabbitMQ server')
  return foundUrl
}

/** The same server and virtual host behind another port of this machine, or for another user. */
export function rabbitUrlWith(change: Partial<Pick<URL, 'hostname' | 'port' | 'pathname' | 'password'>>): string {
  return Object.assign(new URL(rabbitUrl()), change).href
}

/**
 * The name of queues of one test, on a server that others use: `test-5f0c…`. They are made before the test, which is then
 * not held up by a busy server: it answers to nobody before its disk has a new queue.
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

/** A channel of the test's own, as another program would have it. */
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
