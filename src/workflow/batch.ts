// Processes one batch from delivery to settlement: claim and reserve, charge, settle.
import type { Kysely } from 'kysely'
import type { Schema } from '../database/schema.js'
import { takeRetryCount } from '../database/transaction.js'
import type { LeaseToken, OrderId } from '../domain/ids.js'
import type { ChargingGateway } from '../payments/gateway.js'
import { type ChargeOptions, chargeAll } from './charge.js'
import { readChargeDetails } from './charge-details.js'
import { type ClaimOptions, claim } from './claim.js'
import { whileRenewing } from './lease.js'
import { type SettleOptions, settle } from './settle.js'

export interface BatchOptions {
  readonly claim: ClaimOptions
  readonly charge: ChargeOptions
  readonly settle: SettleOptions
  /** Whether charges wait for those of other batches, so that a long wait is no sign of a thread that hangs. */
  readonly isGatewayShared?: boolean
}

/**
 * The outcomes of orders. `failed`: out of stock. `postponed`: charges without an answer; an order may count more than
 * once (countUnanswered counts orders). `setAside`: poison orders. `repeated`: transactions, not orders, that were
 * retried.
 */
export const OUTCOMES = ['completed', 'failed', 'rolledBack', 'postponed', 'setAside', 'repeated'] as const
export type Outcomes = Readonly<Record<(typeof OUTCOMES)[number], number>>
export const NO_OUTCOMES: Outcomes = { completed: 0, failed: 0, rolledBack: 0, postponed: 0, setAside: 0, repeated: 0 }

/** Returns the number of settled orders. */
export function processedOf({ completed, failed, rolledBack }: Outcomes): number {
  return completed + failed + rolledBack
}

export interface BatchResult extends Outcomes {
  readonly claimed: number
  /** Due orders that have to be claimed alone. */
  readonly suspects: readonly OrderId[]
}

export interface BatchProgress {
  /** Set once the claim is committed. */
  token?: LeaseToken
  /** While the batch is charging: the thread's heartbeats since the gateway's last answer. */
  heartbeats?: number | undefined
}

/**
 * Runs those orders that are due through the workflow. After a crash between any two steps, the next worker claims the
 * orders when the lease ends, and charges them under the same keys.
 *
 * @param progress kept up to date
 */
export async function processBatch(
  db: Kysely<Schema>,
  gateway: ChargingGateway,
  ids: readonly OrderId[],
  options: BatchOptions,
  progress: BatchProgress = {},
): Promise<BatchResult> {
  const claimed = await claim(db, ids, options.claim)
  const { token, since, count, failed, setAside, suspects, orders, askedBefore } = claimed
  progress.token = token
  const { keyLifetimeMs } = options.charge
  const details = keyLifetimeMs === undefined ? undefined : await readChargeDetails(db, orders, keyLifetimeMs)
  const onAnswer = () => {
    if (!options.isGatewayShared) progress.heartbeats = 0
  }
  onAnswer()
  const lease = { token, orders, leaseMs: options.claim.leaseMs, since }
  const answers = await whileRenewing(db, 'due_orders', lease, (leaseEnd) =>
    chargeAll(gateway, orders, options.charge, { details, leaseEnd, onAnswer }),
  )
  progress.heartbeats = undefined
  const settled = await settle(db, { token, askedBefore }, answers, options.settle)
  return { claimed: count, failed, setAside, suspects, ...settled, repeated: takeRetryCount() }
}
