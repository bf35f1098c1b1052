// Dates as people write them, and which order of day, month and year a column uses.
import { dayExists } from '../domain/business-day.js'
import { isWeekday, monthNumber, zoneOffset } from './date-names.js'
import { Evidence, type Verdict } from './evidence.js'
import { invalid } from './invalid.js'

export type DateOrder = 'ymd' | 'dmy' | 'mdy'

const ORDERS: readonly DateOrder[] = ['dmy', 'mdy', 'ymd']

/**
 * Collects the evidence of one column: a value that is a real date in one order only settles it. Values that are the
 * same date in each order, such as `03/03/2025`, and values that are no date are ignored.
 */
export class DateEvidence {
  readonly #evidence = new Evidence(ORDERS)

  add(text: string, line: number): void {
    if (text.length > MAX_LENGTH) return
    const { date } = splitTime(text)
    if (isImplausible(date)) this.#evidence.narrow(['dmy', 'ymd'], text, line)
    const numbers = NUMBERS.exec(date)
    if (!numbers || startsWithYear(numbers)) return
    const readings = readingsOf(numbers)
    const [reading] = readings
    if (!reading || (readings.length > 1 && readSame(readings))) return
    const orders = readings.map(({ order }) => order)
    this.#evidence.narrow(orders, text, line)
  }

  verdict(): Verdict<DateOrder> {
    return this.#evidence.verdict()
  }
}

/** Longer texts are no dates. Bounds the work for a cell of megabytes. */
const MAX_LENGTH = 100

const ISO =
  /^(\d{4})([-/.])(\d{2})\2(\d{2})(?:[ T](\d{2}):(\d{2})(?::(\d{2})(?:\.\d{1,9})?)?(?: ?(Z|z|[+-]\d{2}(?::?\d{2})?))?)?$/

const YEAR_10000 = Date.UTC(10_000, 0)

/**
 * Reads a date. `order` settles dates that have only numbers; without it, those that are different dates in several
 * orders are rejected.
 *
 * @returns the shop's local time, as in `2025-01-15T17:41:00`; if the text has an offset, the time in UTC with a `Z`
 */
export function readDate(text: string, order: DateOrder | undefined): string {
  const match = ISO.exec(text)
  if (!match) return readFull(text, order) ?? readWritten(text, order)
  const [, year = '', , month = '', day = '', hour = '00', minute = '00', second = '00', zone] = match
  if (!isReal(Number(year), Number(month), Number(day))) return invalid(`is "${text}", not a valid date`)
  if (hour > '23' || minute > '59' || second > '59') return invalid(`is "${text}", not a valid time`)
  return inZone(`${year}-${month}-${day}T${hour}:${minute}:${second}`, zone, text)
}

const FULL = /^(\d{2})([-/.])(\d{2})\2(\d{4})(?: (\d{2}):(\d{2})(?::(\d{2}))?)?$/

/** Fast path for `14.03.2025 08:00`, which takes a third of the time. */
function readFull(text: string, order: DateOrder | undefined): string | undefined {
  const [, first = '', , second = '', year, hour = '00', minute = '00', seconds = '00'] = FULL.exec(text) ?? []
  if (!year || !order || order === 'ymd' || hour > '23' || minute > '59' || seconds > '59') return undefined
  const [day, month] = order === 'dmy' ? [first, second] : [second, first]
  const isDate = isReal(Number(year), Number(month), Number(day))
  return isDate ? `${year}-${month}-${day}T${hour}:${minute}:${seconds}` : undefined
}

function isReal(year: number, month: number, day: number): boolean {
  return year >= 1900 && dayExists(year, month, day)
}

function inZone(local: string, zone: string | undefined, text: string): string {
  if (zone === undefined) return local
  const ahead = zoneOffset(zone) ?? invalid(explainZone(text, zone))
  const instant = Date.parse(`${local}Z`) - ahead * 60_000
  return instant < YEAR_10000 ? inUtc(instant) : invalid(`is "${text}", not a valid date`)
}

function explainZone(text: string, zone: string): string {
  if (/\d/.test(zone)) return `is "${text}", not a valid UTC offset`
  return `is "${text}", in an unknown time zone; use an offset such as +01:00`
}

function inUtc(instant: number): string {
  return `${new Date(instant).toISOString().slice(0, 19)}Z`
}

interface CalendarDate {
  readonly year: number
  readonly month: number
  readonly day: number
}

function readWritten(text: string, order: DateOrder | undefined): string {
  if (text.length > MAX_LENGTH) return invalid(`has ${text.length} characters; expected a date such as YYYY-MM-DD`)
  const { date, time } = splitTime(text)
  const day = readNumbers(date, order, text) ?? readNamed(date, order) ?? readCompact(date)
  if (!day) return time ? invalid(explainDate(text)) : readDigits(text)
  if (!isReal(day.year, day.month, day.day)) return invalid(`is "${text}", not a valid date`)
  return inZone(`${dayText(day)}T${time ? readTime(time, text) : '00:00:00'}`, time?.[5], text)
}

function dayText({ year, month, day }: CalendarDate): string {
  return `${year}-${twoDigits(month)}-${twoDigits(day)}`
}

function twoDigits(number: number): string {
  return number < 10 ? `0${number}` : String(number)
}

/** Hour, minute, second, the A of AM, and the zone. */
const TIME =
  /(?:[T ]|^)(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d{1,9})?)?(?: ?([ap])\.? ?m\.?)?(?: (?:uhr|hs\.?|hrs\.?))?(?: ?((?:utc|gmt)? ?[+-]\d{1,2}(?::?\d{2})?|[a-z]{1,4}))?(?: \([^()]*\))?$/i

/** Words between a date and a time, as in `14 mars 2025 à 10:30`. */
const JOINS = /(?:,| -| at| um| om| à| às| alle| a las)+$/i

const OTHER_BLANKS = /[^\S ]| {2}/

/** Returns the text of the date, without a weekday in front of it, and the parts of TIME. */
function splitTime(text: string): { readonly date: string; readonly time: RegExpExecArray | null } {
  const clean = OTHER_BLANKS.test(text) ? text.replace(/\s+/g, ' ') : text
  const time = clean.includes(':') ? TIME.exec(clean) : null
  const date = time ? clean.slice(0, time.index) : clean
  return { date: /^\d+[-/.]\d+[-/.]\d+$/.test(date) ? date : withoutWeekday(date.replace(JOINS, '')), time }
}

/** What is left must still be a date: the `Mar` of `Mar 14, 2025` is a month, and a weekday in Spanish. */
function withoutWeekday(date: string): string {
  const [, word, rest = ''] = /^([\p{L}\p{M}-]+)(?:\.?,? |\.?,)(.+)$/u.exec(date) ?? []
  return word && (/\p{L}/u.test(rest) || NUMBERS.test(rest)) && isWeekday(word) ? rest : date
}

function readTime(time: RegExpExecArray, text: string): string {
  const [, hours, minute = '', second = '00', half] = time
  const written = Number(hours)
  const hour = half === undefined ? written : (written % 12) + (half.toLowerCase() === 'a' ? 0 : 12)
  const isOnClock = half === undefined ? hour <= 23 : written >= 1 && written <= 12
  if (!isOnClock || minute > '59' || second > '59') return invalid(`is "${text}", not a valid time`)
  return `${twoDigits(hour)}:${minute}:${second}`
}

/** A date of three numbers with the same mark between them. */
const NUMBERS = /^(\d{4}|\d{1,2})([-/.]) ?(\d{1,2})\2 ?(\d{4}|\d{1,2})\.?$/

const PLACES: Readonly<Record<DateOrder, string>> = { dmy: 'day', mdy: 'month', ymd: 'year' }

function readNumbers(date: string, order: DateOrder | undefined, text: string): CalendarDate | undefined {
  const numbers = NUMBERS.exec(date)
  if (!numbers) return undefined
  if (startsWithYear(numbers)) return inOrder(numbers, 'ymd')
  if (order) {
    const read = inOrder(numbers, order)
    if (read && isReal(read.year, read.month, read.day)) return read
    return invalid(`is "${text}", not a valid date with the ${PLACES[order]} first`)
  }
  const readings = readingsOf(numbers)
  const [reading] = readings
  if (!reading) return invalid(`is "${text}", not a valid date`)
  if (readSame(readings)) return reading.date
  const places = readings.map(({ order }) => `the ${PLACES[order]}`)
  return invalid(`is "${text}", which can have ${places.join(' or ')} first; choose with --date-format`)
}

interface Reading {
  readonly order: DateOrder
  readonly date: CalendarDate
}

/** Returns the orders in which the numbers are a real date. */
function readingsOf(numbers: RegExpExecArray): Reading[] {
  return ORDERS.flatMap((order) => {
    const date = inOrder(numbers, order)
    return date && isReal(date.year, date.month, date.day) ? [{ order, date }] : []
  })
}

function readSame(readings: readonly Reading[]): boolean {
  return new Set(readings.map(({ date }) => dayText(date))).size === 1
}

function startsWithYear([, first = '']: RegExpExecArray): boolean {
  return first.length === 4
}

/** @returns undefined if the numbers have too many or too few digits for the order */
function inOrder(numbers: RegExpExecArray, order: DateOrder): CalendarDate | undefined {
  const [, first = '', mark, second = '', third = ''] = numbers
  if (order === 'ymd') {
    const isShort = mark !== '/' && [first, second, third].every((digits) => digits.length === 2)
    const isLong = first.length === 4 && third.length <= 2
    return isShort || isLong ? { year: yearOf(first), month: Number(second), day: Number(third) } : undefined
  }
  if (first.length > 2 || third.length < 2) return undefined
  const [day, month] = order === 'dmy' ? [first, second] : [second, first]
  return { year: yearOf(third), month: Number(month), day: Number(day) }
}

/** Two digits stand for 1970 to 2069. */
function yearOf(digits: string): number {
  const year = Number(digits)
  return digits.length > 2 ? year : year + (year >= 70 ? 1900 : 2000)
}

const DAY_FIRST =
  /^(\d{1,2})(?:(?:st|nd|rd|th|er|o|a|º|ª|°)(?=[ .]))?[ .\-/]*(?:de |of )?([\p{L}\p{M}]+)\.?[ ,.\-/]*(?:del? )?['’]?(\d{4}|\d{2})$/iu
const MONTH_FIRST = /^([\p{L}\p{M}]+)\.?[ .\-/]*(\d{1,2})(?:st|nd|rd|th)?[ ,.\-/]+['’]?(\d{4}|\d{2})$/iu
const YEAR_FIRST = /^(\d{4})[ .\-/]+([\p{L}\p{M}]+)\.?[ .\-/]+(\d{1,2})$/iu

/**
 * Reads a date with the name of its month: `14-Mar-25`, `Mar-14-25`, `14. März 2025`, `March 14, 2025`. With `ymd`,
 * `25-Mar-14` is in 2025.
 */
function readNamed(date: string, order: DateOrder | undefined): CalendarDate | undefined {
  let [, day, name, year] = DAY_FIRST.exec(date) ?? []
  if (order === 'ymd' && day?.length === 2 && year?.length === 2) [day, year] = [year, day]
  if (!name) [, name, day, year] = MONTH_FIRST.exec(date) ?? []
  if (!name) [, year, name, day] = YEAR_FIRST.exec(date) ?? []
  const month = name && monthNumber(name)
  return month && year ? { year: yearOf(year), month, day: Number(day) } : undefined
}

/** Whether a date such as `25-Mar-31` is years ahead unless its year is first. */
function isImplausible(date: string): boolean {
  const [, first, name, last] = DAY_FIRST.exec(date) ?? []
  if (first?.length !== 2 || last?.length !== 2 || !name || !monthNumber(name)) return false
  const nextYear = new Date().getFullYear() + 1
  return yearOf(last) > nextYear && yearOf(first) <= nextYear && Number(last) <= 31
}

function readCompact(date: string): CalendarDate | undefined {
  if (!/^\d{8}$/.test(date)) return undefined
  return { year: Number(date.slice(0, 4)), month: Number(date.slice(4, 6)), day: Number(date.slice(6)) }
}

const COMPACT_TIME = /^(\d{4})(\d{2})(\d{2})T?(\d{2})(\d{2})(\d{2})(Z|[+-]\d{2}:?\d{2})?$/

/** Reads `20250314T080000`, and the seconds or milliseconds since 1970. */
function readDigits(text: string): string {
  const [, year, month, day, hour, minute, second, zone = ''] = COMPACT_TIME.exec(text) ?? []
  if (year) return readDate(`${year}-${month}-${day}T${hour}:${minute}:${second}${zone}`, undefined)
  if (/^[1-9]\d{9}$/.test(text)) return inUtc(Number(text) * 1000)
  return /^[1-9]\d{12}$/.test(text) ? inUtc(Number(text)) : invalid(explainDate(text))
}

function explainDate(text: string): string {
  if (/^\d{5}([.,]\d+)?$/.test(text)) {
    return `is "${text}", a spreadsheet's number for a date; format the column as a date (YYYY-MM-DD) and save it again`
  }
  return `is "${text}"; expected YYYY-MM-DD or YYYY-MM-DD HH:MM:SS`
}
