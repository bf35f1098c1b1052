// What a check is, and what it finds.
import type { Config } from '../config/config.js'
import type { Database } from '../database/connection.js'

/** Without a fix where all is well. */
export interface Finding {
  readonly detail: string
  readonly fix?: string
}

/** A check of a database that is there and is ours. */
export interface DatabaseCheck {
  readonly name: string
  look(db: Database, config: Config): Promise<Finding>
}

/** A check of another server that the configuration names. */
export interface ServerCheck {
  readonly name: string
  look(): Promise<Finding>
}
