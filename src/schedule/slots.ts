// The slots of a cron line: the instants at which it falls due.
//
// node-cron reads the line and knows which days it names. Which instants its times are on such a day is worked out here,
// since node-cron's own search passes over the hour that autumn repeats, and over the times that spring leaves out.
import { createTask, parse } from 'node-cron'
import type { CronLine } from '../config/values.js'
import { addDays, clockAt, type Day, dayAt, dayStart } from '../domain/business-day.js'

/** The longest search: 29 February on a given weekday comes every 28 years, or once in 40 around 2100. */
const MOST_DAYS = 41 * 366

/**
 * A line that names every hour goes by real time: on the long day of a change it has a slot in 25 hours, on the short one
 * in 23. A line that names hours goes by the clock: each of its times is one slot on every day that it names, the first
 * of the two where the clock shows it twice, and the moment of the change where the clock leaps over it.
 */
export class Slots {
  readonly #timeZone: string
  readonly #everyHour: boolean
  /** Milliseconds since midnight, as a clock shows it. */
  readonly #times: readonly number[]
  readonly #names: (day: Day) => boolean
  /** Of the day that was asked about last: a line with seconds has 86,400 of them. */
  #lastDay: { readonly day: Day; readonly slots: readonly number[] } | undefined

  constructor(line: CronLine, timeZone: string) {
    const { hour, minute, second } = parse(line)
    this.#timeZone = timeZone
    this.#everyHour = hour.length === 24
    this.#times = hour.flatMap((h) => minute.flatMap((m) => second.map((s) => ((h * 60 + m) * 60 + s) * 1000)))
    const [anyTime = 0] = this.#times
    const task = createTask(line, () => undefined, { timezone: 'UTC' })
    this.#names = (day) => task.match(new Date(midnightOf(day) + anyTime))
  }

  /** The last slot at or before the instant (epoch milliseconds); null where there is none. */
  latest(instant: number): number | null {
    return this.#search(instant, -1, (slots) => slots.findLast((slot) => slot <= instant))
  }

  /** The first slot after the instant; null where there is none. */
  next(instant: number): number | null {
    return this.#search(instant, 1, (slots) => slots.find((slot) => slot > instant))
  }

  #search(from: number, step: 1 | -1, pick: (slots: readonly number[]) => number | undefined): number | null {
    let day = dayAt(from, this.#timeZone)
    for (let tries = 0; tries < MOST_DAYS; tries++, day = addDays(day, step)) {
      const slot = this.#names(day) ? pick(this.#slotsOf(day)) : undefined
      if (slot !== undefined) return slot
    }
    return null
  }

  #slotsOf(day: Day): readonly number[] {
    if (this.#lastDay?.day !== day) this.#lastDay = { day, slots: this.#slotsOn(day) }
    return this.#lastDay.slots
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

  /** How far the clock is ahead of UTC before the day and after it, and the instant at which that changes, if ever. */
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
