// One batch, from delivery to settlement: claim and reserve, charge, settle.
import type { Kysely } from 'kysely'
import type { Schema } from '../database/schema.js'
import { takeRetryCount } from '../database/transaction.js'
import type { LeaseToken, OrderId } from '../domain/ids.js'
import type { Gateway } from '../payments/gateway.js'
import { type ChargeOptions, chargeAll } from './charge.js'
import { type ClaimOptions, claim } from './claim.js'
import { whileRenewing } from './lease.js'
import { type SettleOptions, settle } from './settle.js'

export interface BatchOptions {
  readonly claim: ClaimOptions
  readonly charge: ChargeOptions
  readonly settle: SettleOptions
}

/**
 * What became of orders. `failed`: out of stock. `postponed`: charges without an answer; an order may count more than once.
 * `setAside`: worker after worker died or hung at them. `repeated`: transactions that were rolled back, because of a deadlock
 * for example, and repeated.
 */
export const OUTCOMES = ['completed', 'failed', 'rolledBack', 'postponed', 'setAside', 'repeated'] as const
export type Outcomes = Readonly<Record<(typeof OUTCOMES)[number], number>>
export const NO_OUTCOMES: Outcomes = { completed: 0, failed: 0, rolledBack: 0, postponed: 0, setAside: 0, repeated: 0 }

export interface BatchResult extends Outcomes {
  readonly claimed: number
  /** Due orders that have to be claimed alone. */
  readonly suspects: readonly OrderId[]
}

export interface BatchProgress {
  /** Set once the claim is committed. */
  token?: LeaseToken
  /** While it charges: signs of life that the thread gave since the gateway's last answer. */
  signs?: number | undefined
}

/**
 * Takes the orders that are due through the workflow. A crash between any two steps leaves orders that the next worker
 * claims when the lease ends, and charges under the same keys.
 *
 * @param progress kept up to date
 */
export async function processBatch(
  db: Kysely<Schema>,
  gateway: Gateway,
  ids: readonly OrderId[],
  options: BatchOptions,
  progress: BatchProgress = {},
): Promise<BatchResult> {
  const { token, count, failed, setAside, suspects, orders } = await claim(db, ids, options.claim)
  progress.token = token
  const onAnswer = () => {
    progress.signs = 0
  }
  onAnswer()
  const charge = () => chargeAll(gateway, orders, options.charge, onAnswer)
  const answers = await whileRenewing(db, { token, orders }, options.claim.leaseMs, charge)
  progress.signs = undefined
  const settled = await settle(db, { token }, answers, options.settle)
  return { claimed: count, failed, setAside, suspects, ...settled, repeated: takeRetryCount() }
}
