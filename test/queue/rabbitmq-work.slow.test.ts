// What only a RabbitMQ does to `import` and `work`: deleted queues, dead letters, and alarms that block publishers.

import type { Socket } from 'node:net'
import { expect } from 'vitest'
import { queuesNamed } from '../../src/queue/rabbitmq/queues.js'
import { completed, type Environment, expectSoldOnce, importing, SLOW, singles } from '../support/drain.js'
import { type Message, type Pair, TcpProxy } from '../support/proxy.js'
import { deleteQueues, makeQueues, messagesIn, withChannel } from '../support/rabbitmq.js'
import { describeWith, serverUrl } from '../support/servers.js'
import { test as placeTest } from '../support/shop.js'
import { until } from '../support/until.js'

/** The class and the method. */
const BASIC_PUBLISH = Buffer.from([0, 60, 0, 40])

/**
 * Makes RabbitMQ seem to run out of memory: at its next message, a connection is told that it is blocked, and nothing
 * more is read from it until the alarm is over.
 */
class AlarmProxy extends TcpProxy {
  readonly #held: { readonly pair: Pair; readonly data: Buffer }[] = []
  #isRaised = false

  /** The number of blocked connections. */
  get blocked(): number {
    return this.#held.filter(({ pair }) => !pair.near.destroyed).length
  }

  raise(): void {
    this.#isRaised = true
  }

  clear(): void {
    this.#isRaised = false
    for (const { pair, data } of this.#held.splice(0)) {
      if (pair.near.destroyed) continue
      pair.near.write(connectionFrame(61))
      pair.far.write(data)
      pair.near.resume()
    }
  }

  protected override pass(data: Buffer, { side }: Message, pair: Pair, to: Socket): void {
    if (side === 'server' || !this.#isRaised || !data.includes(BASIC_PUBLISH)) {
      to.write(data)
      return
    }
    pair.near.pause()
    this.#held.push({ pair, data })
    pair.near.write(connectionFrame(60, 'low on memory'))
  }
}

/** A method of the class `connection` on the wire: 60 is `blocked`, with a reason, and 61 is `unblocked`. */
function connectionFrame(method: number, text?: string): Buffer {
  const reason = text === undefined ? [] : [text.length, ...Buffer.from(text)]
  const payload = Buffer.from([0, 10, 0, method, ...reason])
  const head = Buffer.from([1, 0, 0, 0, 0, 0, payload.length])
  return Buffer.concat([head, payload, Buffer.from([0xce])])
}

const test = placeTest.extend<{ queueName: string; slow: Environment }>({
  // biome-ignore lint/correctness/noEmptyPattern: Vitest reads from it that the fixture needs no other.
  queueName: async ({}, use) => {
    const queueName = await makeQueues()
    await use(queueName)
    await deleteQueues(queueName)
  },
  slow: ({ queueName }, use) =>
    use({ ...SLOW, ORDERCTL_QUEUE_URL: serverUrl('rabbitmq'), ORDERCTL_QUEUE_NAME: queueName }),
})

describeWith(
  'rabbitmq',
  'RabbitMQ',
  () => {
    test('a drain recreates queues that were deleted, and goes on', async ({ shop, queueName, slow }) => {
      await importing(shop, 300, slow)
      const worker = shop.start(slow, 'work', '--drain')
      await until(() => completed(shop) > 0)
      await deleteQueues(queueName)
      expect(completed(shop)).toBeLessThan(300)
      const { code, stderr } = await worker.ended
      expect(code, stderr).toBe(0)
      await expectSoldOnce(shop, 300)
    })

    test('messages of other programs become dead letters, which doctor counts', async ({ shop, queueName, slow }) => {
      await importing(shop, 20, slow)
      const { orders, dead } = queuesNamed(queueName)
      await withChannel(async (channel) => {
        await channel.confirmSelect()
        for (const body of [Buffer.from('not JSON'), 'null', { ids: '1' }, { ids: [1.5] }])
          await channel.basicPublish(orders, body)
      })
      const worker = shop.start(slow, 'work')
      await until(() => completed(shop) === 20)
      await until(async () => (await messagesIn(dead)) === 4)
      worker.child.kill('SIGTERM')
      expect((await worker.ended).code).toBe(130)
      const letter = await withChannel((channel) => channel.basicGet(dead))
      expect(letter).toMatchObject({ headers: { 'x-first-death-reason': 'rejected' } })
      await expectSoldOnce(shop, 20)
      const { result } = await shop.jsonWith(slow, 'doctor')
      const detail = expect.stringContaining(`dead letters in ${dead}: 4`)
      const check = expect.objectContaining({ name: 'queue server', ok: true, fix: null, detail })
      expect(result).toMatchObject({ checks: expect.arrayContaining([check]) })
    })

    test('under an alarm, an import stores its orders, and a worker publishes them later', async ({
      shop,
      slow,
      onTestFinished,
    }) => {
      // The server would miss the heartbeats of a blocked connection, of which the proxy reads nothing.
      const proxy = await AlarmProxy.open(serverUrl('rabbitmq', { search: '?heartbeat=300' }))
      onTestFinished(() => proxy.close())
      const alarmed = { ...slow, ORDERCTL_QUEUE_URL: proxy.url }
      await importing(shop, 40, alarmed)
      const worker = shop.start(alarmed, 'work')
      await until(() => completed(shop) === 40)
      proxy.raise()
      const imported = await shop.runWith(alarmed, 'import', shop.file('more.csv', singles(60)))
      expect(imported.code, imported.stderr).toBe(4)
      expect(imported.stderr).toContain('The orders are stored and due')
      const alarm = `RabbitMQ at 127.0.0.1:${proxy.port} accepts no messages: low on memory.`
      expect(imported.stderr).toContain(alarm)
      await until(() => proxy.blocked > 0)
      await worker.saw(`${alarm} Waiting for it.`)
      // Meanwhile the worker takes what others publish.
      await importing(shop, 100, slow)
      await until(() => completed(shop) === 80)
      proxy.clear()
      await until(() => completed(shop) === 100)
      await worker.saw('is back.')
      worker.child.kill('SIGTERM')
      const { code, stderr } = await worker.ended
      expect(code, stderr).toBe(130)
      expect(stderr.match(/Waiting for it\.|is back\./g)).toEqual(['Waiting for it.', 'is back.'])
      await expectSoldOnce(shop, 100)
    })
  },
  { concurrent: true },
)
