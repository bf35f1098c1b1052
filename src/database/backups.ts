// What a SQLite database knows of its backups. Each is a setting, as JSON.
import type { Kysely } from 'kysely'
import type { Schema } from './schema.js'
import { readSetting, writeSetting } from './settings.js'

interface LastBackup {
  /** Epoch milliseconds, as below. */
  readonly taken_at: number
  readonly file: string
}

interface Restored {
  readonly taken_at: number
  readonly at: number
}

/** Returns the last backup that was found good; undefined if there is none. */
export async function readLastBackup(db: Kysely<Schema>): Promise<LastBackup | undefined> {
  return JSON.parse((await readSetting(db, 'last_backup')) ?? 'null') ?? undefined
}

export function writeLastBackup(db: Kysely<Schema>, backup: LastBackup): Promise<void> {
  return writeSetting(db, 'last_backup', JSON.stringify(backup))
}

/**
 * Returns when the database was last restored, and when that backup was taken. What was charged and refunded in between
 * is not in the database, but the gateway may know it under the same keys.
 */
export async function readRestored(db: Kysely<Schema>): Promise<Restored | undefined> {
  return JSON.parse((await readSetting(db, 'restored')) ?? 'null') ?? undefined
}

export function writeRestored(db: Kysely<Schema>, restored: Restored): Promise<void> {
  return writeSetting(db, 'restored', JSON.stringify(restored))
}
