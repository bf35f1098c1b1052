// Decides how many batches a worker process has in progress. The functions are pure: load in, number out.
import type { Limits } from './worker-events.js'

/** The load that a process measures once a second. */
export interface Load {
  /** Number of waiting batches. */
  readonly waiting: number
  /** How long a batch takes, smoothed, in milliseconds; undefined before the first one. */
  readonly batchMs: number | undefined
}

export interface Scale {
  readonly concurrency: number
  /** Number of measurements in a row that called for fewer batches. */
  readonly calmFor: number
}

/** Time within which a backlog should be cleared. */
const CLEAR_WITHIN_MS = 2000

/** Most batches added at a time: from 5 to 20 in eight measurements. */
const STEP_UP = 2

/** Measurements until a lull counts, so that the number does not follow every short change of the load. */
const CALM_MEASUREMENTS = 5

/** Returns the scale after one more measurement: up at once in steps, down one at a time and only in a lull. */
export function nextScale({ concurrency, calmFor }: Scale, load: Load, limits: Limits): Scale {
  const wanted = wantedConcurrency(load, limits)
  if (wanted >= concurrency) return { concurrency: Math.min(wanted, concurrency + STEP_UP), calmFor: 0 }
  return calmFor + 1 < CALM_MEASUREMENTS
    ? { concurrency, calmFor: calmFor + 1 }
    : { concurrency: concurrency - 1, calmFor }
}

/** Returns how many batches at a time clear the backlog in time, but no more than are waiting. */
export function wantedConcurrency({ waiting, batchMs = 0 }: Load, { min, max }: Limits): number {
  const inTime = Math.ceil((waiting * batchMs) / CLEAR_WITHIN_MS)
  return Math.max(min, Math.min(inTime, waiting, max))
}

/** How long the orders in progress may wait for a rate limit, in seconds. */
const MOST_SECONDS = 10

/** Returns the most orders of a batch at which a rate limit keeps no more in progress than it soon allows to charge. */
export function ordersPerBatch(perSecond: number | null, batches: number): number {
  return perSecond === null ? Number.POSITIVE_INFINITY : Math.max(1, Math.ceil((perSecond * MOST_SECONDS) / batches))
}
