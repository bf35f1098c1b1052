// Who has a row in hand: the process of an import, or of a task of the schedule.
import { hostname } from 'node:os'
import { errorCode } from '../errors.js'

export interface Holder {
  readonly host: string
  readonly pid: number
  /** Epoch milliseconds by the database's clock: a holder that is not heard of until then has let go. */
  readonly lease_until: number
}

/** Whether the process still works on what it holds. `now` is the database's. */
export function isAlive({ host, pid, lease_until }: Holder, now: number): boolean {
  if (lease_until < now) return false
  return host !== hostname() || processExists(pid)
}

function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return errorCode(error) === 'EPERM'
  }
}
