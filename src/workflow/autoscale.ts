// How many batches a worker process has in progress. All but the loop is pure: the load goes in, a number comes out.
import { startBackground, type Troubles } from '../background.js'
import type { Limits } from './worker-events.js'

/** What a process sees once a second. */
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

/** From 5 to 20 in eight looks, that is in eight seconds. */
const STEP_UP = 2

/** Looks until a lull counts, so that a load that comes and goes does not move the number up and down. */
const CALM_LOOKS = 5

export function startScale({ min }: Limits): Scale {
  return { concurrency: min, calmFor: 0 }
}

/** The scale after one more look: up at once and in steps, down one at a time and only after a lull. */
export function nextScale({ concurrency, calmFor }: Scale, load: Load, limits: Limits): Scale {
  const wanted = wantedConcurrency(load, limits)
  if (wanted > concurrency) return { concurrency: Math.min(wanted, concurrency + STEP_UP), calmFor: 0 }
  if (wanted === concurrency) return { concurrency, calmFor: 0 }
  return calmFor + 1 < CALM_LOOKS ? { concurrency, calmFor: calmFor + 1 } : { concurrency: concurrency - 1, calmFor }
}

/** As many as clear the backlog in time, but no more than there are batches. */
export function wantedConcurrency({ waiting, batchMs = 0 }: Load, { min, max }: Limits): number {
  const inTime = Math.ceil((waiting * batchMs) / CLEAR_WITHIN_MS)
  return Math.max(min, Math.min(inTime, waiting, max))
}

/** A moving average, to which the latest batch adds three tenths. */
export function smoothed(before: number | undefined, latest: number): number {
  return before === undefined ? latest : before * 0.7 + latest * 0.3
}

const SCALE_MS = 1000

interface Scaled {
  look(): Promise<Load>
  resize(to: number, from: number): void
  readonly troubles: Troubles
}

/** Follows the load once a second. Returns what stops it. */
export function startScaling(limits: Limits, { look, resize, troubles }: Scaled): () => Promise<void> {
  let scale = startScale(limits)
  const follow = async () => {
    const { concurrency } = scale
    scale = nextScale(scale, await look(), limits)
    if (scale.concurrency !== concurrency) resize(scale.concurrency, concurrency)
  }
  return startBackground(follow, { pauseMs: () => SCALE_MS, troubles }).end
}
