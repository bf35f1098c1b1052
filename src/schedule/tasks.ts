// What is done by the clock: the tasks, and when each falls due.
import type { Config } from '../config.js'
import type { Database } from '../database/connection.js'
import { addDays, dayAt } from '../domain/business-day.js'
import { groupThousands } from '../domain/money.js'
import type { Queue } from '../queue/queue.js'
import type { CreatedReports } from '../reports/create-reports.js'
import { rebuild } from '../reports/rebuild.js'
import { expireReservations } from '../workflow/expire.js'
import { type CronLine, Slots } from './slots.js'
import { takeSnapshot } from './snapshots.js'

export const TASK_NAMES = ['kpis', 'leaderboards', 'snapshots', 'reservations'] as const
export type TaskName = (typeof TASK_NAMES)[number]

/** What tasks work on. */
export interface TaskSurroundings extends CreatedReports {
  readonly config: Config
  readonly db: Database
  readonly queue: Queue
}

export interface Task {
  readonly name: string
  readonly description: string
  readonly cron: CronLine
  readonly slots: Slots
  /** @returns what was done, in a few words */
  run(): Promise<string>
}

interface TaskKind {
  readonly description: string
  run(surroundings: TaskSurroundings): Promise<string>
}

const TASKS: Readonly<Record<TaskName, TaskKind>> = {
  kpis: { description: 'compute the figures of the moment, of today and of yesterday', run: computeKpis },
  leaderboards: {
    description: 'compare the sales figures with the orders, and build the boards anew',
    run: rebuildBoards,
  },
  snapshots: { description: 'write down how much waits and what was settled', run: snapshot },
  reservations: { description: 'give back the stock of reservations that have expired', run: expire },
}

export function createTask(name: TaskName, surroundings: TaskSurroundings): Task {
  const { config } = surroundings
  const { description, run } = TASKS[name]
  const cron = config[`schedule.${name}`]
  return {
    name,
    description,
    cron,
    slots: new Slots(cron, config['schedule.timeZone']),
    run: () => run(surroundings),
  }
}

/** With a Redis, these are then at hand there; without one, it is known that they can be computed. */
async function computeKpis({ reports, config: { timeZone } }: TaskSurroundings): Promise<string> {
  const now = Date.now()
  const today = dayAt(now, timeZone)
  const yesterday = addDays(today, -1)
  const { pendingOrders } = await reports.realtime(now)
  await reports.daily(today)
  await reports.daily(yesterday)
  return `${yesterday}, ${today}; ${groupThousands(pendingOrders)} pending`
}

async function rebuildBoards(surroundings: TaskSurroundings): Promise<string> {
  const { db, queue, config, redisReports } = surroundings
  await rebuild(db, queue, 'leaderboard', config.timeZone, redisReports)
  if (!redisReports) return 'in the database'
  // The cached figures went with the boards that they were kept beside.
  await computeKpis(surroundings)
  return 'in the database and in Redis'
}

async function snapshot({ db }: TaskSurroundings): Promise<string> {
  const { waiting, active, delayed } = await takeSnapshot(db, Date.now())
  const [w, a, d] = [waiting, active, delayed].map(groupThousands)
  return `${w} waiting, ${a} active, ${d} delayed`
}

async function expire({ db }: TaskSurroundings): Promise<string> {
  return `${groupThousands(await expireReservations(db))} rolled back`
}
