// The tasks, how each went last, and when each runs next.

import type { CronLine } from '../config/values.js'
import { type LastRun, readLastRun } from './task-runs.js'
import { createTask, type TaskSurroundings } from './tasks.js'
import { TASK_NAMES } from './timetable.js'

export interface ScheduledTask {
  readonly name: string
  readonly description: string
  readonly cron: CronLine
  /** By `schedule` or by `schedule run`. */
  readonly last: LastRun | undefined
  /** Epoch milliseconds; null for a line that never falls due. */
  readonly next: number | null
}

/** @param now epoch milliseconds */
export function readSchedule(surroundings: TaskSurroundings, now: number): Promise<ScheduledTask[]> {
  return Promise.all(
    TASK_NAMES.map(async (name) => {
      const { description, cron, slots } = createTask(name, surroundings)
      return { name, description, cron, last: await readLastRun(surroundings.db, name), next: slots.next(now) }
    }),
  )
}
