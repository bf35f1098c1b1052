// Who holds a lease: the process of an import, or of a scheduled task.
import { hostname } from 'node:os'
import { errorCode } from '../errors.js'

export interface LeaseHolder {
  readonly host: string
  readonly pid: number
  /** Epoch milliseconds by the database's clock. Without a renewal, the lease ends here. */
  readonly lease_until: number
}

/** Whether the lease is valid and, on this machine, its process exists. `now` is the database's. */
export function isAlive({ host, pid, lease_until }: LeaseHolder, now: number): boolean {
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
