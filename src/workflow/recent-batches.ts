// A worker's latest batches, summed up in its row with each heartbeat. Times are by performance.now().
import { MINUTE_MS } from '../domain/time.js'

const WINDOW_MS = 5 * MINUTE_MS

/** Bounds what a heartbeat sorts. */
const MOST_BATCHES = 10_000

export class RecentBatches {
  #batches: { readonly ms: number; readonly orders: number; readonly endedAt: number }[] = []

  /**
   * @param ms from claimed to settled
   * @param orders how many the batch settled
   */
  add(ms: number, orders: number, endedAt = performance.now()): void {
    this.#batches.push({ ms, orders, endedAt })
  }

  /** The last five minutes, or the last 10,000 batches if there were more, as columns of the table workers. */
  summary(now = performance.now()) {
    this.#batches = this.#batches.filter(({ endedAt }) => endedAt > now - WINDOW_MS).slice(-MOST_BATCHES)
    const sorted = this.#batches.map(({ ms }) => ms).sort((a, b) => a - b)
    // Nearest rank: the shortest runtime that at least this share of the batches does not exceed.
    const percentile = (share: number) => sorted[Math.ceil(share * sorted.length) - 1] ?? null
    return {
      recent_batches: sorted.length,
      recent_orders: this.#batches.reduce((sum, { orders }) => sum + orders, 0),
      recent_ms: sorted.reduce((sum, ms) => sum + ms, 0),
      runtime_p50_ms: percentile(0.5),
      runtime_p95_ms: percentile(0.95),
      runtime_p99_ms: percentile(0.99),
    }
  }
}
