// A clock that stands still until the test moves it on.
import type { Clock } from '../../src/schedule/runner.js'
import { until } from './until.js'

interface Sleeper {
  readonly until: number
  wake(): void
}

export class FakeClock implements Clock {
  #now: number
  readonly #sleepers = new Set<Sleeper>()

  constructor(start: string) {
    this.#now = Date.parse(start)
  }

  now(): number {
    return this.#now
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((done) => {
      const wake = () => {
        this.#sleepers.delete(sleeper)
        signal.removeEventListener('abort', wake)
        done()
      }
      const sleeper = { until: this.#now + ms, wake }
      this.#sleepers.add(sleeper)
      signal.addEventListener('abort', wake)
      if (signal.aborted) wake()
    })
  }

  /** Resolves when this many sleep: everything that can happen at this time has happened. */
  async settled(sleepers: number): Promise<void> {
    await until(() => this.#sleepers.size === sleepers)
  }

  /** Moves on to the time, waking each sleeper at its own, and waits until this many sleep again. */
  async moveTo(time: string, sleepers: number): Promise<void> {
    const end = Date.parse(time)
    await this.settled(sleepers)
    for (;;) {
      const next = Math.min(...[...this.#sleepers].map((sleeper) => sleeper.until))
      if (next > end) break
      this.#now = next
      for (const sleeper of [...this.#sleepers]) if (sleeper.until <= next) sleeper.wake()
      await this.settled(sleepers)
    }
    this.#now = end
  }

  /** The clock leaps, as that of a machine that was suspended: sleepers find out when they wake. */
  async leapTo(time: string, sleepers: number): Promise<void> {
    await this.settled(sleepers)
    this.#now = Date.parse(time)
    for (const sleeper of [...this.#sleepers]) sleeper.wake()
    await this.settled(sleepers)
  }
}
