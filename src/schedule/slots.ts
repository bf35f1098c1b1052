// Computes the slots of a cron line: the instants at which it is due. node-cron parses the line and matches days. The
// instants within a day are computed here, because node-cron skips the hour that a clock change repeats and the times
// that one leaves out.
import { createTask, parse } from 'node-cron'
import type { Config } from '../config/config.js'
import type { CronLine } from '../config/values.js'
import { addDays, clockAt, type Day, dayAt, dayStart } from '../domain/business-day.js'

export const TASK_NAMES = ['kpis', 'leaderboards', 'snapshots', 'reservations', 'refunds', 'alarms'] as const
export type TaskName = (typeof TASK_NAMES)[number]

export function slotsOf(name: TaskName, config: Config): Slots {
  return new Slots(config[`schedule.${name}`], config['schedule.timeZone'])
}

/** Longest search in days: 29 February falls on a given weekday every 28 years, or after 40 years around 2100. */
const MAX_DAYS = 41 * 366

/**
 * A line for every hour follows elapsed time: 25 hourly slots on the long day of a clock change, 23 on the short one. A
 * line with specific hours follows local time: each time is one slot per matching day. A repeated time uses its first
 * occurrence; a skipped time uses the moment of the change.
 */
export class Slots {
  readonly #timeZone: string
  readonly #everyHour: boolean
  /** Local times, in milliseconds since midnight. */
  readonly #times: readonly number[]
  readonly #fallsOn: (day: Day) => boolean
  /** Cache of the last day: a line with seconds has up to 86,400 slots. */
  #lastDay: { readonly day: Day; readonly slots: readonly number[] } | undefined

  constructor(line: CronLine, timeZone: string) {
    const { hour, minute, second } = parse(line)
    this.#timeZone = timeZone
    this.#everyHour = hour.length === 24
    this.#times = hour.flatMap((h) => minute.flatMap((m) => second.map((s) => ((h * 60 + m) * 60 + s) * 1000)))
    const [anyTime = 0] = this.#times
    const task = createTask(line, () => undefined, { timezone: 'UTC' })
    this.#fallsOn = (day) => task.match(new Date(midnightOf(day) + anyTime))
  }

  /** Returns the last slot at or before the instant (epoch milliseconds), or null. */
  latest(instant: number): number | null {
    return this.#search(instant, -1, (slots) => slots.findLast((slot) => slot <= instant))
  }

  /** Returns the first slot after the instant, or null. */
  next(instant: number): number | null {
    return this.#search(instant, 1, (slots) => slots.find((slot) => slot > instant))
  }

  #search(from: number, step: 1 | -1, pick: (slots: readonly number[]) => number | undefined): number | null {
    let day = dayAt(from, this.#timeZone)
    for (let tries = 0; tries < MAX_DAYS; tries++, day = addDays(day, step)) {
      if (!this.#fallsOn(day)) continue
      if (this.#lastDay?.day !== day) this.#lastDay = { day, slots: this.#slotsOn(day) }
      const slot = pick(this.#lastDay.slots)
      if (slot !== undefined) return slot
    }
    return null
  }

  #slotsOn(day: Day): number[] {
    const { before, after, change } = this.#offsetsOn(day)
    const slots = this.#times.flatMap((time) => {
      const early = midnightOf(day) + time - before
      const late = midnightOf(day) + time - after
      if (this.#everyHour) return [...(early < change ? [early] : []), ...(late >= change ? [late] : [])]
      return early < change ? [early] : [Math.max(late, change)]
    })
    return [...new Set(slots)].sort((a, b) => a - b)
  }

  /** Returns the offset from UTC before and after the day, and the instant of the change. */
  #offsetsOn(day: Day): { before: number; after: number; change: number } {
    let earlier = dayStart(day, this.#timeZone) - 1
    let change = dayStart(addDays(day, 1), this.#timeZone)
    const before = this.#offsetAt(earlier)
    const after = this.#offsetAt(change)
    if (before === after) return { before, after, change: Number.POSITIVE_INFINITY }
    while (change - earlier > 1) {
      const middle = Math.floor((earlier + change) / 2)
      if (this.#offsetAt(middle) === before) earlier = middle
      else change = middle
    }
    return { before, after, change }
  }

  #offsetAt(instant: number): number {
    const shown = Date.parse(`${clockAt(instant, this.#timeZone).replace(' ', 'T')}Z`)
    return shown - Math.floor(instant / 1000) * 1000
  }
}

function midnightOf(day: Day): number {
  return Date.parse(`${day}T00:00:00Z`)
}
