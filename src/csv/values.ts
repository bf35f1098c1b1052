// Parses cells into checked values. Each reader returns the value, or throws a reason that users can act on.
import {
  type Currency,
  currencyDecimals,
  isChargeable,
  isCurrency,
  MAX_TOTAL_MINOR,
  PRICE_DECIMALS,
} from '../domain/money.js'
import { countOf } from '../terminal/text.js'
import { currencyNamed } from './currency-signs.js'
import { type DateOrder, readDate } from './dates.js'
import { InvalidCell, invalid } from './invalid.js'

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

export function wrongWidth(cells: readonly string[], columns: number): string {
  return `the line has ${countOf(cells.length, 'value')}; the header has ${countOf(columns, 'column')}`
}

/** @param suspect false skips the search for control characters */
export function readId(text: string, suspect = true): string {
  if (text === '') invalid('is empty')
  if (isDamagedId(text)) invalid(damagedReason(text))
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

/**
 * Reads a quantity from 1 to MAX_QUANTITY.
 *
 * @param digits as `readNumber` returns them
 */
export function readQuantity(digits: string): number {
  const quantity = wholeNumber(digits)
  if (quantity === undefined) return invalid(`is "${digits}", not a whole number`)
  if (quantity < 0) return invalid(`is ${digits}; it must be 1 or more (returns are not imported)`)
  if (quantity < 1) return invalid('is 0; it must be 1 or more')
  return quantity > MAX_QUANTITY ? invalid(`is ${digits}; the maximum is ${MAX_QUANTITY}`) : quantity
}

/** Parses up to 15 digits, which a number holds exactly. Returns undefined for anything else. */
export function readWhole(text: string): number | undefined {
  if (text === '' || text.length > 15) return undefined
  let number = 0
  for (let index = 0; index < text.length; index++) {
    const digit = text.charCodeAt(index) - 48
    if (digit < 0 || digit > 9) return undefined
    number = number * 10 + digit
  }
  return number
}

/** Parses a whole number with a sign or with zeros for decimals, as in `-2` and `2.0`. Returns undefined for `1.5`. */
export function wholeNumber(digits: string): number | undefined {
  const whole = readWhole(digits)
  if (whole !== undefined) return whole
  const [, sign, unsigned = ''] = /^(-?)(\d{1,15})(?:\.0+)?$/.exec(digits) ?? []
  return sign === undefined ? undefined : Number(unsigned) * (sign === '-' && /[1-9]/.test(unsigned) ? -1 : 1)
}

/**
 * Reads a price, scaled by 10^PRICE_DECIMALS. Never rounds: rejects more than PRICE_DECIMALS decimals, except zeros.
 *
 * @param digits as `readNumber` returns them
 */
export function readPrice(digits: string): number {
  const point = digits.indexOf('.')
  const whole = readWhole(point === -1 ? digits : digits.slice(0, point))
  let fraction = point === -1 ? '0' : digits.slice(point + 1)
  if (fraction.length > PRICE_DECIMALS) fraction = withoutTrailingZeros(fraction)
  const decimals = readWhole(fraction)
  if (whole === undefined || decimals === undefined) return invalid(explainPrice(digits))
  if (fraction.length > PRICE_DECIMALS) return invalid(`is ${digits}; at most ${PRICE_DECIMALS} decimals are allowed`)
  if (whole > MAX_PRICE) return invalid(`is ${digits}; the maximum is ${MAX_PRICE}`)
  return whole * 10 ** PRICE_DECIMALS + decimals * 10 ** (PRICE_DECIMALS - fraction.length)
}

/** Databases export prices with six decimals and more, as in `12.500000`. */
function withoutTrailingZeros(fraction: string): string {
  let end = fraction.length
  while (end > PRICE_DECIMALS && fraction[end - 1] === '0') end--
  return fraction.slice(0, end)
}

function explainPrice(text: string): string {
  if (/^-\s*[\d.]+$/.test(text)) return `is ${text}; it must not be negative`
  if (/^[\d.,]+$/.test(text)) return `is "${text}"; use a decimal point and no thousands separators, as in 1299.99`
  return `is "${text}", not a decimal number such as 12.50`
}

/**
 * Reads the total of a line in minor units. Exact for any number of decimals; rounds once, half up.
 *
 * @param digits as `readNumber` returns them
 */
export function minorTotal(digits: string, currency: Currency): number {
  const [, whole, fraction = ''] = /^0*(\d+)(?:\.(\d+))?$/.exec(digits) ?? []
  if (whole === undefined) return invalid(explainPrice(digits))
  const decimals = currencyDecimals(currency)
  const kept = `${whole}${fraction.slice(0, decimals).padEnd(decimals, '0')}`
  const minor = (readWhole(kept) ?? Number.POSITIVE_INFINITY) + (fraction.charAt(decimals) >= '5' ? 1 : 0)
  return minor > MAX_TOTAL_MINOR ? invalid(`is ${digits}; it exceeds the maximum line total`) : minor
}

/** Reads an ISO 4217 code in upper or lower case, a sign such as `€`, or a name such as `Euro`. */
export function readCurrency(text: string): Currency {
  const code = text.toUpperCase()
  const currency = isCurrency(code) ? code : currencyNamed(text)
  if (!currency) return invalid(`is "${text}", not an ISO 4217 currency code such as USD`)
  return isChargeable(currency)
    ? currency
    : invalid(`is "${text}", a code for a metal, a fund or a test: it cannot be charged`)
}

const DAMAGED_ID = /^\d+(?:[.,]\d+)?E\+\d+$/i

/** Whether a spreadsheet has replaced an id of many digits by a rounded number, as in `6.20012E+12`. */
export function isDamagedId(text: string): boolean {
  return text.includes('+') && DAMAGED_ID.test(text)
}

/** Completes "order_id …". */
export function damagedReason(text: string): string {
  return `is "${text}", which a spreadsheet has rounded; export the file again and import it without opening it there`
}

const FIRST_YEAR = '1970'

/**
 * Returns a reader that rejects dates before 1970 and after `latest`, which are nearly always typing errors.
 *
 * @param latest the last date accepted, as readDate returns it
 */
export function readOrderDateUntil(latest: string, order?: DateOrder): (text: string) => string {
  return (text) => {
    const date = readDate(text, order)
    if (date >= FIRST_YEAR && date <= latest) return date
    const why = date < FIRST_YEAR ? `before ${FIRST_YEAR}` : 'more than a year ahead'
    return invalid(`is "${text}", ${why}; import it with --any-date if it is right`)
  }
}
