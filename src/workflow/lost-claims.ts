// Claims of batches that failed: which ones count against their orders, and which are given back.
import type { Config } from '../config/config.js'
import type { Database } from '../database/connection.js'
import type { LeaseToken, OrderId } from '../domain/ids.js'
import { countLostBatch, forgiveLostClaim } from '../queue/suspects.js'
import { passingProblem } from './outage.js'
import type { FailedBatch } from './threads.js'

interface LostBatch {
  readonly ids: readonly OrderId[]
  /** How long ago the batch was given to its thread. */
  readonly ranMs: number
  /** Whether it was a suspect that was claimed alone. */
  readonly alone: boolean
}

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
   * Counts a lost batch, unless its claim was committed, and so is counted already. A claim that met an outage is given
   * back, once for each order: no more often, since the order may be what the connection dies of.
   *
   * @param failure if left out, the thread died or hung
   */
  async add(batch: LostBatch, failure?: FailedBatch): Promise<void> {
    const token = failure?.token
    if (!failure || !passingProblem(failure.cause, this.#database)) {
      if (!token) await countLostBatch(this.#db, batch.ids, batch)
    } else if (token) {
      const ids = batch.ids.filter((id) => !this.#forgiven.has(id))
      for (const id of ids) this.#forgiven.add(id)
      if (ids.length > 0) this.#interrupted.push({ ids, token })
    }
  }

  /** Gives back what outages interrupted, once the database answers again. */
  async forgive(): Promise<void> {
    for (let claim = this.#interrupted[0]; claim; claim = this.#interrupted[0]) {
      await forgiveLostClaim(this.#db, claim)
      this.#interrupted.shift()
    }
  }
}
