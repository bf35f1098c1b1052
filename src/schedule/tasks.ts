// What is done by the clock: the tasks.

import { rebuild } from '../audit/rebuild.js'
import type { Config } from '../config/config.js'
import type { CronLine } from '../config/values.js'
import type { Database } from '../database/connection.js'
import { databaseTime } from '../database/engine.js'
import { addDays, dayAt } from '../domain/business-day.js'
import { groupThousands } from '../domain/money.js'
import type { Queue } from '../queue/queue.js'
import type { PublishedFigures } from '../redis/figures.js'
import { dailyKpis, realtimeKpis } from '../reports/kpis.js'
import { expireReservations } from '../workflow/expire.js'
import { checkAlarms, type Tell } from './alarm-state.js'
import type { Slots } from './slots.js'
import { takeSnapshot } from './snapshots.js'
import { slotsOf, type TaskName } from './timetable.js'

/** What tasks work on. */
export interface TaskSurroundings {
  readonly config: Config
  readonly db: Database
  readonly queue: Queue
  readonly figures: Pick<PublishedFigures, 'publishKpis' | 'rebuild' | 'check'> | undefined
  /** Who is told of alarms; without, they are written down only. */
  readonly tell?: Tell | undefined
}

export interface Task {
  readonly name: string
  readonly description: string
  readonly cron: CronLine
  readonly slots: Pick<Slots, 'latest' | 'next'>
  /** @returns what was done, in a few words */
  run(): Promise<string>
}

interface TaskKind {
  readonly description: string
  run(surroundings: TaskSurroundings): Promise<string>
}

const TASKS: Readonly<Record<TaskName, TaskKind>> = {
  kpis: { description: 'compute the KPIs of the present days, and publish them in Redis', run: computeKpis },
  leaderboards: {
    description: 'compare the sales figures with the orders, and build the boards anew',
    run: rebuildBoards,
  },
  snapshots: { description: 'write down how much waits and what was settled', run: snapshot },
  reservations: { description: 'give back the stock of reservations that have expired', run: expire },
  alarms: {
    description: 'look at the thresholds, and tell which are crossed',
    run: ({ db, config, tell }) => checkAlarms(db, config, tell),
  },
}

/**
 * A millisecond later. Of the schedulers with a command one runs each of these, whatever slots those without have taken:
 * they cannot tell anybody, and would leave nothing to do for one that can.
 */
function aside(slots: Slots): Task['slots'] {
  const later = (slot: number | null) => (slot === null ? null : slot + 1)
  return { latest: (instant) => later(slots.latest(instant - 1)), next: (instant) => later(slots.next(instant - 1)) }
}

export function createTask(name: TaskName, surroundings: TaskSurroundings): Task {
  const { config, tell } = surroundings
  const { description, run } = TASKS[name]
  const slots = slotsOf(name, config)
  return {
    name,
    description,
    cron: config[`schedule.${name}`],
    slots: name === 'alarms' && tell ? aside(slots) : slots,
    run: () => run(surroundings),
  }
}

/** Publishes them in Redis, if there is one; without it, shows that they can be computed. */
async function computeKpis({ db, figures, config: { timeZone } }: TaskSurroundings): Promise<string> {
  const now = Date.now()
  const today = dayAt(now, timeZone)
  const yesterday = addDays(today, -1)
  const { pending_orders } = await realtimeKpis(db, timeZone, now)
  await dailyKpis(db, timeZone, today)
  await dailyKpis(db, timeZone, yesterday)
  await figures?.publishKpis(now)
  return `${yesterday}, ${today}; ${groupThousands(pending_orders)} pending`
}

async function rebuildBoards({ db, queue, config, figures }: TaskSurroundings): Promise<string> {
  await rebuild(db, queue, 'leaderboard', config.timeZone, figures)
  return figures ? 'in the database and in Redis' : 'in the database'
}

async function snapshot({ db }: TaskSurroundings): Promise<string> {
  const { waiting, active, delayed } = await takeSnapshot(db, await databaseTime(db))
  const [w, a, d] = [waiting, active, delayed].map(groupThousands)
  return `${w} waiting, ${a} active, ${d} delayed`
}

async function expire({ db }: TaskSurroundings): Promise<string> {
  return `${groupThousands(await expireReservations(db))} rolled back`
}
