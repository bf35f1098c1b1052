// Does what is due by the clock get done? An alarm of its own, since nobody else would miss it.
import type { Config } from '../config/config.js'
import type { Database } from '../database/connection.js'
import { clockAt } from '../domain/business-day.js'
import type { Alarm } from '../reports/alarms.js'
import type { Slots } from './slots.js'
import { readLastRun, readLastSlot } from './task-runs.js'
import { slotsOf, TASK_NAMES, type TaskName } from './timetable.js'

/** A task that did not run although it was due, or that failed when it ran last. */
type TaskTrouble =
  | { readonly task: TaskName; readonly kind: 'late'; readonly lastSlot: number }
  | { readonly task: TaskName; readonly kind: 'failed'; readonly message: string }

/**
 * Only a task that a `schedule` process has run before can be late: where tasks are run by cron, cron says when.
 *
 * @param graceSeconds a slot may be missed for so long
 */
async function findTroubles(
  db: Database,
  config: Config,
  { now, graceSeconds }: { readonly now: number; readonly graceSeconds: number },
): Promise<TaskTrouble[]> {
  const longAgo = now - graceSeconds * 1000
  const troubles: TaskTrouble[] = []
  for (const task of TASK_NAMES) {
    const last = await readLastRun(db, task)
    if (!last || last.state === 'running') continue
    const lastSlot = await readLastSlot(db, task)
    if (lastSlot !== null && isLate(Math.max(lastSlot, last.startedAt), slotsOf(task, config), longAgo)) {
      troubles.push({ task, kind: 'late', lastSlot })
    } else if (last.state.result === 'failed') {
      troubles.push({ task, kind: 'failed', message: last.state.message })
    }
  }
  return troubles
}

/** Whether a slot fell due after the instant, and long ago. The first look spares a search through the days. */
function isLate(ranAt: number, slots: Slots, longAgo: number): boolean {
  return ranAt < longAgo && ranAt < (slots.latest(longAgo) ?? ranAt)
}

/** @returns null where the alarm is turned off */
export async function readScheduleAlarm(db: Database, config: Config, now: number): Promise<Alarm | null> {
  const graceSeconds = config['alarms.lateTaskSeconds']
  if (graceSeconds === null) return null
  const troubles = await findTroubles(db, config, { now, graceSeconds })
  return {
    name: 'schedule',
    crossed: troubles.length > 0,
    value: troubles.length,
    threshold: 1,
    message: troubles.length === 0 ? 'No task is late or failed last.' : describeTroubles(troubles, config),
    fix: troubles.some(({ kind }) => kind === 'late')
      ? 'Start `orderctl schedule` again, or turn this alarm off (ORDERCTL_ALARM_LATE_TASK_SECONDS=off) where it is not to run any more.'
      : 'Put right what the message says, then try with `orderctl schedule run TASK`.',
  }
}

function describeTroubles(troubles: readonly TaskTrouble[], config: Config): string {
  const late = troubles.filter((trouble) => trouble.kind === 'late')
  const failed = troubles.filter((trouble) => trouble.kind === 'failed')
  const sentences = failed.map(({ task, message }) => `The task ${task} failed last: ${message}`)
  if (late.length > 0) {
    const since = clockAt(Math.max(...late.map(({ lastSlot }) => lastSlot)), config['schedule.timeZone'])
    const tasks = late.map(({ task }) => task).join(', ')
    sentences.unshift(`No \`schedule\` process has run ${tasks} since ${since}.`)
  }
  return sentences.join(' ')
}
