// Claims of batches that failed: which ones count against their orders, and which are given back.
import type { Config } from '../config/config.js'
import type { Database } from '../database/connection.js'
import type { LeaseToken, OrderId } from '../domain/ids.js'
import { countLostBatch, forgiveLostClaim } from '../queue/suspects.js'
import { passingProblem } from './outage.js'
import type { FailedBatch } from './threads.js'

export class LostClaims {
  readonly #db: Database
  readonly #database: Config['database']
  readonly #interrupted: { readonly ids: readonly OrderId[]; readonly token: LeaseToken }[] = []
  readonly #forgiven = new Set<OrderId>()

  constructor(db: Database, database: Config['database']) {
    this.#db = db
    this.#database = database
  }

  /**
   * Counts a lost batch, unless its claim was committed and so is counted already. A claim that met an outage is given back,
   * but once for each order: the order may be what breaks the connection.
   *
   * @param run `ranMs`: how long ago the batch was given to its thread
   * @param failure if left out, the thread died or hung
   */
  async add(
    ids: readonly OrderId[],
    run: { readonly ranMs: number; readonly alone: boolean },
    failure?: FailedBatch,
  ): Promise<void> {
    const token = failure?.token
    if (!failure || !passingProblem(failure.cause, this.#database)) {
      if (!token) await countLostBatch(this.#db, ids, run)
    } else if (token) {
      const first = ids.filter((id) => !this.#forgiven.has(id))
      for (const id of first) this.#forgiven.add(id)
      if (first.length > 0) this.#interrupted.push({ ids: first, token })
    }
  }

  /** Gives back the claims that outages interrupted, once the database answers again. */
  async forgive(): Promise<void> {
    for (let claim = this.#interrupted[0]; claim; claim = this.#interrupted[0]) {
      await forgiveLostClaim(this.#db, claim)
      this.#interrupted.shift()
    }
  }
}
