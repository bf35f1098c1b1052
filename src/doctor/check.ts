// What a check of `doctor` is.
import type { Config } from '../config/config.js'
import type { Database } from '../database/connection.js'

/** What was found: a text if all is well. Errors that are thrown become failures, too. */
export type Found = string | { readonly message: string; readonly fix: string }

export interface Check {
  readonly name: string
  look(): Found | Promise<Found>
}

/** A check of a database of this release. */
export interface DatabaseCheck {
  readonly name: string
  look(db: Database, config: Config): Promise<Found>
}
