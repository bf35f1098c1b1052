// All that the live view shows, read again at each refresh. It only ever reads.
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
  /** Those that are crossed. */
  readonly alarms: readonly Alarm[]
  /** Epoch milliseconds. */
  readonly now: number
  /** The reason why what is shown is of an earlier moment, which is `at`. */
  readonly trouble: UserError | undefined
  /** Now, as the shop's clock shows it. */
  readonly clock: string
}

/**
 * A reader that gives the latest model, with the reason, if the database cannot be read.
 *
 * @throws what will not pass by itself, and any error of the first read
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
    // In the database's time, like the model.
    const now = latest.at + (trouble ? Math.round(performance.now() - readAt) : 0)
    return { ...latest, now, trouble, clock: `${clockAt(now, config.timeZone)} ${config.timeZone}` }
  }
}
