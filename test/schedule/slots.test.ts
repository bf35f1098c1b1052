// When a cron line falls due. Changes of the clock, in UTC: Berlin goes forward on 2026-03-29 at 01:00 (02:00 becomes
// 03:00) and back on 2026-10-25 at 01:00 (03:00 becomes 02:00); Sydney back on 2026-04-04 at 16:00, forward on
// 2026-10-03 at 16:00.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readCron } from '../../src/config/values.js'
import { dayAt, dayStart, parseDay } from '../../src/domain/business-day.js'
import { HOUR_MS } from '../../src/domain/time.js'
import { Slots } from '../../src/schedule/slots.js'

function slotsOf(line: string, timeZone: string): Slots {
  return new Slots(readCron(line), timeZone)
}

/** The slots of the days in the zone from `from` up to, but not including, `to`. */
function slotsOnDays(line: string, timeZone: string, from: string, to: string): number[] {
  const [first, last] = [parseDay(from), parseDay(to)]
  if (!first || !last) throw new Error('no day')
  const slots = slotsOf(line, timeZone)
  const found: number[] = []
  let slot = slots.next(dayStart(first, timeZone) - 1)
  for (; slot !== null && slot < dayStart(last, timeZone); slot = slots.next(slot)) found.push(slot)
  return found
}

// Lord Howe goes back from 02:00 (+11:00) to 01:30 (+10:30), at 15:00 UTC. Cairo goes from 2026-04-24 00:00 to 01:00,
// at 22:00 UTC; Nuuk from 2026-03-28 23:00 to 2026-03-29 00:00, at 01:00.
test.each([
  ['every half hour, in spring', '*/30 * * * *', 'Europe/Berlin', '03-29 00:30, 03-29 01:00, 03-29 01:30'],
  ['every half hour, in autumn', '*/30 * * * *', 'Europe/Berlin', '10-25 00:00, 10-25 00:30, 10-25 01:00, 10-25 01:30'],
  ['every ten seconds, in spring', '*/10 * * * * *', 'Europe/Berlin', '03-29 00:59:50, 03-29 01:00:00'],
  ['a half-hour change', '*/20 * * * *', 'Australia/Lord_Howe', '04-04 14:40, 04-04 15:10, 04-04 15:30'],
  ['a repeated time, once, the first', '30 2 * * *', 'Europe/Berlin', '10-24 00:30, 10-25 00:30, 10-26 01:30'],
  ['a repeated time in the south', '30 2 * * *', 'Australia/Sydney', '04-03 15:30, 04-04 15:30, 04-05 16:30'],
  ['a skipped time, once, at the change', '30 2 * * *', 'Europe/Berlin', '03-28 01:30, 03-29 01:00, 03-30 00:30'],
  ['a skipped time in the south', '30 2 * * *', 'Australia/Sydney', '10-02 16:30, 10-03 16:00, 10-04 15:30'],
  ['a change at midnight', '30 0 * * *', 'Africa/Cairo', '04-22 22:30, 04-23 22:00, 04-24 21:30'],
  ['a change to midnight', '15 23 * * *', 'America/Nuuk', '03-28 01:15, 03-29 01:00, 03-30 00:15'],
  ['one of several hours skipped', '30 */2 * * *', 'Europe/Berlin', '03-28 23:30, 03-29 01:00, 03-29 02:30'],
  ['both a day of the month and a weekday', '0 0 13 * 5', 'UTC', '02-13 00:00, 03-13 00:00, 11-13 00:00'],
])('%s: %s in %s has the slots %s', (_, line, timeZone, times) => {
  const expected = times.split(', ').map((time) => Date.parse(`2026-${time.replace(' ', 'T')}Z`))
  const slots = slotsOf(line, timeZone)
  let slot: number | null = (expected[0] ?? 0) - 1
  const found = expected.map(() => {
    slot = slots.next(slot ?? 0)
    return slot
  })
  expect(found).toEqual(expected)
})

test('rare dates are found years away, in both directions, and impossible ones never', () => {
  const slots = slotsOf('0 12 29 2 *', 'UTC')
  expect(slots.next(Date.parse('2026-06-01'))).toBe(Date.parse('2028-02-29T12:00Z'))
  expect(slots.latest(Date.parse('2027-06-01'))).toBe(Date.parse('2024-02-29T12:00Z'))
  // The fifth Monday of a February, and the thirtieth day before its last.
  expect(slotsOf('0 0 * 2 1#5', 'UTC').next(Date.parse('2026-01-01'))).toBe(Date.parse('2044-02-29'))
  const never = slotsOf('0 0 L-30 2 *', 'UTC')
  expect([never.next(Date.parse('2026-01-01')), never.latest(Date.parse('2026-01-01'))]).toEqual([null, null])
})

const someTime = fc.tuple(fc.integer({ min: 0, max: 59 }), fc.integer({ min: 0, max: 23 }))
const someLine = fc.oneof(
  fc.integer({ min: 1, max: 30 }).map((step) => `*/${step} * * * *`),
  someTime.map(([minute, hour]) => `${minute} ${hour} * * *`),
  fc.integer({ min: 2, max: 12 }).map((step) => `7,33 */${step} * * *`),
)
const someZone = fc.constantFrom('UTC', 'Europe/Berlin', 'Australia/Sydney', 'America/Santiago', 'Africa/Cairo')
const changes = ['2026-03-29T01:00Z', '2026-10-25T01:00Z', '2026-04-04T16:00Z', '2026-10-03T16:00Z']
/** Half of them near a change. */
const someInstant = fc.oneof(
  fc.integer({ min: Date.parse('2026-01-01'), max: Date.parse('2026-12-31') }),
  fc
    .tuple(fc.constantFrom(...changes), fc.integer({ min: -3 * HOUR_MS, max: 3 * HOUR_MS }))
    .map(([change, offset]) => Date.parse(change) + offset),
)

describe('for any line, zone and instant', () => {
  test('no slot lies between the latest one and the next', () => {
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
    fc.assert(
      fc.property(someTime, someZone, ([minute, hour], timeZone) => {
        const found = slotsOnDays(`${minute} ${hour} * * *`, timeZone, '2026-01-01', '2027-01-01')
        expect(found).toHaveLength(365)
        expect(new Set(found.map((slot) => dayAt(slot, timeZone))).size).toBe(365)
      }),
      { numRuns: 10 },
    )
  })
})
