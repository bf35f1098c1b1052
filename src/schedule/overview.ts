// The tasks, how each went last, and when each runs next.
import { readLastRun } from './task-runs.js'
import { createTask, type TaskSurroundings } from './tasks.js'
import { TASK_NAMES } from './timetable.js'

export type ScheduledTask = Awaited<ReturnType<typeof readSchedule>>[number]

/**
 * @param now epoch milliseconds
 * @returns `last`: the last run, by `schedule` or by `schedule run`. `next`: null for a line that never falls due.
 */
export function readSchedule(surroundings: TaskSurroundings, now: number) {
  return Promise.all(
    TASK_NAMES.map(async (task) => {
      const { name, description, cron, slots } = createTask(task, surroundings)
      return { name, description, cron, last: await readLastRun(surroundings.db, name), next: slots.next(now) }
    }),
  )
}
