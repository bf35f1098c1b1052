// When a cron line falls due. Changes of the clock, in UTC: Berlin goes forward on 2026-03-29 at 01:00 (02:00 becomes
// 03:00) and back on 2026-10-25 at 01:00 (03:00 becomes 02:00); Sydney back on 2026-04-04 at 16:00, forward on 2026-10-03
// at 16:00.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readCron } from '../../src/config/values.js'
import { dayAt, dayStart, parseDay } from '../../src/domain/business-day.js'
import { Slots } from '../../src/schedule/slots.js'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

function slotsOf(line: string, timeZone: string): Slots {
  return new Slots(readCron(line), timeZone)
}

/** The slots from `from` (counted) to `to` (not counted), as `MM-DD HH:MM` in UTC. */
function between(line: string, timeZone: string, from: string, to: string): string[] {
  return instantsBetween(slotsOf(line, timeZone), Date.parse(from), Date.parse(to)).map((slot) =>
    new Date(slot).toISOString().slice(5, 16).replace('T', ' '),
  )
}

function instantsBetween(slots: Slots, from: number, to: number): number[] {
  const found: number[] = []
  for (let slot = slots.next(from - 1); slot !== null && slot < to; slot = slots.next(slot)) found.push(slot)
  return found
}

/** How many slots the calendar day has in the zone. */
function countOn(line: string, timeZone: string, date: string, following: string): number {
  const [day, next] = [parseDay(date), parseDay(following)]
  if (!day || !next) throw new Error('no day')
  return instantsBetween(slotsOf(line, timeZone), dayStart(day, timeZone), dayStart(next, timeZone)).length
}

describe('a line for every hour goes by real time', () => {
  test.each([
    ['Europe/Berlin', '2026-03-28', '2026-03-29', 24],
    ['Europe/Berlin', '2026-03-29', '2026-03-30', 23],
    ['Europe/Berlin', '2026-10-25', '2026-10-26', 25],
    ['Australia/Sydney', '2026-04-05', '2026-04-06', 25],
    ['Australia/Sydney', '2026-10-04', '2026-10-05', 23],
    ['Asia/Kolkata', '2026-03-29', '2026-03-30', 24],
  ])('%s has on %s (until %s) %i hours', (timeZone, day, next, hours) => {
    expect(countOn('0 * * * *', timeZone, day, next)).toBe(hours)
    expect(countOn('*/5 * * * *', timeZone, day, next)).toBe(12 * hours)
  })

  test('around both changes in Berlin', () => {
    expect(between('*/30 * * * *', 'Europe/Berlin', '2026-03-29T00:30Z', '2026-03-29T02:00Z')).toEqual([
      '03-29 00:30',
      '03-29 01:00',
      '03-29 01:30',
    ])
    expect(between('*/30 * * * *', 'Europe/Berlin', '2026-10-25T00:00Z', '2026-10-25T02:30Z')).toEqual([
      '10-25 00:00',
      '10-25 00:30',
      '10-25 01:00',
      '10-25 01:30',
      '10-25 02:00',
    ])
  })

  test('a zone that changes by half an hour keeps its steps', () => {
    // Lord Howe goes back from 02:00 (+11:00) to 01:30 (+10:30), at 15:00 UTC.
    expect(between('*/20 * * * *', 'Australia/Lord_Howe', '2026-04-04T14:20Z', '2026-04-04T15:40Z')).toEqual([
      '04-04 14:20',
      '04-04 14:40',
      '04-04 15:10',
      '04-04 15:30',
    ])
  })
})

describe('a line that names hours goes by the clock', () => {
  test('a time that autumn repeats is one slot, the first', () => {
    expect(between('30 2 * * *', 'Europe/Berlin', '2026-10-24T00:00Z', '2026-10-27T00:00Z')).toEqual([
      '10-24 00:30',
      '10-25 00:30',
      '10-26 01:30',
    ])
    expect(between('30 2 * * *', 'Australia/Sydney', '2026-04-03T12:00Z', '2026-04-06T12:00Z')).toEqual([
      '04-03 15:30',
      '04-04 15:30',
      '04-05 16:30',
    ])
  })

  test('a time that spring leaves out is one slot, at the change', () => {
    expect(between('30 2 * * *', 'Europe/Berlin', '2026-03-28T00:00Z', '2026-03-31T00:00Z')).toEqual([
      '03-28 01:30',
      '03-29 01:00',
      '03-30 00:30',
    ])
    expect(between('30 2 * * *', 'Australia/Sydney', '2026-10-02T12:00Z', '2026-10-05T12:00Z')).toEqual([
      '10-02 16:30',
      '10-03 16:00',
      '10-04 15:30',
    ])
  })

  test('a change at midnight, and one to midnight', () => {
    // Cairo goes from 2026-04-24 00:00 to 01:00, at 22:00 UTC; Nuuk from 2026-03-28 23:00 to 2026-03-29 00:00, at 01:00.
    expect(between('30 0 * * *', 'Africa/Cairo', '2026-04-22T12:00Z', '2026-04-25T12:00Z')).toEqual([
      '04-22 22:30',
      '04-23 22:00',
      '04-24 21:30',
    ])
    expect(between('15 23 * * *', 'America/Nuuk', '2026-03-27T12:00Z', '2026-03-30T12:00Z')).toEqual([
      '03-28 01:15',
      '03-29 01:00',
      '03-30 00:15',
    ])
  })

  test('several hours, of which the change takes one', () => {
    expect(between('30 */2 * * *', 'Europe/Berlin', '2026-03-28T23:00Z', '2026-03-29T04:00Z')).toEqual([
      '03-28 23:30',
      '03-29 01:00',
      '03-29 02:30',
    ])
  })
})

describe('days', () => {
  test('a day of the month and a weekday must both be', () => {
    expect(between('0 0 13 * 5', 'UTC', '2026-01-01T00:00Z', '2027-01-01T00:00Z')).toEqual([
      '02-13 00:00',
      '03-13 00:00',
      '11-13 00:00',
    ])
  })

  test('29 February is found years away, in both directions', () => {
    const slots = slotsOf('0 12 29 2 *', 'UTC')
    expect(slots.next(Date.parse('2026-06-01'))).toBe(Date.parse('2028-02-29T12:00Z'))
    expect(slots.latest(Date.parse('2027-06-01'))).toBe(Date.parse('2024-02-29T12:00Z'))
  })

  test('a fifth Monday in February comes in 2044, a thirtieth day before its last never', () => {
    expect(slotsOf('0 0 * 2 1#5', 'UTC').next(Date.parse('2026-01-01'))).toBe(Date.parse('2044-02-29'))
    const never = slotsOf('0 0 L-30 2 *', 'UTC')
    expect(never.next(Date.parse('2026-01-01'))).toBeNull()
    expect(never.latest(Date.parse('2026-01-01'))).toBeNull()
  })

  test('a line may have seconds', () => {
    const slots = slotsOf('*/10 * * * * *', 'Europe/Berlin')
    expect(slots.next(Date.parse('2026-03-29T00:59:50Z'))).toBe(Date.parse('2026-03-29T01:00:00Z'))
    expect(slots.latest(Date.parse('2026-03-29T01:00:09Z'))).toBe(Date.parse('2026-03-29T01:00:00Z'))
  })
})

const someLine = fc.oneof(
  fc.integer({ min: 1, max: 30 }).map((step) => `*/${step} * * * *`),
  fc
    .tuple(fc.integer({ min: 0, max: 59 }), fc.integer({ min: 0, max: 23 }))
    .map(([minute, hour]) => `${minute} ${hour} * * *`),
  fc.integer({ min: 2, max: 12 }).map((step) => `7,33 */${step} * * *`),
)
const someZone = fc.constantFrom('UTC', 'Europe/Berlin', 'Australia/Sydney', 'America/Santiago', 'Africa/Cairo')
const YEAR_2026 = { min: Date.parse('2026-01-01'), max: Date.parse('2026-12-31') }
/** Near a change as often as not. */
const someInstant = fc.oneof(
  fc.integer(YEAR_2026),
  fc
    .tuple(
      fc.constantFrom('2026-03-29T01:00Z', '2026-10-25T01:00Z', '2026-04-04T16:00Z', '2026-10-03T16:00Z'),
      fc.integer({ min: -3 * HOUR_MS, max: 3 * HOUR_MS }),
    )
    .map(([change, offset]) => Date.parse(change) + offset),
)

describe('always', () => {
  test('the latest slot and the next one lie around the instant, with none between them', () => {
    fc.assert(
      fc.property(someLine, someZone, someInstant, (line, timeZone, instant) => {
        const slots = slotsOf(line, timeZone)
        const latest = slots.latest(instant) ?? Number.NaN
        const next = slots.next(instant) ?? Number.NaN
        expect(latest).toBeLessThanOrEqual(instant)
        expect(next).toBeGreaterThan(instant)
        expect(slots.next(latest)).toBe(next)
        expect(slots.latest(next)).toBe(next)
        expect(slots.latest(next - 1)).toBe(latest)
      }),
      { numRuns: 300 },
    )
  })

  test('a daily line has one slot on each of the days of 2026', () => {
    const time = fc.tuple(fc.integer({ min: 0, max: 59 }), fc.integer({ min: 0, max: 23 }))
    fc.assert(
      fc.property(time, someZone, ([minute, hour], timeZone) => {
        const [first, last] = [parseDay('2026-01-01'), parseDay('2027-01-01')]
        if (!first || !last) throw new Error('no day')
        const slots = slotsOf(`${minute} ${hour} * * *`, timeZone)
        const found = instantsBetween(slots, dayStart(first, timeZone), dayStart(last, timeZone))
        expect(found).toHaveLength(365)
        expect(new Set(found.map((slot) => dayAt(slot, timeZone))).size).toBe(365)
      }),
      { numRuns: 10 },
    )
  })
})
