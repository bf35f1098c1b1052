// A gateway that does with each order what the test says.
import { resolve } from 'node:path'
import type { RefundOutcome } from '../../src/payments/gateway.js'

/** All but `declined` kill or hang a worker: see preloaded/gateway.js. */
export type Act = 'declined' | 'killing' | 'exiting' | 'throwing' | 'claiming' | 'settling' | 'looping' | 'hanging'

/** @param acts by order reference; for `claiming` and `settling`, by order id. All other orders are captured. */
export function scriptedGateway(acts: Readonly<Record<string, Act>>): Record<string, string> {
  const preloaded = resolve(import.meta.dirname, 'preloaded/gateway.js')
  return { TEST_ORDERS: JSON.stringify(acts), NODE_OPTIONS: `--import=${preloaded}` }
}

interface Refunds {
  /** The file to which the gateway adds a line for each request. */
  readonly ledger: string
  /** The answer, unless the amount is refunded. */
  readonly outcome?: RefundOutcome
  /** Where the process kills itself: before the request, the answer, or the commit of the settlement. */
  readonly killed?: 'request' | 'answer' | 'settle'
}

export function scriptedRefunds(refunds: Refunds): Record<string, string> {
  const preloaded = resolve(import.meta.dirname, 'preloaded/refund.js')
  return { TEST_REFUNDS: JSON.stringify(refunds), NODE_OPTIONS: `--import=${preloaded}` }
}
