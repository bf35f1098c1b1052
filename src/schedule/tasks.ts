// The scheduled tasks.
import { rebuild } from '../audit/rebuild.js'
import type { Config } from '../config/config.js'
import type { CronLine } from '../config/values.js'
import type { Database } from '../database/connection.js'
import { databaseTime } from '../database/engine.js'
import { addDays, dayAt } from '../domain/business-day.js'
import { groupThousands } from '../domain/money.js'
import type { Queue } from '../queue/queue.js'
import type { PublishedFigures } from '../redis/figures.js'
import { takeSnapshot } from '../reports/history.js'
import { dailyKpis, realtimeKpis } from '../reports/kpis.js'
import { expireReservations } from '../workflow/settle.js'
import { checkAlarms, type Notify } from './alarm-state.js'
import { type Slots, slotsOf, TASK_NAMES, type TaskName } from './slots.js'
import { readLastRun } from './task-runs.js'

/** What tasks work on. */
export interface TaskContext {
  readonly config: Config
  readonly db: Database
  readonly queue: Queue
  readonly figures: Pick<PublishedFigures, 'publishKpis' | 'rebuild' | 'check'> | undefined
  /** Called with alarms. If left out, they are only stored. */
  readonly notify?: Notify | undefined
}

export interface Task {
  readonly name: string
  readonly description: string
  readonly cron: CronLine
  readonly slots: Pick<Slots, 'latest' | 'next'>
  /** @returns what was done, in a few words */
  run(): Promise<string>
}

const TASKS: Readonly<Record<TaskName, { description: string; run(context: TaskContext): Promise<string> }>> = {
  kpis: {
    description: 'compute the KPIs of the present days, and publish them in Redis',
    async run({ db, figures, config: { timeZone } }) {
      const now = Date.now()
      const today = dayAt(now, timeZone)
      const yesterday = addDays(today, -1)
      const { pending_orders } = await realtimeKpis(db, timeZone, now)
      // Without Redis, shows that they can be computed.
      for (const day of [today, yesterday]) await dailyKpis(db, timeZone, day)
      await figures?.publishKpis(now)
      return `${yesterday}, ${today}; ${groupThousands(pending_orders)} pending`
    },
  },
  leaderboards: {
    description: 'compare the sales figures with the orders, and rebuild the boards',
    async run({ db, queue, config, figures }) {
      await rebuild(db, queue, 'leaderboard', config.timeZone, figures)
      return figures ? 'in the database and in Redis' : 'in the database'
    },
  },
  snapshots: {
    description: 'store how many orders wait and how many were settled',
    async run({ db }) {
      const { waiting, active, delayed } = await takeSnapshot(db, await databaseTime(db))
      const [w, a, d] = [waiting, active, delayed].map(groupThousands)
      return `${w} waiting, ${a} active, ${d} delayed`
    },
  },
  reservations: {
    description: 'release the stock of reservations that have expired',
    run: async ({ db }) => `${groupThousands(await expireReservations(db))} rolled back`,
  },
  alarms: {
    description: 'check the thresholds, and notify which are crossed',
    run: ({ db, config, notify }) => checkAlarms(db, config, notify),
  },
}

export function createTask(name: TaskName, context: TaskContext): Task {
  const { config, notify } = context
  const { description, run } = TASKS[name]
  const slots = slotsOf(name, config)
  return {
    name,
    description,
    cron: config[`schedule.${name}`],
    slots: name === 'alarms' && notify ? oneMillisecondLater(slots) : slots,
    run: () => run(context),
  }
}

/** Slots for which only schedulers with a command compete: those without would run the task and call no command. */
function oneMillisecondLater(slots: Slots): Task['slots'] {
  const later = (slot: number | null) => (slot === null ? null : slot + 1)
  return { latest: (instant) => later(slots.latest(instant - 1)), next: (instant) => later(slots.next(instant - 1)) }
}

export type ScheduledTask = Awaited<ReturnType<typeof readSchedule>>[number]

/**
 * @param now epoch milliseconds
 * @returns `last`: the last run, by `schedule` or by `schedule run`. `next`: null for a line that never falls due.
 */
export function readSchedule(context: TaskContext, now: number) {
  return Promise.all(
    TASK_NAMES.map(async (task) => {
      const { name, description, cron, slots } = createTask(task, context)
      return { name, description, cron, last: await readLastRun(context.db, name), next: slots.next(now) }
    }),
  )
}
