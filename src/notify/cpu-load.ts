// Measures whether the other threads of the process keep the processors busy.
import { availableParallelism } from 'node:os'

/** Share of the processors that other threads use while the process counts as busy. */
const BUSY = 0.5

export class CpuLoad {
  #began = now()
  #ended = now()

  /** Starts a round of work in the main thread. */
  begin(): void {
    this.#began = now()
  }

  /** Ends the round. `computedMs`: how long the main thread computed. `isBusy`: as measured since the last round. */
  end(): { readonly computedMs: number; readonly isBusy: boolean } {
    const last = this.#ended
    this.#ended = now()
    const { wall, cpu, main } = this.#ended
    const others = cpu - last.cpu - (main - last.main)
    return { computedMs: main - this.#began.main, isBusy: others > BUSY * availableParallelism() * (wall - last.wall) }
  }
}

/** Milliseconds: of time, of all threads, and of the main thread. */
function now() {
  const { user, system } = process.cpuUsage()
  const { active } = performance.eventLoopUtilization()
  return { wall: performance.now(), cpu: (user + system) / 1000, main: active }
}
