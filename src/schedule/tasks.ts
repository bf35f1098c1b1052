// Defines the scheduled tasks and reads their state.
import { rebuild } from '../audit/rebuild.js'
import type { Config } from '../config/config.js'
import type { CronLine } from '../config/values.js'
import type { Database } from '../database/connection.js'
import { databaseTime } from '../database/engine.js'
import { addDays, dayAt } from '../domain/business-day.js'
import { groupThousands } from '../domain/money.js'
import { withGateway } from '../payments/open-gateway.js'
import type { Queue } from '../queue/queue.js'
import type { PublishedFigures } from '../redis/figures.js'
import { takeSnapshot } from '../reports/history.js'
import { dailyKpis, realtimeKpis } from '../reports/kpis.js'
import { expireReservations } from '../workflow/expire.js'
import { dateBackFutureKeys } from '../workflow/key-ages.js'
import { finishDueRefunds, refundOptionsOf } from '../workflow/refund.js'
import { checkAlarms, type Notify } from './alarm-state.js'
import { type Slots, slotsOf, TASK_NAMES, type TaskName } from './slots.js'
import { readLastRun } from './task-runs.js'

/** What tasks read and write. */
export interface TaskContext {
  readonly config: Config
  readonly db: Database
  readonly queue: Queue
  readonly figures: Pick<PublishedFigures, 'publishKpis' | 'rebuild' | 'check'> | undefined
  /** Called with alarm changes. If omitted, changes are only stored. */
  readonly notify?: Notify | undefined
}

export interface Task {
  readonly name: string
  readonly description: string
  readonly cron: CronLine
  readonly slots: Pick<Slots, 'latest' | 'next'>
  /** @returns a short summary of what was done */
  run(): Promise<string>
}

const TASKS: Readonly<Record<TaskName, { description: string; run(context: TaskContext): Promise<string> }>> = {
  kpis: {
    description: 'compute recent KPIs and publish them in Redis',
    async run({ db, figures, config: { timeZone } }) {
      const now = Date.now()
      const today = dayAt(now, timeZone)
      const yesterday = addDays(today, -1)
      const { pending_orders } = await realtimeKpis(db, timeZone, now)
      // Without Redis, this only checks that the KPIs can be computed.
      for (const day of [today, yesterday]) await dailyKpis(db, timeZone, day)
      await figures?.publishKpis(now)
      return `${yesterday}, ${today}; ${groupThousands(pending_orders)} pending`
    },
  },
  leaderboards: {
    description: 'compare sales figures with orders and rebuild the leaderboards',
    async run({ db, queue, config, figures }) {
      await rebuild(db, queue, 'leaderboard', config.timeZone, figures)
      return figures ? 'in the database and in Redis' : 'in the database'
    },
  },
  snapshots: {
    description: 'store queue lengths and the number of settled orders',
    async run({ db }) {
      const { waiting, active, delayed } = await takeSnapshot(db, await databaseTime(db))
      const [w, a, d] = [waiting, active, delayed].map(groupThousands)
      return `${w} waiting, ${a} active, ${d} delayed`
    },
  },
  reservations: {
    description: 'release the stock of expired reservations',
    run: async ({ db }) => `${groupThousands(await expireReservations(db))} rolled back`,
  },
  refunds: {
    description: 'finish refunds whose outcome is not known',
    run: async ({ db, config }) => {
      const options = refundOptionsOf(config)
      await dateBackFutureKeys(db, options.keyLifetimeMs)
      const count = await finishDueRefunds(db, (use) => withGateway(config, use), options)
      return `${groupThousands(count)} asked again`
    },
  },
  alarms: {
    description: 'check alarm thresholds and report changes',
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

/** Shifts slots, so that only schedulers with `--exec` compete for them. Others would run it without notifying. */
function oneMillisecondLater(slots: Slots): Task['slots'] {
  const later = (slot: number | null) => (slot === null ? null : slot + 1)
  return { latest: (instant) => later(slots.latest(instant - 1)), next: (instant) => later(slots.next(instant - 1)) }
}

export type ScheduledTask = Awaited<ReturnType<typeof readSchedule>>[number]

/**
 * @param now epoch milliseconds
 * @returns `last`: the last run, by `schedule` or `schedule run`; `next`: null if the cron line never matches again
 */
export function readSchedule(context: TaskContext, now: number) {
  return Promise.all(
    TASK_NAMES.map(async (task) => {
      const { name, description, cron, slots } = createTask(task, context)
      return { name, description, cron, last: await readLastRun(context.db, name), next: slots.next(now) }
    }),
  )
}
