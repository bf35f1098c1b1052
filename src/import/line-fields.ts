// Readers of the fields of a line. Each takes the cells of a record and returns a checked value, or throws a reason.
import { createHash } from 'node:crypto'
import { readDate } from '../csv/dates.js'
import { invalid } from '../csv/invalid.js'
import { type DecimalMark, readNumber, type WrittenNumber } from '../csv/numbers.js'
import {
  readCurrency,
  readId,
  readName,
  readOrderDateUntil,
  readPrice,
  readQuantity,
  wholeNumber,
} from '../csv/values.js'
import type { Currency } from '../domain/money.js'
import { storable } from '../domain/storable.js'
import type { Field, Mapping } from './mapping/mapping.js'
import { canBeIn, currenciesInName, isInUtc } from './mapping/name-columns.js'
import { findNames } from './mapping/names.js'

type Cells = readonly string[]
type Read<Value> = (cells: Cells) => Value

export interface Amount {
  readonly text: string
  readonly written: WrittenNumber
  readonly unitPrice: number | null
  /** The currencies that the name of its column can mean; none for most. */
  readonly named: readonly Currency[]
}

/** The value of each field of a line. */
export interface LineFields {
  readonly order_id: Read<string>
  readonly customer_id: Read<string>
  readonly customer_name: Read<string>
  readonly product_sku: Read<string>
  readonly product_name: Read<string>
  /** Negative for a return. */
  readonly quantity: Read<number>
  /** The price of a unit, scaled by 10^PRICE_DECIMALS; null if the file has only the total of the line. */
  readonly amount: Read<Amount>
  /** Undefined if the column is missing or empty. */
  readonly currency: Read<Currency | undefined>
  readonly order_date: Read<string>
}

export interface FieldOptions {
  /** Whether the lines may contain control characters. */
  readonly suspect: boolean
  /** The last order date that is accepted; undefined accepts any. */
  readonly latest: string | undefined
}

/** What the SKU of a product that has none starts with. */
export const MADE_FROM_NAME = 'name:'

/** The customer of lines that name none. */
export const GUEST = 'guest'

export function lineFields(header: readonly string[], mapping: Mapping, { suspect, latest }: FieldOptions): LineFields {
  const { decimal, dateOrder, noCustomer = [], guests = true, columns } = mapping
  const text = (field: Field) => firstFilled(findNames(header, columns[field]))
  const [order, sku, product] = [text('order_id'), text('product_sku'), text('product_name')]
  const [quantity, currency] = [text('quantity'), text('currency')]
  const customer = firstFilled(findNames(header, columns.customer_id), noCustomer)
  const name = joined(findNames(header, columns.customer_name))
  const hasPrice = findNames(header, columns.unit_price).length > 0
  const prices = findNames(header, hasPrice ? columns.unit_price : columns.line_total)
  const price = firstFilled(prices)
  const named = new Map(prices.map((position) => [position, currenciesInName(header[position] ?? '')]))
  const dates = findNames(header, columns.order_date)
  const date = joined(dates)
  const isUtc = dates.some((position) => isInUtc(header[position] ?? ''))
  const parseDate =
    latest === undefined ? (value: string) => readDate(value, dateOrder) : readOrderDateUntil(latest, dateOrder)
  return {
    order_id: (cells) => readId(order(cells), suspect),
    customer_id(cells) {
      const given = customer(cells)
      if (!guests) return readId(given, suspect)
      const named = name(cells)
      const id = given || named
      if (id === '') return GUEST
      // A name may have line breaks.
      return readId(shortened(id === named ? onOneLine(id) : id), suspect)
    },
    customer_name: (cells) => readName(name(cells), suspect),
    product_sku(cells) {
      const id = sku(cells)
      if (id !== '') return readId(id, suspect)
      const described = product(cells)
      return described === '' ? invalid('is empty') : readId(skuOfName(described), suspect)
    },
    product_name: (cells) => readName(product(cells), suspect),
    quantity: (cells) => readUnits(quantity(cells), decimal),
    amount(cells) {
      const value = price(cells)
      const written = readNumber(value, decimal) ?? notANumber(value, decimal)
      const from = prices.length > 1 ? prices.find((position) => cells[position]?.trim()) : prices[0]
      const unitPrice = hasPrice ? readPrice(written.digits) : null
      return { text: value, written, unitPrice, named: named.get(from ?? -1) ?? [] }
    },
    currency(cells) {
      const code = currency(cells)
      return code === '' ? undefined : readCurrency(code)
    },
    order_date(cells) {
      const value = date(cells)
      if (value === '') return invalid('is empty')
      return isUtc ? withZone(parseDate(value), value) : parseDate(value)
    },
  }
}

/** @param none values that stand for an empty cell */
function firstFilled(positions: readonly number[], none: readonly string[] = []): Read<string> {
  const [first = -1, ...others] = positions
  if (others.length === 0 && none.length === 0) return (cells) => cells[first]?.trim() ?? ''
  return (cells) => {
    for (const position of positions) {
      const cell = cells[position]?.trim()
      if (cell && !none.includes(cell)) return cell
    }
    return ''
  }
}

function joined(positions: readonly number[]): Read<string> {
  if (positions.length < 2) return firstFilled(positions)
  return (cells) =>
    positions
      .map((position) => cells[position]?.trim() ?? '')
      .join(' ')
      .trim()
}

const HAS_TIME = /:|^\d{8}T?\d{6}/

/** The date of a text in UTC. A day without a time stays that day: its midnight in UTC can be on another one. */
function withZone(date: string, text: string): string {
  return date.endsWith('Z') || !HAS_TIME.test(text) ? date : `${date}Z`
}

/** Words for units behind a number, as in `2 pcs` and `1 Stk.`, or a sign for times, as in `2x`. */
const UNITS = /(?<=\d) ?(?:x|×|pcs?|pieces?|units?|ea|each|stk|stück|st|unités?|uds?|unidades?|pz|pezzi|stuks?)\.?$/i

/** A whole number with either decimal mark, as in `2.0` next to prices such as `4,50`. */
const ZERO_DECIMALS = /(?<=^-?\d+)[.,]00?$/

function readUnits(text: string, decimal: DecimalMark | undefined): number {
  const written = readNumber(text, decimal) ?? readNumber(text.replace(UNITS, '').replace(ZERO_DECIMALS, ''), decimal)
  // `5 km` is no number of units, although KM is a currency.
  if (!written || written.currency !== undefined) {
    return invalid(text === '' ? 'is empty' : `is "${text}", not a whole number`)
  }
  const whole = wholeNumber(written.digits)
  return whole !== undefined && whole < 0 ? whole : readQuantity(written.digits)
}

function notANumber(text: string, decimal: DecimalMark | undefined): never {
  if (text === '') return invalid('is empty')
  const mark = decimal ? ` with a decimal ${decimal}` : ''
  return invalid(`is "${text}", not a number${mark} such as ${decimal === 'comma' ? '12,50' : '12.50'}`)
}

/**
 * Says why an amount cannot be in the currency of its line: next to it, or in the name of its column, stands another.
 *
 * @returns undefined if it can; else it completes "Price …"
 */
export function otherCurrency({ text, written, named }: Amount, currency: Currency): string | undefined {
  if (written.currency !== undefined && written.currency !== currency)
    return `is in ${written.currency}, but the line is in ${currency}`
  if (written.candidates && !written.candidates.includes(currency))
    return `is "${text}", which cannot be in ${currency}, the currency of the line; correct it, or the currency of the line`
  if (!canBeIn(named, currency))
    return `has another currency in its name than ${currency}, the currency of the line; correct the header or the line`
  return undefined
}

/** A product without a SKU gets one from its name, which no SKU of the shop has. */
const skuOfName = (name: string) => shortened(`${MADE_FROM_NAME}${onOneLine(name.normalize('NFC'))}`)

const onOneLine = (text: string) => text.replace(/\s+/g, ' ')

const MAX_ID = 100

/** Names can be longer than ids: the end of a long one becomes a hash. */
function shortened(text: string): string {
  if (text.length <= MAX_ID) return text
  return `${storable(text, MAX_ID - 17)}~${createHash('sha256').update(text).digest('hex').slice(0, 16)}`
}
