// Claims of batches that failed: which count against their orders, and which are given back.
import type { Config } from '../config/config.js'
import type { Database } from '../database/connection.js'
import type { LeaseToken, OrderId } from '../domain/ids.js'
import { countLostBatch, forgiveLostClaim } from '../queue/suspects.js'
import { passingProblem } from './outage.js'
import type { FailedBatch } from './threads.js'

interface Claimed {
  readonly ids: readonly OrderId[]
  readonly token: LeaseToken
}

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
  readonly #interrupted: Claimed[] = []
  readonly #forgiven = new Set<OrderId>()

  constructor(db: Database, database: Config['database']) {
    this.#db = db
    this.#database = database
  }

  /** Counts a batch whose thread died or hung. The claim has counted it, unless it was not committed. */
  count({ ids, ...lost }: LostBatch): Promise<void> {
    return countLostBatch(this.#db, ids, lost)
  }

  /** Counts a batch that failed in a thread that lives. One that met an outage gets its claim back, once for each order. */
  async failed({ cause, token }: FailedBatch, batch: LostBatch): Promise<void> {
    if (!passingProblem(cause, this.#database)) {
      if (!token) await this.count(batch)
    } else if (token) {
      // Not more often: the order may be what its connection dies of.
      const ids = batch.ids.filter((id) => !this.#forgiven.has(id))
      for (const id of ids) this.#forgiven.add(id)
      if (ids.length > 0) this.#interrupted.push({ ids, token })
    }
  }

  /** Gives back what outages interrupted, once the database is there again. */
  async forgive(): Promise<void> {
    for (let claim = this.#interrupted[0]; claim; claim = this.#interrupted[0]) {
      await forgiveLostClaim(this.#db, claim)
      this.#interrupted.shift()
    }
  }
}
