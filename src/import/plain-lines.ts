// Fast path for plain lines, as programs write them: reads an order line straight from the bytes. It only takes lines
// of which LineReader makes the same order line, and leaves all others to it.
import type { Dialect } from '../csv/dialect.js'
import { isDamagedId, readCurrency } from '../csv/values.js'
import { parseDay } from '../domain/business-day.js'
import { type Currency, isChargeable, isCurrency, lineTotal, PRICE_DECIMALS } from '../domain/money.js'
import { type FieldOptions, GUEST } from './line-fields.js'
import type { Mapping } from './mapping/mapping.js'
import { canBeIn, currenciesInName, isInUtc } from './mapping/name-columns.js'
import { findNames } from './mapping/names.js'
import type { OrderLine } from './order-line.js'

const [LINE_FEED, RETURN, BLANK, QUOTE, ZERO, COLON, LETTER_T] = [10, 13, 32, 34, 48, 58, 84]

// No value within these limits is out of range.
const MAX_LINE_BYTES = 65_536
const MAX_ID_LENGTH = 100
const MAX_NAME_LENGTH = 255
const MAX_QUANTITY_DIGITS = 6
const MAX_PRICE_DIGITS = 9

export class PlainLines {
  /** Offset of the end of the last line that was read, with its line ending. */
  end = 0
  readonly #columns: Columns
  readonly #width: number
  readonly #delimiter: number
  readonly #quotes: boolean
  /** The byte of the decimal mark; -1 if the file settles none. */
  readonly #mark: number
  /** The currencies that the name of the price can mean; none for most. */
  readonly #named: readonly Currency[]
  readonly #noCustomer: readonly string[]
  /** Whether a date with a time is in UTC. */
  readonly #isUtc: boolean
  readonly #earliest: string
  readonly #latest: string
  #window: Buffer = Buffer.alloc(0)
  /** The window with a character for each byte. */
  #text = ''
  #lastNewline = -1
  /** Start and end of each cell, without quotes. */
  readonly #bounds: Int32Array
  /** Whether a cell has bytes that are not ASCII. */
  readonly #isWide: Uint8Array
  /** Most lines have the currency and the day of the line before them, which need no second check. */
  #currency: Currency | undefined
  #day = ''

  /** Returns undefined for files whose lines need more than their own cells. */
  static of(
    header: readonly string[],
    mapping: Mapping,
    dialect: Dialect,
    { latest }: Pick<FieldOptions, 'latest'>,
  ): PlainLines | undefined {
    const { items, continued, skip, reject, footers, lineTotals, otherTotals, otherPrices } = mapping
    const columns = columnsOf(header, mapping)
    const tests = [skip, reject, footers, lineTotals, otherTotals, otherPrices]
    const isTested = tests.some((list) => list && list.length > 0)
    if (!columns || items || continued || isTested || dialect.lineEnding === '\r') return undefined
    return new PlainLines(columns, header, mapping, dialect, latest)
  }

  private constructor(
    columns: Columns,
    header: readonly string[],
    { decimal, currency, noCustomer = [] }: Mapping,
    { delimiter, quotes }: Dialect,
    latest: string | undefined,
  ) {
    this.#columns = columns
    this.#width = header.length
    this.#delimiter = delimiter.charCodeAt(0)
    this.#quotes = quotes
    this.#mark = decimal === undefined ? -1 : (decimal === 'comma' ? ',' : '.').charCodeAt(0)
    this.#named = currenciesInName(header[columns.unit_price] ?? '')
    this.#noCustomer = noCustomer
    this.#isUtc = isInUtc(header[columns.order_date] ?? '')
    this.#earliest = latest === undefined ? '1900' : '1970'
    this.#latest = latest ?? '9999-99'
    this.#bounds = new Int32Array(2 * header.length)
    this.#isWide = new Uint8Array(header.length)
    if (columns.currency === -1 && currency !== undefined) this.#currency = this.#ofPrice(readCurrency(currency))
  }

  /**
   * Reads the line at `start`.
   *
   * @param window valid UTF-8 without control characters, apart from line endings and delimiters
   * @returns undefined for a line that is not plain
   */
  read(window: Buffer, start: number): OrderLine | undefined {
    if (window !== this.#window) {
      this.#window = window
      this.#text = window.toString('latin1')
      this.#lastNewline = window.lastIndexOf(LINE_FEED)
    }
    if (!this.#findCells(start)) return undefined
    const columns = this.#columns
    const reference = this.#id(columns.order_id)
    const customer_id = this.#id(columns.customer_id)
    const sku = this.#id(columns.product_sku)
    const customer_name = this.#name(columns.customer_name)
    const product_name = this.#name(columns.product_name)
    const quantity = this.#quantity(columns.quantity)
    const unit_price = this.#price(columns.unit_price)
    const currency = columns.currency === -1 ? this.#currency : this.#readCurrency(columns.currency)
    const ordered_at = this.#date(columns.order_date)
    if (reference === undefined || customer_id === undefined || sku === undefined) return undefined
    if (customer_name === undefined || product_name === undefined || currency === undefined) return undefined
    if (quantity === -1 || unit_price === -1 || ordered_at === undefined) return undefined
    // Blanks in a name that identifies the customer are joined.
    if (customer_id === customer_name || customer_id === GUEST) return undefined
    if (this.#noCustomer.length > 0 && this.#noCustomer.includes(customer_id)) return undefined
    const total = lineTotal(unit_price, quantity, currency)
    if (total === undefined) return undefined
    return {
      reference,
      customer_id,
      customer_name: customer_name || customer_id,
      sku,
      product_name: product_name || sku,
      quantity,
      unit_price,
      currency,
      ordered_at,
      total,
    }
  }

  /** Finds the cells of a line that has one for each column. */
  #findCells(start: number): boolean {
    if (start >= this.#lastNewline) return false
    const window = this.#window
    let at = start
    for (let cell = 0; cell < this.#width; cell++) {
      const isQuoted = window[at] === QUOTE
      if (isQuoted) at++
      const from = at
      let bits = 0
      for (; ; at++) {
        const byte = window[at] ?? 0
        if (byte === QUOTE) break
        if (byte === LINE_FEED || byte === RETURN || (byte === this.#delimiter && !isQuoted)) break
        bits |= byte
      }
      const to = at
      if (isQuoted && !(this.#quotes && window[at++] === QUOTE)) return false
      // The reader trims cells.
      if (to > from && ((window[from] ?? 0) <= BLANK || (window[to - 1] ?? 0) <= BLANK)) return false
      this.#bounds[2 * cell] = from
      this.#bounds[2 * cell + 1] = to
      this.#isWide[cell] = bits > 127 ? 1 : 0
      if (cell < this.#width - 1 && window[at++] !== this.#delimiter) return false
    }
    if (window[at] === RETURN) at++
    this.end = at + 1
    return window[at] === LINE_FEED && at - start < MAX_LINE_BYTES
  }

  /** Start and end of the cell in the window. */
  #boundsOf(column: number): readonly [from: number, to: number] {
    return [this.#bounds[2 * column] ?? 0, this.#bounds[2 * column + 1] ?? 0]
  }

  #cell(column: number): string {
    const [from, to] = this.#boundsOf(column)
    return this.#isWide[column] === 1 ? this.#window.toString('utf8', from, to).trim() : this.#text.slice(from, to)
  }

  #id(column: number): string | undefined {
    const id = this.#cell(column)
    return id === '' || id.length > MAX_ID_LENGTH || isDamagedId(id) ? undefined : id
  }

  #name(column: number): string | undefined {
    const name = column === -1 ? '' : this.#cell(column)
    return name.length > MAX_NAME_LENGTH ? undefined : name
  }

  /** Reads digits as a number; -1 for anything else. */
  #digits(from: number, to: number): number {
    let number = 0
    for (let at = from; at < to; at++) {
      const digit = (this.#window[at] ?? 0) - ZERO
      if (digit < 0 || digit > 9) return -1
      number = number * 10 + digit
    }
    return number
  }

  #quantity(column: number): number {
    const [from, to] = this.#boundsOf(column)
    const quantity = to - from <= MAX_QUANTITY_DIGITS ? this.#digits(from, to) : -1
    return quantity === 0 ? -1 : quantity
  }

  /** Reads digits with or without decimals, scaled by 10^PRICE_DECIMALS. */
  #price(column: number): number {
    const [from, to] = this.#boundsOf(column)
    let mark = from
    while (mark < to && this.#window[mark] !== this.#mark) mark++
    const whole = mark > from && mark - from <= MAX_PRICE_DIGITS ? this.#digits(from, mark) : -1
    if (whole === -1) return -1
    if (mark === to) return whole * 10 ** PRICE_DECIMALS
    const decimals = to - mark - 1
    const fraction = decimals > 0 && decimals <= PRICE_DECIMALS ? this.#digits(mark + 1, to) : -1
    return fraction === -1 ? -1 : whole * 10 ** PRICE_DECIMALS + fraction * 10 ** (PRICE_DECIMALS - decimals)
  }

  #readCurrency(column: number): Currency | undefined {
    const code = this.#cell(column)
    if (code !== this.#currency) {
      this.#currency = isCurrency(code) && isChargeable(code) ? this.#ofPrice(code) : undefined
    }
    return this.#currency
  }

  /** Undefined if the name of the price has another currency. */
  #ofPrice(currency: Currency): Currency | undefined {
    return canBeIn(this.#named, currency) ? currency : undefined
  }

  /** Reads `2025-01-15`, `2025-01-15 17:41` and `2025-01-15T17:41:00`. */
  #date(column: number): string | undefined {
    const [from, to] = this.#boundsOf(column)
    const length = to - from
    if (length !== 10 && length !== 16 && length !== 19) return undefined
    const day = this.#text.slice(from, from + 10)
    if (day !== this.#day && parseDay(day) === undefined) return undefined
    this.#day = day
    if (length > 10 && !this.#isTime(from + 10, to)) return undefined
    const time = length === 10 ? '00:00' : this.#text.slice(from + 11, from + 16)
    const date = `${day}T${time}:${length === 19 ? this.#text.slice(from + 17, to) : '00'}`
    if (date < this.#earliest || date > this.#latest) return undefined
    return this.#isUtc && length > 10 ? `${date}Z` : date
  }

  /** Whether the bytes are as in ` 17:41` or `T17:41:00`. */
  #isTime(from: number, to: number): boolean {
    const first = this.#window[from]
    if (first !== BLANK && first !== LETTER_T) return false
    const isSixty = (at: number) => {
      const number = this.#digits(at, at + 2)
      return number >= 0 && number < 60
    }
    const hour = this.#digits(from + 1, from + 3)
    if (hour < 0 || hour > 23 || this.#window[from + 3] !== COLON || !isSixty(from + 4)) return false
    return to - from === 6 || (this.#window[from + 6] === COLON && isSixty(from + 7))
  }
}

/** The column of each field; -1 for a name or a currency that the file does not have. */
type Columns = Readonly<Record<(typeof NEEDED)[number] | (typeof NAMES)[number] | 'currency', number>>

const NEEDED = ['order_id', 'customer_id', 'product_sku', 'quantity', 'unit_price', 'order_date'] as const
const NAMES = ['customer_name', 'product_name'] as const

/** Undefined for files without a column that plain lines need, or with several for a field that may be empty. */
function columnsOf(header: readonly string[], mapping: Mapping): Columns | undefined {
  const all = (field: keyof Columns) => findNames(header, mapping.columns[field])
  if ([...NAMES, 'order_date' as const].some((field) => all(field).length > 1)) return undefined
  if (NEEDED.some((field) => all(field).length === 0)) return undefined
  const first = (field: keyof Columns) => all(field)[0] ?? -1
  return {
    order_id: first('order_id'),
    customer_id: first('customer_id'),
    product_sku: first('product_sku'),
    quantity: first('quantity'),
    unit_price: first('unit_price'),
    order_date: first('order_date'),
    customer_name: first('customer_name'),
    product_name: first('product_name'),
    currency: first('currency'),
  }
}
