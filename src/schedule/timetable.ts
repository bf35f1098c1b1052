// Which tasks there are, and when each falls due.
import type { Config } from '../config/config.js'
import { Slots } from './slots.js'

export const TASK_NAMES = ['kpis', 'leaderboards', 'snapshots', 'reservations', 'alarms'] as const
export type TaskName = (typeof TASK_NAMES)[number]

export function slotsOf(name: TaskName, config: Config): Slots {
  return new Slots(config[`schedule.${name}`], config['schedule.timeZone'])
}
