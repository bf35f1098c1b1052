// What a SQLite database knows of its backups. Each is a setting, as JSON.
import type { Kysely } from 'kysely'
import { DAY_MS } from '../domain/time.js'
import type { Schema } from './schema.js'
import { readSetting, writeSetting } from './settings.js'

export interface LastBackup {
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

export async function readRestored(db: Kysely<Schema>): Promise<Restored | undefined> {
  return JSON.parse((await readSetting(db, 'restored')) ?? 'null') ?? undefined
}

export function writeRestored(db: Kysely<Schema>, restored: Restored): Promise<void> {
  return writeSetting(db, 'restored', JSON.stringify(restored))
}

/**
 * Returns a function that says since when the gateway may know a key, from when its intent was stored and the date of
 * its order. A restore loses the intents since the backup. Orders dated later than the restore have none of these; a
 * day allows for time zones.
 */
export async function readFirstUse(db: Kysely<Schema>): Promise<(intentAt: number, orderedAt: string) => number> {
  const restored = await readRestored(db)
  if (!restored) return (intentAt) => intentAt
  const dayAfter = new Date(restored.at + DAY_MS).toISOString().slice(0, 19)
  return (intentAt, orderedAt) => (orderedAt < dayAfter ? Math.min(intentAt, restored.taken_at) : intentAt)
}
