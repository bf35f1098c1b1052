// Pausing for queues that cannot pause by themselves: the database keeps it, so it holds over restarts of everything.
import type { Database } from '../database/connection.js'
import { readSetting, writeSetting } from '../database/settings.js'
import type { PauseSwitch } from './queue.js'

export function pauseInDatabase(db: Database): PauseSwitch {
  return {
    pause: () => writeSetting(db, 'queue_paused', 'yes'),
    resume: () => writeSetting(db, 'queue_paused', 'no'),
    isPaused: async () => (await readSetting(db, 'queue_paused')) === 'yes',
  }
}
