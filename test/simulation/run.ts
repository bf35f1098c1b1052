// One seed: a shop whose workers, people, network, clock and disk misbehave for some seconds, then recover. At the end,
// nothing may be due, and the books must agree.
import { loadConfig } from '../../src/config/config.js'
import { Dice } from '../support/dice.js'
import { checkBooks } from './books.js'
import { FaultyQueue, NO_DELIVERY_FAULTS } from './faulty-queue.js'
import { recover, runSomeCommand } from './people.js'
import { drawPlan, type Plan } from './plan.js'
import { NO_NETWORK_FAULTS, Provider } from './provider.js'
import { openShop } from './shop.js'
import { type Shelf, Store } from './store.js'
import { type Scene, startWorkerProcess, type WorkerProcess } from './worker-process.js'
import { Actor, World } from './world.js'

export interface Outcome {
  readonly seed: number
  /** Equal for equal runs. */
  readonly digest: number
  readonly steps: number
  readonly violations: readonly string[]
}

interface Running {
  /** Called with each world when it begins. */
  readonly onWorld: (world: World) => void
  /** Called with a line for each step. */
  readonly onStep?: ((line: string) => void) | undefined
}

/** How long recovered workers may take, in the time of the world. */
const DRAIN_MS = 30 * 60_000

/** Longer than leases and the pauses of refunds. */
const LONGEST_WAIT_MS = 60_000

export async function runSeed(seed: number, shelf: Shelf, { onWorld, onStep }: Running): Promise<Outcome> {
  const world = new World(new Dice(seed), onStep)
  onWorld(world)
  const plan = drawPlan(world.dice)
  const store = new Store(shelf.newFile(), world)
  const references = openShop(store, world, plan)
  const scene: Scene = {
    world,
    store,
    provider: new Provider(world, { seed, successRate: plan.successRate }),
    config: configOf(plan),
    deliveryFaults: plan.deliveryFaults,
    queueOf: (db) => new FaultyQueue(db, world.dice, () => scene.deliveryFaults),
    poison: new Set(world.dice.some(references, plan.poisonOrders)),
    deaths: new Map(),
    violations: [],
  }
  try {
    await new Course(scene, plan).run()
    await checkBooks(scene)
  } catch (error) {
    scene.violations.push(String(error))
  } finally {
    await store.close()
  }
  const { digest, steps } = world
  return { seed, digest: digest >>> 0, steps, violations: [...new Set(scene.violations)] }
}

function configOf({ leaseMs, batchSize, attempts }: Plan) {
  const environment = {
    ORDERCTL_DATABASE_URL: 'sqlite:/simulated.sqlite',
    ORDERCTL_PAYMENT_GATEWAY: 'https://provider.example',
    ORDERCTL_LEASE_MS: String(leaseMs),
    ORDERCTL_PAYMENT_TIMEOUT_MS: String(leaseMs / 3),
    ORDERCTL_PAYMENT_MAX_IN_FLIGHT: '3',
    ORDERCTL_PAYMENT_KEY_LIFETIME_HOURS: '1',
    ORDERCTL_BATCH_SIZE: String(batchSize),
    ORDERCTL_ATTEMPTS: String(attempts),
  }
  return loadConfig(environment, { working: '/nowhere', user: '/nowhere', data: '/nowhere' }).config
}

/** What happens in a run, and when. */
class Course {
  readonly #scene: Scene
  readonly #plan: Plan
  #workers: WorkerProcess[] = []
  #started = 0
  #isOver = false

  constructor(scene: Scene, plan: Plan) {
    this.#scene = scene
    this.#plan = plan
  }

  async run(): Promise<void> {
    const { world, provider } = this.#scene
    const { chaosMs, workers, processFaults, networkFaults } = this.#plan
    world.faults = processFaults
    provider.faults = networkFaults
    for (let number = 0; number < workers; number++) this.#keepWorker(0)
    this.#everySoOften(this.#plan.commandMs, () => this.#command())
    if (this.#plan.clockStepMs > 0) this.#everySoOften(chaosMs / 3, () => this.#stepClock())
    if (this.#plan.outageMs > 0) this.#everySoOften(chaosMs / 2, () => this.#breakProvider())
    if (this.#plan.diskFullMs > 0) this.#everySoOften(chaosMs / 2, () => this.#fillDisk())
    await world.runUntil(() => world.now > chaosMs)
    await this.#recover()
    await this.#drain()
  }

  /** Starts a worker, and another one when it has ended. */
  #keepWorker(delayMs: number): void {
    const { world } = this.#scene
    world.schedule(world.outside, delayMs, 'start', () => {
      if (this.#isOver) return
      const actor = this.#newActor()
      actor.onCrash.push(() => this.#keepWorker(world.dice.between(0, 3000)))
      this.#workers.push(
        startWorkerProcess(this.#scene, actor, { drains: false, concurrency: world.dice.between(1, 3) }),
      )
    })
  }

  #newActor(): Actor {
    this.#started += 1
    return new Actor(`w${this.#started}`, { skewMs: this.#skew() })
  }

  #skew(): number {
    return (this.#scene.world.dice.next() - 0.5) * this.#plan.skewMs
  }

  #everySoOften(ms: number, act: () => void): void {
    const { world } = this.#scene
    const again = () => {
      world.schedule(world.outside, world.dice.next() * 2 * ms, 'fault or command', () => {
        if (this.#isOver) return
        act()
        again()
      })
    }
    again()
  }

  #isCommanding: Actor | undefined

  /** One person at a time, since what one has seen at the provider must still hold when the command runs. */
  #command(): void {
    if (this.#isCommanding?.isAlive) return
    this.#isCommanding = runSomeCommand(this.#scene, this.#skew())
  }

  #stepClock(): void {
    const { dice } = this.#scene.world
    const { clockStepMs, leaseMs } = this.#plan
    this.#scene.world.stepClock(dice.chance(0.5) ? dice.between(0, clockStepMs) : -dice.between(0, leaseMs))
  }

  #breakProvider(): void {
    const { world, provider } = this.#scene
    provider.isDown = true
    world.schedule(world.outside, world.dice.between(0, this.#plan.outageMs), 'provider is back', () => {
      provider.isDown = false
    })
  }

  #fillDisk(): void {
    const { world, store } = this.#scene
    store.isFull = true
    world.schedule(world.outside, world.dice.between(0, this.#plan.diskFullMs), 'disk has space', () => {
      store.isFull = false
    })
  }

  /** All faults end. The workers are stopped; some of them crash while they stop. */
  async #recover(): Promise<void> {
    const { world, provider, store, poison, violations } = this.#scene
    this.#scene.deliveryFaults = NO_DELIVERY_FAULTS
    world.note('recovery')
    this.#isOver = true
    world.heal()
    provider.faults = NO_NETWORK_FAULTS
    provider.isDown = false
    store.isFull = false
    poison.clear()
    for (const { stop, hasEnded } of this.#workers) if (!hasEnded()) stop()
    const latest = world.now + DRAIN_MS
    const haveEnded = () => this.#workers.every(({ hasEnded }) => hasEnded()) && !this.#isCommanding?.isAlive
    await world.runUntil(() => haveEnded() || world.now > latest)
    if (!haveEnded()) violations.push('a process does not end after SIGTERM')
  }

  /** People put everything in order, and a worker drains the queue. Again, until nothing is left to do. */
  async #drain(): Promise<void> {
    const { world, violations } = this.#scene
    for (let round = 1; round <= 3; round++) {
      // Until the leases of crashed processes and the pauses of refunds are over.
      const end = world.now + LONGEST_WAIT_MS
      world.schedule(world.outside, LONGEST_WAIT_MS, 'wait', () => undefined)
      await world.runUntil(() => world.now >= end)
      await recover(this.#scene)
      const worker = startWorkerProcess(this.#scene, new Actor(`drain${round}`), { drains: true, concurrency: 2 })
      const latest = world.now + DRAIN_MS
      await world.runUntil(() => worker.hasEnded() || world.now > latest)
      if (!worker.hasEnded()) {
        violations.push('a drain does not end')
        return
      }
    }
  }
}
