// A shop with orders on a queue, on which the contract of queues is tested.

import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import type { Database } from '../../src/database/connection.js'
import type { OrderId } from '../../src/domain/ids.js'
import type { OrderStatus } from '../../src/domain/order.js'
import { TestSignals } from '../../src/domain/test-signals.js'
import type { ChargeOutcome, ChargingGateway } from '../../src/payments/gateway.js'
import type { ConsumeOptions, Consumer, ConsumerStep, DeliveryHandler, Queue } from '../../src/queue/queue.js'
import { processBatch } from '../../src/workflow/batch.js'
import { Shop } from './shop.js'

export const BATCH_SIZE = 5

/** Short, since tests wait for leases of killed workers to end. */
export const LEASE_MS = 1000

/** A driver, and the server under it, for one test. */
export interface Driver {
  open(db: Database): Queue
  /** Makes a process use the same queue. */
  readonly environment: Record<string, string>
  /** What `counts` makes of this many orders. */
  counted(orders: number): number
  close(): Promise<void>
}

export type StartDriver = () => Promise<Driver>

export class Scene {
  readonly shop: Shop
  readonly driver: Driver
  readonly queue: Queue
  readonly signals = new TestSignals<ConsumerStep>()
  readonly deliveries: (readonly OrderId[])[] = []
  firstDeliveryAt = Number.NaN
  inProgress = 0
  mostInProgress = 0
  claimed = 0
  chargeMs = 0
  #gate = Promise.resolve()
  #release = () => {}
  readonly #queues: Queue[]
  readonly #stop = new AbortController()
  readonly #consumers: Consumer[] = []

  private constructor(shop: Shop, driver: Driver) {
    this.shop = shop
    this.driver = driver
    this.queue = driver.open(shop.db)
    this.#queues = [this.queue]
  }

  static async open(start: StartDriver): Promise<Scene> {
    return new Scene(await Shop.open(), await start())
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    await Promise.all(this.#consumers.map((consumer) => consumer.ended))
  }

  async close(): Promise<void> {
    this.#release()
    await this.stop().catch(() => undefined)
    for (const queue of this.#queues) await queue.close()
    await this.driver.close()
    await this.shop.close()
  }

  /** Due orders of one unit each, which are not published. */
  async orders(count: number): Promise<OrderId[]> {
    const ids: OrderId[] = []
    for (let number = 1; number <= count; number++) {
      ids.push(this.shop.order(`A-${ids.length + 1}`))
      // SQLite answers synchronously: without a pause, other tests would not hear from their servers for seconds.
      await nextTurn()
    }
    return ids
  }

  /** The same queue over another connection, as another process has it. */
  async another(): Promise<Queue> {
    const queue = this.driver.open(await this.shop.connection())
    this.#queues.push(queue)
    return queue
  }

  /** By default, processes orders through the workflow. */
  consume(
    options: Partial<ConsumeOptions> = {},
    { queue = this.queue, handler = (ids) => this.#handle(ids) }: { queue?: Queue; handler?: DeliveryHandler } = {},
  ): Consumer {
    const consumer = queue.consume(handler, {
      concurrency: 2,
      batchSize: BATCH_SIZE,
      signal: this.#stop.signal,
      drain: false,
      onNotice: () => undefined,
      signals: this.signals,
      ...options,
    })
    consumer.ended.catch(() => undefined)
    this.#consumers.push(consumer)
    return consumer
  }

  async drain(options: Partial<ConsumeOptions> = {}): Promise<void> {
    await this.consume({ drain: true, ...options }).ended
  }

  /** Keeps deliveries in progress until the returned function is called. */
  hold(): () => void {
    this.#gate = new Promise((open) => {
      this.#release = open
    })
    return this.#release
  }

  async count(status: OrderStatus): Promise<number> {
    return Number(this.shop.value('select count(*) from orders where status = ?', status))
  }

  async #handle(ids: readonly OrderId[]): Promise<number> {
    if (this.deliveries.length === 0) this.firstDeliveryAt = Date.now()
    this.deliveries.push(ids)
    this.inProgress += 1
    this.mostInProgress = Math.max(this.mostInProgress, this.inProgress)
    try {
      const { claimed } = await processBatch(this.shop.db, this.#gateway, ids, {
        claim: { leaseMs: LEASE_MS, reservationTtlMs: 900_000 },
        charge: { inFlight: BATCH_SIZE, timeoutMs: 60_000 },
        settle: { attempts: 3 },
      })
      this.claimed += claimed
      return claimed
    } finally {
      this.inProgress -= 1
    }
  }

  readonly #gateway: ChargingGateway = {
    charge: async ({ key }): Promise<ChargeOutcome> => {
      if (this.chargeMs > 0) await sleep(this.chargeMs)
      await this.#gate
      return { status: 'captured', reference: key }
    },
    lookUpCharge: async () => ({ status: 'unsupported' }),
  }
}
