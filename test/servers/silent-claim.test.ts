// A worker's connection to a queue on PostgreSQL falls silent while it claims a batch. The server keeps the connection.
import type { Socket } from 'node:net'
import { test } from 'vitest'
import type { OrderId } from '../../src/domain/ids.js'
import { bullMqOnPostgres } from '../../src/queue/bullmq/on-postgres.js'
import type { TransportWorker } from '../../src/queue/transport.js'
import { newSchema } from '../support/postgres.js'
import { CutProxy, type Message, type Pair } from '../support/proxy.js'
import { addressOf, describeWith, serverUrl } from '../support/servers.js'
import { until } from '../support/until.js'

const LEASE_MS = 500

/** Loses the connection that claims a batch, once the server has this many messages of the claim. */
class SilentClaim extends CutProxy {
  readonly #last: number
  #claiming: number | undefined
  #arrived = 0

  constructor(last: number) {
    super('postgres', serverUrl('postgres'))
    this.#last = last
  }

  protected override pass(message: Buffer, from: Message, pair: Pair, to: Socket): void {
    super.pass(message, from, pair, to)
    if (from.side === 'client' && message.includes('move_to_active')) this.#claiming ??= from.connection
    if (from.side !== 'client' || from.connection !== this.#claiming) return
    this.#arrived += 1
    if (this.#arrived !== this.#last) return
    this.hasCut = true
    pair.lose('silence')
  }
}

function end(worker: TransportWorker): Promise<void> {
  void worker.close().catch(() => undefined)
  return worker.end()
}

describeWith('postgres', 'a queue on PostgreSQL', () => {
  // By default, pg sends a statement as five messages: parse, bind, describe, execute, sync.
  test.for([1, 2, 3, 4, 5])(
    'delivers a batch even if a worker falls silent while claiming it, after message %i',
    { timeout: 60_000 },
    async (last) => {
      const place = newSchema()
      const proxy = await new SilentClaim(last).listen()
      const transportTo = (url: string) => bullMqOnPostgres(addressOf('postgres', url), place.schema, LEASE_MS)
      const direct = transportTo(serverUrl('postgres'))
      const link = await direct.connect(() => undefined)
      let isDelivered = false
      const start = (transport: typeof direct) =>
        transport.startWorker(
          async () => {
            isDelivered = true
          },
          { concurrency: 1, onUnreachable: () => undefined },
        )
      try {
        await link.send([[1 as OrderId]], { delayMs: 0, round: 0 })
        const silent = await start(transportTo(proxy.url))
        await until(() => proxy.hasCut || isDelivered)
        await end(silent)
        const other = await start(direct)
        await until(() => isDelivered).finally(() => end(other))
      } finally {
        await link.close()
        proxy.close()
        await place.drop()
      }
    },
  )
})
