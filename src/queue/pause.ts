// Pausing, for queues that cannot pause by themselves: the database keeps it, so it holds over restarts of everything.
import type { Database } from '../database/connection.js'
import { readSetting, writeSetting } from '../database/settings.js'

export async function setPaused(db: Database, paused: boolean): Promise<void> {
  await writeSetting(db, 'queue_paused', paused ? 'yes' : 'no')
}

export async function isPaused(db: Database): Promise<boolean> {
  return (await readSetting(db, 'queue_paused')) === 'yes'
}
