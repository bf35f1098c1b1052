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
      const sleeper = {
        until: this.#now + ms,
        wake: () => {
          this.#sleepers.delete(sleeper)
          signal.removeEventListener('abort', sleeper.wake)
          done()
        },
      }
      this.#sleepers.add(sleeper)
      signal.addEventListener('abort', sleeper.wake)
      if (signal.aborted) sleeper.wake()
    })
  }

  /** Until so many sleep: all that could be done at this time has been done. */
  async settled(sleepers: number): Promise<void> {
    await until(() => this.#sleepers.size === sleepers)
  }

  /** Moves on to the time, waking each sleeper at its own, and waits until so many sleep again. */
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

  /** The clock leaps, as that of a machine that was asleep: whoever sleeps finds out when it next wakes. */
  async leapTo(time: string, sleepers: number): Promise<void> {
    await this.settled(sleepers)
    this.#now = Date.parse(time)
    for (const sleeper of [...this.#sleepers]) sleeper.wake()
    await this.settled(sleepers)
  }
}
