// Checks of what is done by the clock, and of the alarms.

import type { Config } from '../config/config.js'
import type { Database } from '../database/connection.js'
import { databaseTime } from '../database/engine.js'
import { readAllAlarms } from '../schedule/alarm-state.js'
import { readScheduleAlarm } from '../schedule/late-tasks.js'
import { readLastRun } from '../schedule/task-runs.js'
import { TASK_NAMES } from '../schedule/timetable.js'
import type { DatabaseCheck, Finding } from './finding.js'

export const SCHEDULE_CHECKS: readonly DatabaseCheck[] = [
  { name: 'schedule', look: checkSchedule },
  { name: 'alarms', look: checkAlarms },
]

async function checkSchedule(db: Database, config: Config): Promise<Finding> {
  const runs = await Promise.all(TASK_NAMES.map((task) => readLastRun(db, task)))
  if (runs.every((run) => run === undefined)) return { detail: 'never used' }
  const alarm = await readScheduleAlarm(db, config, await databaseTime(db))
  if (alarm === null) return { detail: 'not looked at: the alarm is turned off' }
  return alarm.crossed ? { detail: alarm.message, fix: alarm.fix } : { detail: alarm.message }
}

async function checkAlarms(db: Database, config: Config): Promise<Finding> {
  const alarms = await readAllAlarms(db, config, await databaseTime(db))
  const crossed = alarms.filter((alarm) => alarm.crossed)
  if (crossed.length === 0) return { detail: `none of ${alarms.length} crossed` }
  return {
    detail: crossed.map(({ name, message }) => `${name}: ${message}`).join(' '),
    fix: crossed.map(({ fix }) => fix).join(' '),
  }
}
