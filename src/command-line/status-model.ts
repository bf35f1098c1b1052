// The data of the live view, read at each refresh.
import type { App } from '../app.js'
import { explainDatabaseError } from '../database/connection.js'
import { databaseTime } from '../database/engine.js'
import { isReplaced } from '../database/opened-file.js'
import { clockAt } from '../domain/business-day.js'
import { UserError } from '../errors.js'
import type { Alarm } from '../reports/alarms.js'
import { type LiveReading, liveStatusReader, throttled } from '../reports/live-status.js'
import { readAllAlarms } from '../schedule/alarm-state.js'
import { readSchedule, type ScheduledTask } from '../schedule/tasks.js'

export interface StatusModel extends LiveReading {
  readonly stepMs: number
  readonly schedule: readonly ScheduledTask[]
  /** Only alarms whose threshold is crossed. */
  readonly alarms: readonly Alarm[]
  /** The database's time in epoch milliseconds. */
  readonly now: number
  /** Set if the database cannot be read; the figures are then as of `at`. */
  readonly trouble: UserError | undefined
  /** `now` in the business time zone. */
  readonly clock: string
}

/**
 * Returns a reader. If the database cannot be read, the reader returns the previous model with `trouble`.
 *
 * @throws any error of the first read, and errors that need action
 */
export function statusModelReader(app: App, stepMs: number): () => Promise<StatusModel> {
  const { db, queue, config } = app
  const readStatus = liveStatusReader(db, queue, stepMs)
  const readTasks = throttled(() => readSchedule(app, Date.now()))
  const readAlarms = throttled(async () => readAllAlarms(db, config, await databaseTime(db)))
  let latest: Omit<StatusModel, 'now' | 'trouble' | 'clock'> | undefined
  let readAt = 0
  return async () => {
    let trouble: UserError | undefined
    try {
      const alarms = (await readAlarms()).filter(({ state }) => state === 'failed')
      latest = { ...(await readStatus()), stepMs, alarms, schedule: await readTasks() }
      readAt = performance.now()
    } catch (error) {
      trouble = error instanceof UserError ? error : explainDatabaseError(error, config.database)
      if (!trouble || !latest || isReplaced(trouble)) throw error
    }
    const now = latest.at + (trouble ? Math.round(performance.now() - readAt) : 0)
    return { ...latest, now, trouble, clock: `${clockAt(now, config.timeZone)} ${config.timeZone}` }
  }
}
