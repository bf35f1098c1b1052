// How many batches a worker process should have in hand. All but the loop is pure: what it sees goes in, a number comes out.
import { type BackgroundTask, startBackground, type Troubles } from '../background.js'

export interface Limits {
  readonly min: number
  readonly max: number
}

/** What a process sees once a second. */
export interface Load {
  /** Batches that wait to be taken. */
  readonly waiting: number
  /** How long a batch takes from hand to hand, smoothed, in milliseconds; undefined before the first one. */
  readonly batchMs: number | undefined
}

export interface Scale {
  readonly concurrency: number
  /** For how many looks in a row fewer would have been enough. */
  readonly calmFor: number
}

/** A backlog should be gone within this time. */
const CLEAR_WITHIN_MS = 2000

/** From 5 to 20 in eight looks, that is in eight seconds. */
const STEP_UP = 2

/** A lull is believed after so many looks, so that a load that comes and goes does not make it go up and down. */
const CALM_LOOKS = 5

export function startScale({ min }: Limits): Scale {
  return { concurrency: min, calmFor: 0 }
}

/** One look further: up at once and in steps, down one at a time and only after a lull. */
export function nextScale({ concurrency, calmFor }: Scale, load: Load, limits: Limits): Scale {
  const wanted = wantedConcurrency(load, limits)
  if (wanted > concurrency) return { concurrency: Math.min(wanted, concurrency + STEP_UP), calmFor: 0 }
  if (wanted === concurrency) return { concurrency, calmFor: 0 }
  return calmFor + 1 < CALM_LOOKS ? { concurrency, calmFor: calmFor + 1 } : { concurrency: concurrency - 1, calmFor }
}

/** As many as clear the backlog in time, and no more than there are batches for. */
export function wantedConcurrency({ waiting, batchMs = 0 }: Load, { min, max }: Limits): number {
  const inTime = Math.ceil((waiting * batchMs) / CLEAR_WITHIN_MS)
  return Math.max(min, Math.min(inTime, waiting, max))
}

/** The time of the latest batch counts for three tenths: it takes a few batches to follow, and none to stumble over one. */
export function smoothed(before: number | undefined, latest: number): number {
  return before === undefined ? latest : before * 0.7 + latest * 0.3
}

const SCALE_MS = 1000

interface Scaled {
  look(): Promise<Load>
  resize(to: number, from: number): void
}

/** Follows the load once a second, unless there is nothing to choose. */
export function startScaling(limits: Limits, troubles: Troubles, { look, resize }: Scaled): BackgroundTask | undefined {
  if (limits.min === limits.max) return undefined
  let scale = startScale(limits)
  const follow = async () => {
    const next = nextScale(scale, await look(), limits)
    if (next.concurrency !== scale.concurrency) resize(next.concurrency, scale.concurrency)
    scale = next
  }
  return startBackground(follow, { pauseMs: () => SCALE_MS, troubles })
}
