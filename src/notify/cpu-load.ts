// Measures whether batches need the processors, so that delivering events would slow them down.
import { availableParallelism, loadavg } from 'node:os'

/** Share of the processors that other threads use while the process counts as busy. */
const BUSY = 0.5

/** The same on a machine that other programs keep busy, where no process gets as much. */
const BUSY_AMONG_OTHERS = 0.05

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
    const processors = availableParallelism()
    const [load = 0] = loadavg()
    const share = others / (processors * (wall - last.wall))
    return { computedMs: main - this.#began.main, isBusy: share > (load > processors ? BUSY_AMONG_OTHERS : BUSY) }
  }
}

/** Milliseconds: of time, of all threads, and of the main thread. */
function now() {
  const { user, system } = process.cpuUsage()
  const { active } = performance.eventLoopUtilization()
  return { wall: performance.now(), cpu: (user + system) / 1000, main: active }
}
