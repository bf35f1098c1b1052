// Parses cells into checked values. Each reader returns the value, or throws a reason that users can act on.
import { dayExists } from '../domain/business-day.js'
import { type Currency, isChargeable, isCurrency, PRICE_DECIMALS } from '../domain/money.js'
import { countOf } from '../terminal/text.js'

/** Thrown for an invalid cell. The message completes "quantity …". */
class InvalidCell extends Error {}

export function invalid(reason: string): never {
  throw new InvalidCell(reason)
}

/** Why a line is rejected. */
export interface Fault {
  /** The invalid columns, separated by commas; empty if the fault is in none of them. */
  readonly column: string
  /** All reasons, separated by semicolons. */
  readonly reason: string
}

/** A reader for each column. */
export type Readers<Values> = { readonly [Column in keyof Values]: (text: string) => Values[Column] }

/**
 * Reads the cells of a line by column.
 *
 * @param columns index of each column in the cells; a missing column reads as empty
 * @param build calls `value` for each column
 * @returns what `build` returns, or the faults of all cells that their readers reject
 */
export function readCells<Values extends object, Line extends object>(
  cells: readonly string[],
  columns: Readonly<Record<keyof Values, number>>,
  readers: Readers<Values>,
  build: (value: <Column extends keyof Values>(column: Column) => Values[Column]) => Line,
): Line | Fault {
  const read = <Column extends keyof Values>(column: Column) => readers[column](cells[columns[column]]?.trim() ?? '')
  try {
    return build(read)
  } catch (error) {
    if (!(error instanceof InvalidCell)) throw error
    return joinFaults(Object.keys(readers).flatMap((column) => faultIn(column, () => read(column as keyof Values))))
  }
}

export function joinFaults(faults: readonly Fault[]): Fault {
  return {
    column: faults.map(({ column }) => column).join(', '),
    reason: faults.map(({ reason }) => reason).join('; '),
  }
}

function faultIn(column: string, read: () => unknown): Fault[] {
  try {
    read()
    return []
  } catch (error) {
    if (!(error instanceof InvalidCell)) throw error
    return [{ column, reason: `${column} ${error.message}` }]
  }
}

export const MAX_QUANTITY = 1_000_000
const MAX_PRICE = 1_000_000_000
const MAX_ID_LENGTH = 100
const MAX_NAME_LENGTH = 255

export const NOT_UTF8 = 'the line is not valid UTF-8; save the file as UTF-8 (in Excel: "CSV UTF-8")'

export function wrongWidth(cells: readonly string[], columns: number): string {
  return `the line has ${countOf(cells.length, 'value')}; the header has ${countOf(columns, 'column')}`
}

/** @param suspect false skips the search for control characters */
export function readId(text: string, suspect = true): string {
  if (text === '') invalid('is empty')
  return readText(text, MAX_ID_LENGTH, suspect, '')
}

/** Names may be empty and may contain line breaks and tabs. */
export function readName(text: string, suspect = true): string {
  return readText(text, MAX_NAME_LENGTH, suspect, '\t\n\r')
}

function readText(text: string, longest: number, suspect: boolean, allowed: string): string {
  if (text.length > longest) invalid(`has ${countOf(text.length, 'character')}; the maximum is ${longest}`)
  if (!suspect) return text
  const control = text.match(/\p{Cc}/gu)?.find((character) => !allowed.includes(character))
  const code = control?.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')
  return code ? invalid(`contains a control character (U+${code})`) : text
}

/** A whole number from 1 to MAX_QUANTITY. */
export function readQuantity(text: string): number {
  const quantity = readWhole(text)
  if (quantity === undefined) {
    if (/^-\d+$/.test(text)) return invalid(`is ${text}; it must be 1 or more (returns are not imported)`)
    return invalid(`is "${text}", not a whole number`)
  }
  if (quantity < 1) return invalid('is 0; it must be 1 or more')
  return quantity > MAX_QUANTITY ? invalid(`is ${text}; the maximum is ${MAX_QUANTITY}`) : quantity
}

/** Parses up to 15 digits, which a number holds exactly. Returns undefined for anything else. */
export function readWhole(text: string): number | undefined {
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined
}

/** Reads a decimal number, scaled by 10^PRICE_DECIMALS. Rejects more than PRICE_DECIMALS decimals; never rounds. */
export function readPrice(text: string): number {
  const point = text.indexOf('.')
  const whole = readWhole(point === -1 ? text : text.slice(0, point))
  const fraction = point === -1 ? '0' : text.slice(point + 1)
  const decimals = readWhole(fraction)
  if (whole === undefined || decimals === undefined) return invalid(explainPrice(text))
  if (fraction.length > PRICE_DECIMALS) return invalid(`is ${text}; at most ${PRICE_DECIMALS} decimals are allowed`)
  if (whole > MAX_PRICE) return invalid(`is ${text}; the maximum is ${MAX_PRICE}`)
  return whole * 10 ** PRICE_DECIMALS + decimals * 10 ** (PRICE_DECIMALS - fraction.length)
}

function explainPrice(text: string): string {
  if (/^-\s*[\d.]+$/.test(text)) return `is ${text}; it must not be negative`
  if (/^[\d.,]+$/.test(text)) return `is "${text}"; use a decimal point and no thousands separators, as in 1299.99`
  return `is "${text}", not a decimal number such as 12.50`
}

export function readCurrency(text: string): Currency {
  const code = text.toUpperCase()
  if (!isCurrency(code)) return invalid(`is "${text}", not an ISO 4217 currency code such as USD`)
  return isChargeable(code) ? code : invalid(`is "${text}", a code for a metal, a fund or a test: it cannot be charged`)
}

const ORDER_DATE =
  /^(\d{4})-(\d{2})-(\d{2})(?:[ T](\d{2}):(\d{2})(?::(\d{2})(?:\.\d{1,9})?)?(?: ?(Z|z|[+-]\d{2}(?::?\d{2})?))?)?$/

const YEAR_10000 = Date.UTC(10_000, 0)

const FIRST_YEAR = '1970'

/**
 * Returns a reader that rejects dates before 1970 and after `latest`, which are nearly always typing errors.
 *
 * @param latest the last date accepted, as readOrderDate returns it
 */
export function readOrderDateUntil(latest: string): (text: string) => string {
  return (text) => {
    const date = readOrderDate(text)
    if (date >= FIRST_YEAR && date <= latest) return date
    const why = date < FIRST_YEAR ? `before ${FIRST_YEAR}` : 'more than a year ahead'
    return invalid(`is "${text}", ${why}; import it with --any-date if it is right`)
  }
}

/**
 * Reads `YYYY-MM-DD` or `YYYY-MM-DD HH:MM:SS` (or with a T). A time may have an offset (`Z`, `+02:00`, `-0500`).
 *
 * @returns the shop's local time, as in `2025-01-15T17:41:00`; if the text has an offset, the time in UTC with a `Z`
 */
export function readOrderDate(text: string): string {
  const match = ORDER_DATE.exec(text)
  if (!match) return invalid(`is "${text}"; expected YYYY-MM-DD or YYYY-MM-DD HH:MM:SS`)
  const [, year = '', month = '', day = '', hour = '00', minute = '00', second = '00', offset] = match
  if (year < '1900' || !dayExists(Number(year), Number(month), Number(day))) {
    return invalid(`is "${text}", not a valid date`)
  }
  if (hour > '23' || minute > '59' || second > '59') return invalid(`is "${text}", not a valid time`)
  const local = `${year}-${month}-${day}T${hour}:${minute}:${second}`
  if (offset === undefined) return local
  const hours = Number(offset.slice(1, 3))
  const minutes = Number(offset.slice(3).replace(':', ''))
  if (hours > 14 || minutes > 59) return invalid(`is "${text}", not a valid UTC offset`)
  const ahead = (offset.startsWith('-') ? -1 : 1) * (hours * 60 + minutes)
  const instant = Date.parse(`${local}Z`) - ahead * 60_000
  if (instant >= YEAR_10000) return invalid(`is "${text}", not a valid date`)
  return `${new Date(instant).toISOString().slice(0, 19)}Z`
}
