// A clock that stops until the test moves it.
import type { Clock } from '../../src/schedule/runner.js'
import { until } from './until.js'

export class FakeClock implements Clock {
  #now: number
  readonly #sleepers = new Set<{ readonly until: number; wake(): void }>()

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

  /** Resolves when this many sleep: nothing more happens at this time. */
  async settled(sleepers: number): Promise<void> {
    await until(() => this.#sleepers.size === sleepers)
  }

  /** Moves on, waking each sleeper at its time, until this many sleep again. */
  async moveTo(time: string, sleepers: number): Promise<void> {
    const end = Date.parse(time)
    await this.settled(sleepers)
    for (;;) {
      const next = Math.min(...[...this.#sleepers].map((sleeper) => sleeper.until))
      if (next > end) break
      await this.#wake(next, next, sleepers)
    }
    this.#now = end
  }

  /** Wakes all sleepers at this time, like a machine that was suspended. */
  async leapTo(time: string, sleepers: number): Promise<void> {
    await this.settled(sleepers)
    await this.#wake(Date.parse(time), Number.POSITIVE_INFINITY, sleepers)
  }

  async #wake(now: number, due: number, sleepers: number): Promise<void> {
    this.#now = now
    for (const sleeper of [...this.#sleepers]) if (sleeper.until <= due) sleeper.wake()
    await this.settled(sleepers)
  }
}
