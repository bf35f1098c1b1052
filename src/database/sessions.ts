// Finds stale connections of a pool: those opened before an outage of the server. After a failover they lead to the old
// primary, and a read-only session stays read-only, so they have to be closed.
import { isUnreachable } from '../servers/explain.js'
import { sqlCause } from '../servers/recognise.js'

export class Sessions {
  readonly #outagesBefore = new WeakMap<object, number>()
  #outages = 0

  opened(session: object): void {
    this.#outagesBefore.set(session, this.#outages)
  }

  /** Counts outages. A full server, which rejects new connections, is not one: it still serves the open connections. */
  failed(error: unknown): void {
    if (isUnreachable(error) && sqlCause(error) !== 'too_many_clients') this.#outages += 1
  }

  /** Whether the session was opened before the latest outage and has to be closed. */
  isStale(session: object): boolean {
    return this.#outagesBefore.get(session) !== this.#outages
  }
}
