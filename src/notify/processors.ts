// Measures whether the machine has processors left for deliveries, or whether these would slow down batches.
import { cpus } from 'node:os'

/** A machine that is idle for a smaller share of the time is busy. */
const LEAST_IDLE = 0.4

export class Processors {
  #last = times()

  /** Whether the machine was busy since the last call. */
  wereBusy(): boolean {
    const { idle, all } = this.#last
    this.#last = times()
    return this.#last.idle - idle < LEAST_IDLE * (this.#last.all - all)
  }
}

/** Milliseconds of all processors since the start of the machine. */
function times() {
  const each = cpus().map((cpu) => cpu.times)
  const idle = each.reduce((sum, time) => sum + time.idle, 0)
  return { idle, all: each.reduce((sum, time) => sum + time.idle + time.user + time.sys + time.nice + time.irq, 0) }
}
