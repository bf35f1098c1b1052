// A worker process of a simulated shop: the real worker, whose batches run in simulated threads. A thread crashes alone
// if it charges a poison order.
import type { Config } from '../../src/config/config.js'
import type { Database } from '../../src/database/connection.js'
import type { OrderId } from '../../src/domain/ids.js'
import { UserError } from '../../src/errors.js'
import type { ChargingGateway } from '../../src/payments/gateway.js'
import type { Queue } from '../../src/queue/queue.js'
import { problemIn } from '../../src/servers/explain.js'
import { type BatchProgress, type BatchResult, processBatch } from '../../src/workflow/batch.js'
import { type BatchThreads, batchOptionsOf, FailedBatch } from '../../src/workflow/threads.js'
import { Worker } from '../../src/workflow/worker.js'
import type { DeliveryFaults } from './faulty-queue.js'
import type { Provider } from './provider.js'
import type { Store } from './store.js'
import { Actor, type World } from './world.js'

/** What processes of the shop share. */
export interface Scene {
  readonly world: World
  readonly store: Store
  readonly provider: Provider
  readonly config: Config
  deliveryFaults: DeliveryFaults
  queueOf(db: Database): Queue
  /** References of orders that kill the thread which charges them. */
  readonly poison: Set<string>
  /** How often each poison order has killed a thread. */
  readonly deaths: Map<string, number>
  /** What happened that must not happen. */
  readonly violations: string[]
}

export interface WorkerProcess {
  readonly actor: Actor
  /** Ends it as SIGTERM does. */
  stop(): void
  hasEnded(): boolean
}

/** @param drains whether it ends when no work is left */
export function startWorkerProcess(
  scene: Scene,
  actor: Actor,
  { drains, concurrency }: { readonly drains: boolean; readonly concurrency: number },
): WorkerProcess {
  const { world, config, store, provider, violations } = scene
  const over = new AbortController()
  let hasEnded = false
  world.as(actor, () => {
    const db = store.connect(actor)
    const gateway = provider.connect(actor, { maxInFlight: config['payments.maxInFlight'] })
    const options = {
      concurrency: { min: concurrency, max: concurrency },
      drain: drains,
      waitsForLater: true,
      deadline: undefined,
      maxOrders: undefined,
      signal: over.signal,
      reportsBacklog: false,
      emit: () => undefined,
    }
    const waiting = { signal: over.signal, onNotice: () => undefined }
    const services = { db, queue: scene.queueOf(db), config, gateway, figures: undefined }
    const worker = new Worker(services, { ...options, waiting }, new SimulatedThreads(scene, actor, gateway))
    worker
      .run()
      .catch((error: unknown) => {
        if (!(error instanceof UserError)) violations.push(`${actor.name} failed: ${error}`)
      })
      .finally(() => {
        hasEnded = true
        // Its process exits.
        world.schedule(world.outside, 0, 'exit', () => world.crash(actor))
      })
  })
  return { actor, stop: () => world.as(actor, () => over.abort()), hasEnded: () => hasEnded || !actor.isAlive }
}

interface Thread {
  readonly actor: Actor
  readonly db: Database
  /** Called when the thread is lost. */
  readonly batches: Set<() => void>
}

class SimulatedThreads implements BatchThreads {
  readonly #scene: Scene
  readonly #process: Actor
  readonly #gateway: ChargingGateway
  readonly #pools = new Map<boolean, Thread>()
  readonly #inProgress = new Set<Promise<unknown>>()

  constructor(scene: Scene, process: Actor, gateway: ChargingGateway) {
    this.#scene = scene
    this.#process = process
    this.#gateway = gateway
  }

  async start(): Promise<void> {}

  async stop(): Promise<void> {
    await Promise.allSettled(this.#inProgress)
  }

  run(ids: readonly OrderId[], alone: boolean): Promise<BatchResult | undefined> {
    const thread = this.#threadFor(alone)
    const ran = new Promise<BatchResult | undefined>((resolve, reject) => {
      const isLost = () => resolve(undefined)
      thread.batches.add(isLost)
      this.#scene.world
        .ask(this.#process, thread.actor, `batch ${ids}`, () => this.#runIn(thread, ids, alone))
        .finally(() => thread.batches.delete(isLost))
        .then(resolve, reject)
    })
    this.#inProgress.add(ran)
    const done = () => this.#inProgress.delete(ran)
    ran.then(done, done)
    return ran
  }

  /** As thread.ts does. */
  async #runIn({ actor, db }: Thread, ids: readonly OrderId[], alone: boolean): Promise<BatchResult> {
    const { config } = this.#scene
    const progress: BatchProgress = {}
    try {
      const options = batchOptionsOf(config, { alone, isGatewayShared: true })
      return await processBatch(db, this.#channelFrom(actor), ids, options, progress)
    } catch (error) {
      const problem = problemIn(error, config.database)
      const cause = problem ? new UserError(problem) : error
      throw Object.assign(new FailedBatch(String(error), { cause }), { token: progress.token })
    }
  }

  /** Leads to the gateway of the process. */
  #channelFrom(thread: Actor): ChargingGateway {
    const { world } = this.#scene
    const ask = <Outcome>(label: string, act: () => Promise<Outcome>) => world.ask(thread, this.#process, label, act)
    return {
      charge: (charge, timeoutMs, options) => {
        if (this.#dies(thread, charge.order?.reference ?? '')) return new Promise(() => undefined)
        return ask('charge', () => this.#gateway.charge(charge, timeoutMs, options))
      },
      lookUpCharge: (charge, timeoutMs, options) =>
        ask('look up', () => this.#gateway.lookUpCharge(charge, timeoutMs, options)),
    }
  }

  #dies(thread: Actor, reference: string): boolean {
    const { world, poison, deaths } = this.#scene
    if (!poison.has(reference)) return false
    deaths.set(reference, (deaths.get(reference) ?? 0) + 1)
    world.schedule(world.outside, 0, `death by ${reference}`, () => world.crash(thread))
    return true
  }

  #threadFor(alone: boolean): Thread {
    const { world, store } = this.#scene
    const running = this.#pools.get(alone)
    if (running?.actor.isAlive) return running
    const actor = new Actor(`${this.#process.name}${alone ? 's' : 't'}`, { process: this.#process })
    const thread: Thread = { actor, db: store.connect(actor), batches: new Set() }
    actor.onCrash.push(() => {
      world.schedule(this.#process, 0, 'thread lost', () => {
        for (const isLost of thread.batches) isLost()
      })
    })
    this.#process.onCrash.push(() => world.crash(actor))
    this.#pools.set(alone, thread)
    return thread
  }
}
