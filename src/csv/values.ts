// One cell's text -> one checked value. Each reader gives the value, or a reason that a person can act on.
import { dayExists } from '../domain/business-day.js'
import { type Currency, isCurrency, PRICE_DECIMALS } from '../domain/money.js'

/** Why a cell cannot be used; completes "quantity …". */
export class Unusable {
  readonly reason: string

  constructor(reason: string) {
    this.reason = reason
  }
}

export const MAX_QUANTITY = 1_000_000
const MAX_PRICE = 1_000_000_000
const MAX_ID_LENGTH = 100
const MAX_NAME_LENGTH = 255

export const NOT_UTF8 = 'the line is not UTF-8: save the file as UTF-8 (in Excel: "CSV UTF-8")'

export function wrongWidth(cells: readonly string[], columns: number): string {
  return `the line has ${cells.length} values where the header names ${columns} columns`
}

/** @param suspect false if the text cannot hold control characters: it is not searched for them */
export function checkId(text: string, suspect = true): Unusable | undefined {
  if (text === '') return new Unusable('is empty')
  return tooLong(text, MAX_ID_LENGTH) ?? (suspect ? holdsControl(text, '') : undefined)
}

/** Names may be empty, and may hold line breaks and tabs. */
export function checkName(text: string, suspect = true): Unusable | undefined {
  return tooLong(text, MAX_NAME_LENGTH) ?? (suspect ? holdsControl(text, '\t\n\r') : undefined)
}

function tooLong(text: string, longest: number): Unusable | undefined {
  return text.length > longest ? new Unusable(`has ${text.length} characters: ${longest} is the most`) : undefined
}

function holdsControl(text: string, allowed: string): Unusable | undefined {
  for (const character of text) {
    const code = character.charCodeAt(0)
    if ((code < 0x20 || (code >= 0x7f && code < 0xa0)) && !allowed.includes(character)) {
      return new Unusable(`holds a control character (U+${code.toString(16).toUpperCase().padStart(4, '0')})`)
    }
  }
  return undefined
}

/** A whole number from 1 to MAX_QUANTITY. */
export function readQuantity(text: string): number | Unusable {
  const quantity = readWhole(text)
  if (quantity === undefined) {
    if (/^-\d+$/.test(text)) return new Unusable(`is ${text}: returns are not imported, it must be 1 or more`)
    return new Unusable(`is "${text}", not a whole number`)
  }
  if (quantity < 1) return new Unusable('is 0: it must be 1 or more')
  if (quantity > MAX_QUANTITY) return new Unusable(`is ${text}: more than ${MAX_QUANTITY}`)
  return quantity
}

/** Digits alone, small enough to be exact; undefined for all else. */
export function readWhole(text: string): number | undefined {
  if (text.length === 0 || text.length > 15) return undefined
  let value = 0
  for (let index = 0; index < text.length; index++) {
    const digit = text.charCodeAt(index) - 48
    if (digit < 0 || digit > 9) return undefined
    value = value * 10 + digit
  }
  return value
}

/** A decimal with a point and up to PRICE_DECIMALS decimals, scaled by 10^PRICE_DECIMALS; never cast, never rounded. */
export function readPrice(text: string): number | Unusable {
  const point = text.indexOf('.')
  const whole = readWhole(point === -1 ? text : text.slice(0, point))
  const fraction = point === -1 ? '' : text.slice(point + 1)
  const decimals = fraction === '' ? (point === -1 ? 0 : undefined) : readWhole(fraction)
  if (whole === undefined || decimals === undefined) return new Unusable(explainPrice(text))
  if (fraction.length > PRICE_DECIMALS) {
    return new Unusable(`is ${text}: it has more than ${PRICE_DECIMALS} decimals`)
  }
  if (whole > MAX_PRICE) return new Unusable(`is ${text}: more than ${MAX_PRICE}`)
  return whole * 10 ** PRICE_DECIMALS + decimals * 10 ** (PRICE_DECIMALS - fraction.length)
}

function explainPrice(text: string): string {
  if (/^-\s*[\d.]+$/.test(text)) return `is ${text}: it must not be negative`
  if (/^[\d.,]+$/.test(text))
    return `is "${text}": write it with a point and without thousands separators, like 1299.99`
  return `is "${text}", not a decimal number such as 12.50`
}

export function readCurrency(text: string): Currency | Unusable {
  if (isCurrency(text)) return text
  const upper = text.toUpperCase()
  if (isCurrency(upper)) return upper
  return new Unusable(`is "${text}", not a currency of ISO 4217 such as USD`)
}

const ORDER_DATE =
  /^(\d{4})-(\d{2})-(\d{2})(?:[ T](\d{2}):(\d{2})(?::(\d{2})(?:\.\d{1,9})?)?(?: ?(Z|z|[+-]\d{2}(?::?\d{2})?))?)?$/

const YEAR_10000 = Date.UTC(10_000, 0)

/**
 * `YYYY-MM-DD`, `YYYY-MM-DD HH:MM:SS` (or with a T), either with an offset (`Z`, `+02:00`, `-0500`).
 *
 * @returns `2025-01-15T17:41:00` as the shop's clock showed it; with a `Z`, in UTC, where the text has an offset
 */
export function readOrderDate(text: string): string | Unusable {
  const match = ORDER_DATE.exec(text)
  if (!match) return new Unusable(`is "${text}": write it as YYYY-MM-DD or YYYY-MM-DD HH:MM:SS`)
  const [, year = '', month = '', day = '', hour = '00', minute = '00', second = '00', offset] = match
  if (year < '1900' || !dayExists(Number(year), Number(month), Number(day))) {
    return new Unusable(`is "${text}": there is no such day`)
  }
  if (hour > '23' || minute > '59' || second > '59') return new Unusable(`is "${text}": there is no such time`)
  const local = `${year}-${month}-${day}T${hour}:${minute}:${second}`
  if (offset === undefined) return local
  const minutes = offsetMinutes(offset)
  if (minutes === undefined) return new Unusable(`is "${text}": there is no such offset from UTC`)
  const instant = Date.parse(`${local}Z`) - minutes * 60_000
  if (instant >= YEAR_10000) return new Unusable(`is "${text}": there is no such day`)
  return `${new Date(instant).toISOString().slice(0, 19)}Z`
}

function offsetMinutes(offset: string): number | undefined {
  if (offset === 'Z' || offset === 'z') return 0
  const hours = Number(offset.slice(1, 3))
  const minutes = Number(offset.slice(3).replace(':', ''))
  if (hours > 14 || minutes > 59) return undefined
  return (offset.startsWith('-') ? -1 : 1) * (hours * 60 + minutes)
}
