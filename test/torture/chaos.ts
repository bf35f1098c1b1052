// Carries out the steps of a plan. Steps that take time run while the plan goes on.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Provider } from '../support/provider.js'
import type { Receiver } from '../support/receiver.js'
import { ask, Service, type TortureShop } from './crew.js'
import type { Imports } from './imports.js'
import type { Journal } from './journal.js'
import type { Step } from './plan.js'
import type { Fault } from './stand.js'
import { query, type Row } from './tables.js'

export interface Scene {
  readonly shop: TortureShop
  readonly journal: Journal
  readonly databaseUrl: string
  readonly faults: readonly Fault[]
  readonly provider: Provider
  readonly receiver: Receiver
  readonly imports: Imports
  readonly leaseMs: number
}

/** How the provider behaves; also after it was killed. */
export const PROVIDER_OPTIONS = ['--decline', '0.1', '--drop', '0.02'] as const

export class Chaos {
  readonly #scene: Scene
  readonly #workers: readonly Service[]
  readonly #schedulers: readonly Service[]
  readonly #underWay = new Set<Promise<unknown>>()
  /** Servers are broken one at a time. */
  #fault: Promise<unknown> = Promise.resolve()
  #adjustments = 0

  constructor(scene: Scene, { workers, schedulers }: { readonly workers: number; readonly schedulers: number }) {
    this.#scene = scene
    const { shop, journal } = scene
    const services = (count: number, name: string) =>
      Array.from({ length: count }, (_, index) => new Service(shop, journal, `${name} ${index + 1}`, [name]))
    this.#workers = services(workers, 'work')
    this.#schedulers = services(schedulers, 'schedule')
  }

  get services(): readonly Service[] {
    return [...this.#workers, ...this.#schedulers]
  }

  /** Waits until every step that was begun is over, and everything is up. */
  async settle(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay)
  }

  async step({ name, luck }: Step): Promise<void> {
    const [which, long, much] = luck
    switch (name) {
      case 'kill worker':
        return this.#kill(this.#workers, which, (worker) => worker.kill(), name)
      case 'terminate worker':
        return this.#kill(this.#workers, which, (worker) => worker.terminate(), name)
      case 'freeze worker':
        return this.#kill(this.#workers, which, (worker) => worker.freeze(this.#beyondLease(long)), name)
      case 'kill scheduler':
        return this.#kill(this.#schedulers, which, (scheduler) => scheduler.kill(), name)
      case 'terminate scheduler':
        return this.#kill(this.#schedulers, which, (scheduler) => scheduler.terminate(), name)
      case 'freeze scheduler':
        return this.#kill(this.#schedulers, which, (scheduler) => scheduler.freeze(this.#beyondLease(long)), name)
      case 'kill import':
        if (!this.#scene.imports.killOne(Math.floor(which * 10)))
          return this.step({ name: 'kill worker', luck, after: 0 })
        return this.#count('kill an import')
      case 'kill command':
        return this.#killCommand(luck)
      case 'kill provider':
        return this.#killProvider(long)
      case 'kill server':
        return this.#break(true, luck)
      case 'fault':
        return this.#break(false, luck)
      case 'receiver down':
        return this.#begin(this.#closeReceiver(long))
      default:
        return this.#command(name, which, much)
    }
  }

  #count(text: string): void {
    this.#scene.journal.kills += 1
    this.#scene.journal.note(text)
  }

  #begin(action: Promise<unknown>): void {
    const done = action.finally(() => this.#underWay.delete(done))
    this.#underWay.add(done)
  }

  #beyondLease(long: number): number {
    return this.#scene.leaseMs * (1.1 + long)
  }

  /** Waits for a service that no other step disturbs. */
  async #kill(
    services: readonly Service[],
    which: number,
    act: (service: Service) => Promise<void>,
    name: string,
  ): Promise<void> {
    const free = () => services.filter(({ isBusy }) => !isBusy)
    while (free().length === 0) await sleep(20)
    const service = free()[Math.floor(which * free().length)]
    if (!service) return
    service.isBusy = true
    this.#count(`${name}: ${service.name}`)
    const acted = act(service).finally(() => {
      service.isBusy = false
    })
    this.#begin(acted)
  }

  async #killProvider(long: number): Promise<void> {
    const { provider } = this.#scene
    this.#count('kill the provider')
    await provider.kill()
    await sleep(long * 500)
    await provider.restart(...PROVIDER_OPTIONS)
  }

  /** Kills a server, or breaks something else; a worker if there is nothing to break. */
  async #break(isKill: boolean, luck: Step['luck']): Promise<void> {
    const { faults, journal } = this.#scene
    const [which, long] = luck
    const choices = faults.filter((fault) => fault.isKill === isKill)
    const fault = choices[Math.floor(which * choices.length)]
    if (!fault) return isKill ? this.step({ name: 'kill worker', luck, after: 0 }) : undefined
    if (isKill) this.#count(fault.name)
    const broken = this.#fault.then(async () => {
      if (!isKill) journal.note(fault.name)
      await fault.breaks()
      await sleep(200 + long * 1500)
      await fault.repairs()
      journal.note(`${fault.name}: repaired`)
    })
    this.#fault = broken
    this.#begin(broken)
  }

  async #closeReceiver(long: number): Promise<void> {
    const { receiver, journal } = this.#scene
    // Already down.
    if (this.#receiverIsDown) return
    this.#receiverIsDown = true
    journal.note('the receiver of webhooks is down')
    await receiver.down()
    await sleep(long * 2000)
    await receiver.up()
    this.#receiverIsDown = false
  }

  #receiverIsDown = false

  async #killCommand([which, long, much]: Step['luck']): Promise<void> {
    const name = (['retry', 'adjust', 'refund', 'cancel', 'rebuild'] as const)[Math.floor(which * 5)] ?? 'retry'
    const args = await this.#argumentsOf(name, long, much)
    if (args === undefined) return this.step({ name: 'kill worker', luck: [which, long, much], after: 0 })
    this.#count(`kill orderctl ${args.join(' ')}`)
    this.#begin(this.#ask(args, 300 + much * 500))
  }

  async #command(name: Command, which: number, much: number): Promise<void> {
    const args = await this.#argumentsOf(name, which, much)
    if (args === undefined) return
    this.#begin(this.#carryOut(name, args))
  }

  async #carryOut(name: Command, args: readonly string[]): Promise<void> {
    await this.#ask(args)
    // The opposite follows, or there would be nothing to disturb any more.
    if (name === 'pause') await this.#ask(['queue', 'resume'])
    if (name === 'clear') await this.#ask(['rebuild', 'queue'])
  }

  async #ask(args: readonly string[], killAfterMs?: number): Promise<void> {
    const { shop, journal } = this.#scene
    journal.answers.push(await ask(shop, journal, args, killAfterMs))
  }

  /** Undefined if there is no order for it now. */
  async #argumentsOf(name: Command, which: number, much: number): Promise<readonly string[] | undefined> {
    switch (name) {
      case 'pause':
        return ['queue', 'pause']
      case 'clear':
        return ['queue', 'clear', '--yes']
      case 'rebuild':
        return ['rebuild', 'queue']
      case 'retry':
        return ['failed', 'retry', '--all', '--yes']
      case 'adjust': {
        const reason = `adjustment ${++this.#adjustments}`
        return ['products', 'adjust', `S-0${Math.floor(which * 8)}`, `${1 + Math.floor(much * 50)}`, '--reason', reason]
      }
      case 'refund': {
        const order = await this.#orderWith("status = 'completed' and total > 0", which)
        const how = much < 0.4 ? ['--amount', '1'] : much < 0.7 ? ['--restock'] : []
        return order && ['orders', 'refund', ...order, ...how]
      }
      case 'cancel': {
        const order = await this.#orderWith("status = 'pending'", which)
        return order && ['orders', 'cancel', ...order]
      }
    }
  }

  async #orderWith(condition: string, which: number): Promise<readonly string[] | undefined> {
    const statement = `select reference, source from orders where ${condition} order by id`
    const orders: readonly Row[] = await query(this.#scene.databaseUrl, statement).catch(() => [])
    const order = orders[Math.floor(which * orders.length)]
    return order && [`${order['reference']}`, '--source', `${order['source']}`]
  }
}

type Command = 'pause' | 'clear' | 'rebuild' | 'retry' | 'adjust' | 'refund' | 'cancel'
