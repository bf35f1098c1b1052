// Turns the records of a file into order lines by its mapping.
import { InvalidCell } from '../csv/invalid.js'
import { readNumber } from '../csv/numbers.js'
import { type Fault, joinFaults, minorTotal, readCurrency, wrongWidth } from '../csv/values.js'
import { type Currency, lineTotal } from '../domain/money.js'
import { CarriedOrder } from './carried-order.js'
import { totalCheck } from './given-totals.js'
import { itemSplitter } from './items.js'
import { type FieldOptions, GUEST, type LineFields, lineFields, otherCurrency } from './line-fields.js'
import { FIELDS, type Field, type Mapping } from './mapping/mapping.js'
import { findAllNamed, findNames, normalName } from './mapping/names.js'
import { RETURNED_UNITS } from './mapping/not-sold.js'
import type { LineFate, OrderLine, Rejection, Skipped } from './order-line.js'
import { isRejectColumn } from './reject-columns.js'
import { type SkipTest, skipTests } from './skip-rules.js'
import { TOTALS } from './totals.js'

/** The header within the table: another export was appended. */
export const REPEATED_HEADER = 'repeated header'

export class LineReader {
  readonly order: CarriedOrder
  /** The names of all cells, with those of the parts of an item at the end. */
  readonly header: readonly string[]
  readonly #mapping: Mapping
  readonly #fields: LineFields
  readonly #suspectFields: LineFields
  readonly #skipTests: readonly SkipTest[]
  readonly #rejectTests: readonly SkipTest[]
  readonly #checkTotals: ReturnType<typeof totalCheck>
  readonly #isRejects: boolean
  /** Number of columns up to the last one of the file that has a name. */
  readonly #named: number
  /** Position of the first column of each field. */
  readonly #position: Readonly<Partial<Record<Field, number>>>
  readonly #items: ReturnType<typeof itemSplitter>
  readonly #fallbackCurrency: Currency | undefined

  constructor(header: readonly string[], mapping: Mapping, { latest }: Pick<FieldOptions, 'latest'>) {
    this.#mapping = mapping
    this.#fallbackCurrency = mapping.currency === undefined ? undefined : readCurrency(mapping.currency)
    this.#items = itemSplitter(header, mapping)
    this.header = this.#items ? [...header, ...this.#items.names] : header
    this.#fields = lineFields(this.header, mapping, { suspect: false, latest })
    this.#suspectFields = lineFields(this.header, mapping, { suspect: true, latest })
    this.#skipTests = skipTests(header, mapping.skip)
    this.#rejectTests = skipTests(header, mapping.reject)
    this.#checkTotals = totalCheck(this.header, mapping)
    this.#position = Object.fromEntries(
      FIELDS.map((field) => [field, findNames(this.header, mapping.columns[field])[0]]),
    )
    this.order = new CarriedOrder(header, mapping)
    this.#isRejects = header.some(isRejectColumn)
    this.#named = header.findLastIndex((name) => name.trim() !== '' && !isRejectColumn(name)) + 1
  }

  /** Reads one record, which may hold several items. */
  read(cells: string[], suspect: boolean): readonly LineFate[] {
    if (cells.length > this.#named && this.#hasUnnamed(cells)) {
      return [{ reference: this.order.takeShifted(cells), column: '', reason: wrongWidth(cells, this.#named) }]
    }
    const reason = this.#endOfTable(cells)
    if (reason) return [{ skipped: reason }]
    const reference = this.order.take(cells)
    const isMarred = this.#isRejects && cells.some((cell) => cell.includes('\uFFFD'))
    if (isMarred)
      return [{ reference, column: '', reason: 'the line has a � where bytes could not be read; correct it' }]
    if (!this.#items) return [this.#readLine(cells, suspect, reference)]
    const items = this.#items.split(cells)
    if (items.length > 0) return items.map((item) => this.#readLine(item, suspect, reference))
    return [{ reference, column: '', reason: 'the line has no items' }]
  }

  /** Returns a record for each item of a line that is not skipped, as `header` names its cells. */
  salesOf(cells: string[]): readonly (readonly string[])[] {
    if (this.#endOfTable(cells)) return []
    this.order.take(cells)
    return (this.#items?.split(cells) ?? [cells]).filter(
      (item) => !this.#skipTests.some((test) => test(item) !== undefined),
    )
  }

  /** Whether there are values behind the last column with a name. */
  #hasUnnamed(cells: readonly string[]): boolean {
    return cells.some((cell, at) => at >= this.#named && !this.header[at]?.trim() && cell.trim() !== '')
  }

  #readLine(cells: readonly string[], suspect: boolean, reference: string | undefined): LineFate {
    for (const test of this.#skipTests) {
      const skipped = test(cells)
      if (skipped !== undefined) return { skipped }
    }
    for (const test of this.#rejectTests) {
      const doubt = test(cells)
      if (doubt !== undefined) return { reference, ...this.#doubtful(cells, doubt) }
    }
    const fields = suspect ? this.#suspectFields : this.#fields
    try {
      return this.#build(cells, fields)
    } catch (error) {
      if (!(error instanceof InvalidCell)) throw error
      return (
        this.#total(cells) ?? this.#nothingSold(cells, fields) ?? { reference, ...this.#faults(cells, fields, error) }
      )
    }
  }

  /** @throws InvalidCell */
  #build(cells: readonly string[], fields: LineFields): OrderLine | Rejection | Skipped {
    const quantity = fields.quantity(cells)
    if (quantity < 0) return { skipped: 'return' }
    const reference = fields.order_id(cells)
    const customer_id = fields.customer_id(cells)
    const customer_name = fields.customer_name(cells) || (customer_id === GUEST ? 'Guest' : customer_id)
    const sku = fields.product_sku(cells)
    const product_name = fields.product_name(cells) || sku
    const amount = fields.amount(cells)
    const { written, unitPrice: unit_price } = amount
    const currency = fields.currency(cells) ?? written.currency ?? this.#fallbackCurrency
    const ordered_at = fields.order_date(cells)
    if (currency === undefined) return this.#badAmount(reference, 'names no currency; set it with --currency')
    const other = otherCurrency(amount, currency)
    if (other !== undefined) return this.#badAmount(reference, other)
    const total = unit_price === null ? minorTotal(written.digits, currency) : lineTotal(unit_price, quantity, currency)
    if (total === undefined) return this.#badAmount(reference, 'times quantity exceeds the maximum line total')
    const line = {
      reference,
      customer_id,
      customer_name,
      sku,
      product_name,
      quantity,
      unit_price,
      currency,
      ordered_at,
      total,
    }
    const contradiction = this.#checkTotals?.(cells, amount, line)
    return contradiction ? { reference, ...contradiction } : line
  }

  #doubtful(cells: readonly string[], doubt: string): Fault {
    const rules = this.#mapping.reject?.filter(({ reason }) => reason === doubt) ?? []
    const columns = rules.flatMap(({ column }) => findAllNamed(this.header, column))
    const at = columns.find((column) => cells[column]?.trim()) ?? -1
    const column = this.header[at]?.trim() ?? ''
    const correct =
      doubt === RETURNED_UNITS ? `set ${this.nameOf('quantity')} to the units to charge and empty ${column}, or ` : ''
    const decide = `${correct}save a mapping, and move its rule from "reject" to "skip" to leave such lines out, or remove it to charge them`
    return { column, reason: `${column} is "${cells[at]?.trim()}", and the line may not be sold (${doubt}); ${decide}` }
  }

  /** @param reason completes "Price …" */
  #badAmount(reference: string, reason: string): Rejection {
    const column = this.nameOf(this.#amountField)
    return { reference, column, reason: `${column} ${reason}` }
  }

  /** All fields of the line that cannot be read. */
  #faults(cells: readonly string[], fields: LineFields, first: InvalidCell): Fault {
    const faults = (Object.keys(fields) as (keyof LineFields)[]).flatMap((field): Fault[] => {
      const column = this.nameOf(field === 'amount' ? this.#amountField : field)
      const reason = reasonOf(() => fields[field](cells))
      return reason === undefined ? [] : [{ column, reason: `${column} ${reason}` }]
    })
    // A total that is too large is only known with its currency.
    const amount = this.nameOf(this.#amountField)
    return joinFaults(faults.length > 0 ? faults : [{ column: amount, reason: `${amount} ${first.message}` }])
  }

  /** The price of a unit counts, if the file has it. */
  get #amountField(): 'unit_price' | 'line_total' {
    return this.#position.unit_price === undefined ? 'line_total' : 'unit_price'
  }

  /** The name of the field's column in the file. */
  nameOf(field: Field): string {
    return this.header[this.#position[field] ?? -1]?.trim() || field
  }

  /** Whether the line repeats the header or ends the table. */
  #endOfTable(cells: readonly string[]): string | undefined {
    const [order = 0] = [this.#position.order_id]
    const header = this.header
    if (
      cells[order]?.trim() === header[order]?.trim() &&
      header.every((name, at) => (cells[at] ?? '').trim() === name.trim())
    )
      return REPEATED_HEADER
    const { footers = [] } = this.#mapping
    if (footers.length === 0) return undefined
    const filled = cells
      .map((cell) => cell.trim())
      .filter((cell) => cell !== '')
      .slice(0, 2)
    return filled.some((cell) => footers.some((text) => cell.startsWith(text))) ? 'footer' : undefined
  }

  /** A line that cannot be read as an order: a total, a sentence, or a note on each column below the header. */
  #total(cells: readonly string[]): Skipped | undefined {
    const filled = cells.map((cell) => cell.trim()).filter((cell) => cell !== '')
    const [first = ''] = filled
    const isBlank = (field: Field) => (cells[this.#position[field] ?? -1] ?? '').trim() === ''
    if (TOTALS.has(normalName(first)) && (isBlank('order_date') || isBlank('quantity'))) return { skipped: 'total' }
    const isText = (field: Field) => /^\D+$/.test((cells[this.#position[field] ?? -1] ?? '').trim())
    if (isText('quantity') && isText('order_date') && isText(this.#amountField)) return { skipped: 'note' }
    const isSentence = filled.length === 1 && first === cells[0]?.trim() && /\S\s+\S/.test(first)
    return isSentence && this.header.length > 2 ? { skipped: 'footer' } : undefined
  }

  /** A line without units or with a negative amount: an item that was removed, a discount or a refund. */
  #nothingSold(cells: readonly string[], fields: LineFields): Skipped | undefined {
    if (this.#mapping.unsold === false) return undefined
    const textOf = (field: Field) => (cells[this.#position[field] ?? -1] ?? '').trim()
    const { decimal } = this.#mapping
    const units = readNumber(textOf('quantity'), decimal)
    if (units && Number(units.digits) === 0) return { skipped: 'no units' }
    const amount = readNumber(textOf(this.#amountField), decimal)
    const isNegative = amount?.digits.startsWith('-') && reasonOf(() => fields.quantity(cells)) === undefined
    return isNegative ? { skipped: 'negative amount' } : undefined
  }
}

function reasonOf(read: () => unknown): string | undefined {
  try {
    read()
    return undefined
  } catch (error) {
    if (error instanceof InvalidCell) return error.message
    throw error
  }
}
