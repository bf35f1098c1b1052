// What a check of `doctor` is.
import type { Config } from '../config/config.js'
import type { Database } from '../database/connection.js'

export interface Problem {
  readonly message: string
  readonly fix: string
}

/** A text if all is well. An error that a check throws is a problem, too. */
export type Found = string | Problem

export interface Check {
  readonly name: string
  look(): Found | Promise<Found>
}

/** A check of a database of this release. */
export interface DatabaseCheck {
  readonly name: string
  look(db: Database, config: Config): Promise<Found>
}
