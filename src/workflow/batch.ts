// One batch, from delivery to settlement: claim and reserve, charge, settle.

import type { Kysely } from 'kysely'
import { startBackground } from '../background.js'
import type { Schema } from '../database/schema.js'
import { takeRepeats } from '../database/transaction.js'
import type { LeaseToken, OrderId } from '../domain/ids.js'
import type { Gateway } from '../payments/gateway.js'
import { type ChargeOptions, chargeAll } from './charge.js'
import { type Claim, type ClaimOptions, claim, renewLease } from './claim.js'
import { type SettleOptions, settle } from './settle.js'

export interface BatchOptions {
  readonly claim: ClaimOptions
  readonly charge: ChargeOptions
  readonly settle: SettleOptions
}

export interface BatchResult {
  readonly claimed: number
  readonly completed: number
  readonly failed: number
  readonly rolledBack: number
  /** No answer from the gateway: asked again later, or by a person. */
  readonly postponed: number
  /** Given up, since worker after worker died or hung at it: a person has to look. */
  readonly setAside: number
  /** Due orders that have to be claimed alone. */
  readonly suspects: readonly OrderId[]
  /** Transactions that the database gave up for another's sake, and that were done again. */
  readonly repeated: number
}

/** Told how far a batch is. */
export interface BatchProgress {
  /** The claim is committed, and the charges begin. */
  claimed(token: LeaseToken): void
  /** The gateway has answered a charge. */
  answered(): void
  /** All charges have been answered. */
  charged(): void
}

/**
 * Takes the orders through the workflow, as far as they are due. A crash between any two steps leaves orders that the next
 * worker claims when the lease ends, and charges under the same keys.
 */
export async function processBatch(
  db: Kysely<Schema>,
  gateway: Gateway,
  ids: readonly OrderId[],
  options: BatchOptions,
  progress?: BatchProgress,
): Promise<BatchResult> {
  const claimed = await claim(db, ids, options.claim)
  progress?.claimed(claimed.token)
  const answers = await whileRenewing(db, claimed, options.claim.leaseMs, () =>
    chargeAll(gateway, claimed.orders, options.charge, () => progress?.answered()),
  )
  progress?.charged()
  const settled = claimed.orders.length > 0 ? await settle(db, claimed, answers, options.settle) : NOTHING_SETTLED
  const { count, failed, setAside, suspects } = claimed
  return { claimed: count, failed, setAside, suspects, ...settled, repeated: takeRepeats() }
}

const NOTHING_SETTLED = { completed: 0, rolledBack: 0, postponed: 0 }

async function whileRenewing<Result>(
  db: Kysely<Schema>,
  claimed: Claim,
  leaseMs: number,
  act: () => Promise<Result>,
): Promise<Result> {
  // A renewal that fails is made up for by the next; if all fail, the fence keeps a late settlement out.
  const renewing = startBackground(() => renewLease(db, claimed, leaseMs), { pauseMs: () => leaseMs / 3 })
  try {
    return await act()
  } finally {
    // One under way locks what the settlement will lock, and in an order of its own.
    await renewing.end()
  }
}
