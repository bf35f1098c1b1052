// How many batches a worker process has in progress. Pure: the load goes in, a number comes out.
import type { Limits } from './worker-events.js'

/** What a process sees at each look, once a second. */
export interface Load {
  /** Batches that wait to be taken. */
  readonly waiting: number
  /** How long a batch takes, smoothed, in milliseconds; undefined before the first one. */
  readonly batchMs: number | undefined
}

export interface Scale {
  readonly concurrency: number
  /** How many looks in a row wanted fewer batches. */
  readonly calmFor: number
}

/** A backlog should be gone within this time. */
const CLEAR_WITHIN_MS = 2000

/** From 5 to 20 in eight looks. */
const STEP_UP = 2

/** Looks until a lull counts, so that a load that comes and goes does not move the number up and down. */
const CALM_LOOKS = 5

/** The scale after one more look: up at once and in steps, down one at a time and only after a lull. */
export function nextScale({ concurrency, calmFor }: Scale, load: Load, limits: Limits): Scale {
  const wanted = wantedConcurrency(load, limits)
  if (wanted >= concurrency) return { concurrency: Math.min(wanted, concurrency + STEP_UP), calmFor: 0 }
  return calmFor + 1 < CALM_LOOKS ? { concurrency, calmFor: calmFor + 1 } : { concurrency: concurrency - 1, calmFor }
}

/** As many as clear the backlog in time, but no more than there are batches. */
export function wantedConcurrency({ waiting, batchMs = 0 }: Load, { min, max }: Limits): number {
  const inTime = Math.ceil((waiting * batchMs) / CLEAR_WITHIN_MS)
  return Math.max(min, Math.min(inTime, waiting, max))
}
