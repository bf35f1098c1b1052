import { sql } from 'kysely'

/** SQLite keeps such a table in its key's order, as InnoDB always does: rows of one order lie together, with no second tree. */
export const clustered = sql`without rowid`
