// A gateway that does with each order what the test says.
import { resolve } from 'node:path'

/** All but `declined` kill or hang a worker: see preloaded/gateway.js. */
export type Act = 'declined' | 'killing' | 'exiting' | 'throwing' | 'claiming' | 'settling' | 'looping' | 'hanging'

/** @param acts by order reference; for `claiming` and `settling`, by order id. All other orders are captured. */
export function scriptedGateway(acts: Readonly<Record<string, Act>>): Record<string, string> {
  const preloaded = resolve(import.meta.dirname, 'preloaded/gateway.js')
  return { TEST_ORDERS: JSON.stringify(acts), NODE_OPTIONS: `--import=${preloaded}` }
}
