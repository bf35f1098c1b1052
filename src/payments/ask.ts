// Asks a gateway under an idempotency key that it may have forgotten.
import { asError } from '../background.js'
import { MINUTE_MS } from '../domain/time.js'
import { type ChargeOutcome, type LookUp, type RefundOutcome, type Unknown, unknown } from './gateway.js'

interface Question<Outcome> {
  /** What the key names. */
  readonly what: 'charge' | 'refund'
  /** Whether the gateway may have forgotten the key. It would then do again what is only asked for again. */
  readonly isOld: boolean
  ask(): Promise<Outcome>
  lookUp(): Promise<LookUp<Outcome>>
}

/** How long a call may wait for others after its key was found to be young: the orders in progress are thousands. */
const LONGEST_WAIT_MS = 30 * MINUTE_MS

/**
 * Whether the gateway may have forgotten a key when it is asked, which may be later than now. Both times are by the
 * database's clock, which may have been ahead: the age of a key that seems to be first used later is not known.
 */
export function isOldKey(firstUse: number, now: number, keyLifetimeMs: number): boolean {
  return firstUse > now || now - firstUse >= keyLifetimeMs - LONGEST_WAIT_MS
}

/** Looks an old key up before it is asked for again. Never rejects: a call that fails has an unknown outcome. */
export async function askUnderKey<Outcome extends ChargeOutcome | RefundOutcome>({
  what,
  isOld,
  ask,
  lookUp,
}: Question<Outcome>): Promise<Outcome | Unknown> {
  try {
    if (!isOld) return await ask()
    const found = await lookUp()
    if (found.status === 'none') return await ask()
    if (isOutcome(found)) return found
    return { ...unknown(`the gateway may have forgotten this ${what}, and cannot look it up`), needsReview: true }
  } catch (error) {
    return unknown(asError(error).message)
  }
}

function isOutcome<Outcome extends ChargeOutcome | RefundOutcome>(found: LookUp<Outcome>): found is Outcome {
  return found.status !== 'none' && found.status !== 'unsupported'
}
