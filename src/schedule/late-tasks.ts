// The alarm `schedule`: a task failed when it ran last, or did not run although it was due.
import type { Config } from '../config/config.js'
import type { Database } from '../database/connection.js'
import { clockAt } from '../domain/business-day.js'
import { type Alarm, alarmOf } from '../reports/alarms.js'
import { readLastRun, readLastSlot } from './task-runs.js'
import { slotsOf, TASK_NAMES, type TaskName } from './timetable.js'

/**
 * Only a task that a `schedule` process has run before can be late: if cron runs the tasks, cron decides when.
 *
 * @returns null if the alarm is turned off
 */
export async function readScheduleAlarm(db: Database, config: Config, now: number): Promise<Alarm | null> {
  const graceSeconds = config['alarms.lateTaskSeconds']
  if (graceSeconds === null) return null
  const longAgo = now - graceSeconds * 1000
  const late: { readonly task: TaskName; readonly lastSlot: number }[] = []
  const messages: string[] = []
  for (const task of TASK_NAMES) {
    const last = await readLastRun(db, task)
    if (!last || last.state === 'running') continue
    const lastSlot = await readLastSlot(db, task)
    const ranAt = Math.max(lastSlot ?? 0, last.startedAt)
    // Late if a slot fell due after the last run and before the grace began. The comparison avoids a search by days.
    const isLate = ranAt < longAgo && ranAt < (slotsOf(task, config).latest(longAgo) ?? ranAt)
    if (lastSlot !== null && isLate) late.push({ task, lastSlot })
    else if (last.state.result === 'failed') messages.push(`The task ${task} failed last: ${last.state.message}`)
  }
  const value = late.length + messages.length
  if (late.length > 0) {
    const since = clockAt(Math.max(...late.map(({ lastSlot }) => lastSlot)), config['schedule.timeZone'])
    messages.unshift(`No \`schedule\` process has run ${late.map(({ task }) => task).join(', ')} since ${since}.`)
  }
  const restart =
    'Start `orderctl schedule` again. If it is not meant to run, turn this alarm off: ORDERCTL_ALARM_LATE_TASK_SECONDS=off.'
  return alarmOf('schedule', 1, {
    value,
    message: messages.join(' ') || 'No task is late or failed last.',
    fix: late.length > 0 ? restart : 'Fix what the message names, then run `orderctl schedule run TASK`.',
  })
}
