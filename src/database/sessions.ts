// Finds connections of a pool that must be closed: those that are open when the server goes away. After a failover they
// lead to the old primary, and a read-only session stays read-only.
import { isAway } from '../servers/explain.js'
import { sqlCause } from '../servers/recognise.js'

export class Sessions {
  readonly #outagesBefore = new WeakMap<object, number>()
  #outages = 0

  opened(session: object): void {
    this.#outagesBefore.set(session, this.#outages)
  }

  /** A server that accepts no more connections may still serve those that are open. */
  failed(error: unknown): void {
    if (isAway(error) && sqlCause(error) !== 'too_many_clients') this.#outages += 1
  }

  /** Whether it was opened before the latest outage and has to be closed. */
  isDoubtful(session: object): boolean {
    return this.#outagesBefore.get(session) !== this.#outages
  }
}
