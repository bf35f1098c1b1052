import type { Database } from '../database/connection.js'
import { readSetting, writeSetting } from '../database/settings.js'
import type { PauseSwitch } from './queue.js'

/** Pauses a queue whose server cannot pause it. The switch is in the database, so it survives restarts. */
export class DatabasePause implements PauseSwitch {
  protected readonly db: Database

  constructor(db: Database) {
    this.db = db
  }

  pause(): Promise<void> {
    return writeSetting(this.db, 'queue_paused', 'yes')
  }

  resume(): Promise<void> {
    return writeSetting(this.db, 'queue_paused', 'no')
  }

  async isPaused(): Promise<boolean> {
    return (await readSetting(this.db, 'queue_paused')) === 'yes'
  }
}
