// Erases what was deleted or replaced from a SQLite file. Until then, free parts of the file still have it.
import { type Kysely, sql } from 'kysely'
import { errorCode } from '../errors.js'
import { engineOf } from './engine.js'
import type { Schema } from './schema.js'

/**
 * Rewrites the file without its free parts, and empties the write-ahead log. Writers wait meanwhile.
 *
 * @returns whether nothing is left of what was deleted; undefined on a server, which decides itself
 */
export async function eraseDeleted(db: Kysely<Schema>): Promise<boolean | undefined> {
  if (engineOf(db) !== 'sqlite') return undefined
  try {
    await sql`vacuum`.execute(db)
    // The log is only emptied while no other process reads an earlier state.
    const { rows } = await sql<{ busy: number }>`pragma wal_checkpoint(truncate)`.execute(db)
    return rows[0]?.busy === 0
  } catch (error) {
    if (['SQLITE_BUSY', 'SQLITE_LOCKED', 'SQLITE_FULL'].includes(errorCode(error) ?? '')) return false
    throw error
  }
}
