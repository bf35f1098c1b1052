// Dates are read as they are written, or rejected with a reason. Evidence settles the order of day and month.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { monthNumber } from '../../src/csv/date-names.js'
import { DateEvidence, type DateOrder, readDate } from '../../src/csv/dates.js'
import { readOrderDateUntil } from '../../src/csv/values.js'
import { verdictOn } from './verdict.js'

const READ: readonly (readonly [text: string, order: DateOrder | undefined, read: string])[] = [
  // As in the files of formats/.
  ['2025-03-03 09:05:00', undefined, '2025-03-03T09:05:00'],
  ['03.03.2025 09:05', 'dmy', '2025-03-03T09:05:00'],
  ['2025-01-14 19:40:05 -0500', undefined, '2025-01-15T00:40:05Z'],
  ['2025-02-10T18:22:41+00:00', undefined, '2025-02-10T18:22:41Z'],
  ['2025-06-29T16:05:33-07:00', undefined, '2025-06-29T23:05:33Z'],
  ['2025-08-30T22:58:41Z', undefined, '2025-08-30T22:58:41Z'],
  ['Mar-14-25', undefined, '2025-03-14T00:00:00'],
  ['31-May-25', undefined, '2025-05-31T00:00:00'],
  ['3/14/25', 'mdy', '2025-03-14T00:00:00'],
  ['01/17/25', 'mdy', '2025-01-17T00:00:00'],
  ['3/4/2025 8:26', 'mdy', '2025-03-04T08:26:00'],
  ['03/04/2025 10:15', 'dmy', '2025-04-03T10:15:00'],
  ['03/04/2025 10:15', 'mdy', '2025-03-04T10:15:00'],
  ['1/5/2019 13:08', 'mdy', '2019-01-05T13:08:00'],
  ['2025-07-19 16:44:09', undefined, '2025-07-19T16:44:09'],
  // Numbers with other marks.
  ['2025/03/14', undefined, '2025-03-14T00:00:00'],
  ['2025.03.14 08:00', 'dmy', '2025-03-14T08:00:00'],
  ['2025-3-4', 'mdy', '2025-03-04T00:00:00'],
  ['2025. 3. 14.', undefined, '2025-03-14T00:00:00'],
  ['14. 3. 2025', 'dmy', '2025-03-14T00:00:00'],
  ['14-03-2025', 'dmy', '2025-03-14T00:00:00'],
  ['25-03-14', 'ymd', '2025-03-14T00:00:00'],
  ['25-03-14', 'dmy', '2014-03-25T00:00:00'],
  ['01.02.69', 'dmy', '2069-02-01T00:00:00'],
  ['01.02.70', 'dmy', '1970-02-01T00:00:00'],
  ['14.03.2025, 10:30', 'dmy', '2025-03-14T10:30:00'],
  ['Fr., 14.03.2025', 'dmy', '2025-03-14T00:00:00'],
  ['mar 14 mars 2023', undefined, '2023-03-14T00:00:00'],
  ['Mar 14 2023', undefined, '2023-03-14T00:00:00'],
  // One reading only, or the same one in each order.
  ['14/03/2025', undefined, '2025-03-14T00:00:00'],
  ['03/03/2025', undefined, '2025-03-03T00:00:00'],
  // Names of months.
  ['14-Mar-25', undefined, '2025-03-14T00:00:00'],
  ['14-MAR-2025 08:00:00', undefined, '2025-03-14T08:00:00'],
  ['01AUG2025', undefined, '2025-08-01T00:00:00'],
  ['March 14, 2025', undefined, '2025-03-14T00:00:00'],
  ['March 14th, 2025', undefined, '2025-03-14T00:00:00'],
  ['Sept. 1, 2025', undefined, '2025-09-01T00:00:00'],
  ["14 Mar '25", undefined, '2025-03-14T00:00:00'],
  ['2025-Mar-14', undefined, '2025-03-14T00:00:00'],
  ['14. März 2025', undefined, '2025-03-14T00:00:00'],
  ['14. Ma\u0308rz 2025 um 10:30 Uhr', undefined, '2025-03-14T10:30:00'],
  ['14 mars 2025', undefined, '2025-03-14T00:00:00'],
  ['1er août 2025 à 10:30', undefined, '2025-08-01T10:30:00'],
  ['14 de marzo de 2025', undefined, '2025-03-14T00:00:00'],
  ['1º de março de 2025', undefined, '2025-03-01T00:00:00'],
  ['14 dic 2025', undefined, '2025-12-14T00:00:00'],
  ['14 mrt. 2025', undefined, '2025-03-14T00:00:00'],
  // Weekdays, AM and PM, fractions, zones.
  ['Fri, 14 Mar 2025 08:00:00 +0100', undefined, '2025-03-14T07:00:00Z'],
  ['Fri Mar 14 2025 08:00:00 GMT+0100 (Central European Standard Time)', undefined, '2025-03-14T07:00:00Z'],
  ['sexta-feira, 14 de março de 2025', undefined, '2025-03-14T00:00:00'],
  ['3/14/2025 12:05:09 AM', 'mdy', '2025-03-14T00:05:09'],
  ['3/14/2025 12:05 PM', 'mdy', '2025-03-14T12:05:00'],
  ['Mar 14, 2025 4:44:09\u202fp.m. PDT', undefined, '2025-03-14T23:44:09Z'],
  ['3/14/2025 8:00pm', 'mdy', '2025-03-14T20:00:00'],
  ['14.03.2025 08:00:00,250', 'dmy', '2025-03-14T08:00:00'],
  ['2025-03-14 08:00:00 UTC', undefined, '2025-03-14T08:00:00Z'],
  ['2025-03-14 08:00 GMT', undefined, '2025-03-14T08:00:00Z'],
  ['2025-03-14 08:00 UTC+2', undefined, '2025-03-14T06:00:00Z'],
  ['14.03.2025 08:00 CET', 'dmy', '2025-03-14T07:00:00Z'],
  ['14.07.2025 08:00 CEST', 'dmy', '2025-07-14T06:00:00Z'],
  ['2025-03-14 08:00 EST', undefined, '2025-03-14T13:00:00Z'],
  ['  2025-03-14\u00a0 08:00'.trim(), undefined, '2025-03-14T08:00:00'],
  // Digits only.
  ['20250314', undefined, '2025-03-14T00:00:00'],
  ['20250314 08:30', undefined, '2025-03-14T08:30:00'],
  ['20250314T080000', undefined, '2025-03-14T08:00:00'],
  ['20250314T080000Z', undefined, '2025-03-14T08:00:00Z'],
  ['20250314080000', undefined, '2025-03-14T08:00:00'],
  ['1741939200', undefined, '2025-03-14T08:00:00Z'],
  ['1741939200123', undefined, '2025-03-14T08:00:00Z'],
]

const SPREADSHEET = "a spreadsheet's number for a date"
const UNKNOWN = 'expected YYYY-MM-DD'

const REFUSED: readonly (readonly [text: string, order: DateOrder | undefined, reason: string])[] = [
  ['45730.378', undefined, SPREADSHEET],
  ['45730,378', 'dmy', SPREADSHEET],
  ['45730', undefined, SPREADSHEET],
  ['03/04/2025', undefined, 'which can have the day or the month first; choose with --date-format'],
  ['14/03/2025', 'mdy', 'not a valid date with the month first'],
  ['03/14/2025', 'dmy', 'not a valid date with the day first'],
  ['14/03/2025', 'ymd', 'not a valid date with the year first'],
  ['25/03/14', 'ymd', 'not a valid date with the year first'],
  ['31.02.2025', 'dmy', 'not a valid date'],
  ['99/99/2025', undefined, 'not a valid date'],
  ['31 feb 2025', undefined, 'not a valid date'],
  ['2025-13-14', undefined, 'not a valid date'],
  ['1899-12-30', undefined, 'not a valid date'],
  ['20251314', undefined, 'not a valid date'],
  ['14.03.2025 24:00', 'dmy', 'not a valid time'],
  ['14.03.2025 10:60', 'dmy', 'not a valid time'],
  ['14.03.2025 13:00 PM', 'dmy', 'not a valid time'],
  ['14.03.2025 0:00 AM', 'dmy', 'not a valid time'],
  ['14.03.2025 08:00 +15:00', 'dmy', 'not a valid UTC offset'],
  ['2025-03-14 08:00 XYZ', undefined, 'in an unknown time zone; use an offset such as +01:00'],
  ['', undefined, UNKNOWN],
  ['soon', undefined, UNKNOWN],
  ['10:30', undefined, UNKNOWN],
  ['14 Foo 2025', undefined, UNKNOWN],
  ['March 2025', undefined, UNKNOWN],
  ['14/03-2025', undefined, UNKNOWN],
  ['1/2/3', 'dmy', 'not a valid date with the day first'],
  ['14/03/202', 'dmy', UNKNOWN],
  ['174193920', undefined, UNKNOWN],
]

describe('dates', () => {
  test.each(READ)('%j with order %s is %s', (text, order, read) => {
    expect(readDate(text, order)).toBe(read)
  })

  test.each(REFUSED)('%j with order %s is rejected: %s', (text, order, reason) => {
    expect(() => readDate(text, order)).toThrow(reason)
  })

  test('of the column are bounded', () => {
    const read = readOrderDateUntil('2026-03-14T00:00:00', 'dmy')
    expect(read('14.03.2026')).toBe('2026-03-14T00:00:00')
    expect(() => read('15.03.2026')).toThrow('more than a year ahead')
    expect(() => read('31.12.1969')).toThrow('before 1970')
  })

  const LANGUAGES = ['en', 'de', 'fr', 'es', 'pt', 'it', 'nl']

  test('no name stands for two months', () => {
    for (const locale of LANGUAGES) {
      for (const month of ['long', 'short'] as const) {
        for (let index = 0; index < 12; index++) {
          const name = new Intl.DateTimeFormat(locale, { month, timeZone: 'UTC' }).format(Date.UTC(2025, index, 15))
          expect(monthNumber(name), `${locale}: ${name}`).toBe(index + 1)
        }
      }
    }
  })

  const two = (value: number) => String(value).padStart(2, '0')
  const DATE_FORMATS: readonly (readonly [
    order: DateOrder | undefined,
    write: (y: number, m: number, d: number) => string,
  ])[] = [
    ...['-', '/', '.'].flatMap((mark) => [
      [undefined, (y: number, m: number, d: number) => [y, two(m), two(d)].join(mark)] as const,
      ['mdy', (y: number, m: number, d: number) => [y, m, d].join(mark)] as const,
      ['dmy', (y: number, m: number, d: number) => [two(d), two(m), y].join(mark)] as const,
      ['dmy', (y: number, m: number, d: number) => [d, m, two(y % 100)].join(mark)] as const,
      ['mdy', (y: number, m: number, d: number) => [m, d, y].join(mark)] as const,
      ['mdy', (y: number, m: number, d: number) => [two(m), two(d), two(y % 100)].join(mark)] as const,
    ]),
    ['ymd', (y, m, d) => [y % 100, m, d].map(two).join('-')],
    ['dmy', (y, m, d) => `${d}. ${m}. ${y}`],
    [undefined, (y, m, d) => `${y}${two(m)}${two(d)}`],
    ...LANGUAGES.flatMap((locale) =>
      (['long', 'medium', 'full'] as const)
        .filter((dateStyle) =>
          new Intl.DateTimeFormat(locale, { dateStyle }).formatToParts(0).some(({ value }) => /\p{L}{3}/u.test(value)),
        )
        .map((dateStyle) => {
          const format = new Intl.DateTimeFormat(locale, { dateStyle, timeZone: 'UTC' })
          return [undefined, (y: number, m: number, d: number) => format.format(Date.UTC(y, m - 1, d))] as const
        }),
    ),
  ]
  const TIME_FORMATS: readonly ((hour: number, minute: number) => string)[] = [
    (hour, minute) => ` ${two(hour)}:${two(minute)}`,
    (hour, minute) => ` ${hour}:${two(minute)}:00`,
    (hour, minute) => ` ${two(hour)}:${two(minute)}:00.123`,
    (hour, minute) => ` ${hour % 12 || 12}:${two(minute)} ${hour < 12 ? 'AM' : 'PM'}`,
    (hour, minute) => `, ${hour % 12 || 12}:${two(minute)}:00\u202f${hour < 12 ? 'a.m.' : 'p.m.'}`,
  ]
  const OFFSETS: readonly (readonly [text: string, minutes: number])[] = [
    ['Z', 0],
    [' UTC', 0],
    ['+02:00', 120],
    [' -0530', -330],
    [' GMT+1', 60],
    [' PST', -480],
  ]
  // Two digits of a year stand for 1970 to 2069.
  const anyDay = fc.date({ min: new Date('1970-01-01'), max: new Date('2069-12-31'), noInvalidDate: true })

  test('any date and time read back the same in any format', () => {
    const format = fc.constantFrom(...DATE_FORMATS)
    const time = fc.option(fc.constantFrom(...TIME_FORMATS), { nil: undefined })
    const offset = fc.option(fc.constantFrom(...OFFSETS), { nil: undefined })
    fc.assert(
      fc.property(anyDay, format, time, offset, (instant, [order, write], writeTime, offset) => {
        const [year, month, day] = [instant.getUTCFullYear(), instant.getUTCMonth() + 1, instant.getUTCDate()]
        const [hour, minute] = [instant.getUTCHours(), instant.getUTCMinutes()]
        const date = write(year, month, day)
        if (!writeTime) {
          expect(readDate(date, order), date).toBe(`${year}-${two(month)}-${two(day)}T00:00:00`)
          return
        }
        const [zone = '', ahead = 0] = offset ?? []
        const text = `${date}${writeTime(hour, minute)}${zone}`
        const shifted = new Date(Date.UTC(year, month - 1, day, hour, minute - ahead)).toISOString().slice(0, 19)
        expect(readDate(text, order), text).toBe(`${shifted}${offset ? 'Z' : ''}`)
      }),
      { numRuns: 10_000 },
    )
  })
})

const verdictOf = (values: readonly string[]) => verdictOn(new DateEvidence(), values)

test('a text of more than 100 characters is no date and no evidence', () => {
  const long = `13/02/2025${' at'.repeat(31)}`
  expect(() => readDate(long, 'dmy')).toThrow('has 103 characters')
  expect(verdictOf([long]).kind).toBe('irrelevant')
})

describe('the order of a column of dates', () => {
  test.each<readonly [text: string, reading: DateOrder]>([
    ['14.03.2025 08:00', 'dmy'],
    ['3/13/2025', 'mdy'],
    ['3/14/25 10:00 PM', 'mdy'],
    ['31/12/24', 'dmy'],
    ['29.02.2024', 'dmy'],
  ])('is settled by %j', (text, reading) => {
    const by = { text, line: 3 }
    expect(verdictOf(['03/04/2025', text, '05/06/2025'])).toEqual({ kind: 'settled', reading, by })
  })

  test.each([
    ['2025-03-04'],
    ['2025/3/4'],
    ['Mar-04-25'],
    ['4. März 2025'],
    ['20250304'],
    ['1741939200'],
    ['03/03/2025'],
    ['99/99/2025'],
    ['45730.378'],
    [''],
  ])('does not depend on %j', (text) => {
    expect(verdictOf([text, text])).toEqual({ kind: 'irrelevant' })
  })

  test('may be year first with two digits of a year, if these are the only numbers that fit', () => {
    const readings = ['dmy', 'ymd']
    expect(verdictOf(['25-03-14'])).toEqual({ kind: 'open', example: { text: '25-03-14', line: 2 }, readings })
    const by = { text: '33-03-14', line: 3 }
    expect(verdictOf(['25-03-14', '33-03-14'])).toEqual({ kind: 'settled', reading: 'ymd', by })
    expect(verdictOf(['25/03/14'])).toMatchObject({ kind: 'settled', reading: 'dmy' })
  })

  test('is contradicted by two values that need different orders', () => {
    expect(verdictOf(['01/02/2025', '14/03/2025', '15/03/2025', '03/16/2025', '17/03/2025'])).toEqual({
      kind: 'contradiction',
      one: { text: '14/03/2025', line: 3 },
      other: { text: '03/16/2025', line: 5 },
    })
  })

  const day = fc.integer({ min: 1, max: 12 })
  const ambiguous = fc
    .tuple(
      day,
      day,
      fc.constantFrom('2025', '2024', '25'),
      fc.constantFrom('/', '.', '-'),
      fc.constantFrom('', ' 10:30'),
    )
    .filter(([first, second]) => first !== second)
    .map(([first, second, year, mark, time]) => `${[first, second, year].join(mark)}${time}`)
  const any = fc.oneof(
    ambiguous,
    fc.constantFrom('14/03/2025', '03/14/2025', '25-03-14', '2025-03-04', 'x', '03/03/25'),
  )

  test('is open for any column of ambiguous dates', () => {
    fc.assert(
      fc.property(fc.array(ambiguous, { minLength: 1 }), (values) => {
        expect(verdictOf(values)).toMatchObject({ kind: 'open', example: { text: values[0], line: 2 } })
      }),
    )
  })

  test('once settled, stays settled the same way or is contradicted, whatever follows', () => {
    fc.assert(
      fc.property(fc.array(any), fc.array(any), (before, after) => {
        const [first, then] = [verdictOf(before), verdictOf([...before, ...after])]
        if (first.kind === 'settled' && then.kind !== 'contradiction') expect(then).toEqual(first)
        if (first.kind === 'contradiction') expect(then).toEqual(first)
        if (first.kind === 'open') expect(then.kind).not.toBe('irrelevant')
      }),
      { numRuns: 2000 },
    )
  })
})
