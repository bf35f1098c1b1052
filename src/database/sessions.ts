// Which sessions of a pool may be used. Once a server has said that it is away, the sessions that stand are not trusted: after
// a failover they lead to the old primary, and one that is read-only stays so when its server no longer is.
import { faultIn } from '../servers/server-faults.js'
import { isAway } from '../servers/server-problems.js'

export class Sessions {
  readonly #outagesBefore = new WeakMap<object, number>()
  #outages = 0

  /** Tells of a session that was just opened. */
  opened(session: object): void {
    this.#outagesBefore.set(session, this.#outages)
  }

  /** Tells of an error. That a server takes no more sessions says nothing about those that stand. */
  failed(error: unknown): void {
    if (isAway(error) && faultIn(error) !== 'full_of_clients') this.#outages += 1
  }

  /** Whether it was opened before the last such answer, and has to be ended. */
  isDoubtful(session: object): boolean {
    return this.#outagesBefore.get(session) !== this.#outages
  }
}
