// Turns the records of a file into order lines by its mapping.
import { InvalidCell } from '../csv/invalid.js'
import { readNumber } from '../csv/numbers.js'
import { type Fault, joinFaults, minorTotal, readCurrency, wrongWidth } from '../csv/values.js'
import { type Currency, lineTotal } from '../domain/money.js'
import { itemSplitter } from './items.js'
import { type FieldOptions, GUEST, type LineFields, lineFields } from './line-fields.js'
import { FIELDS, type Field, type Mapping } from './mapping/mapping.js'
import { findNames, normalName } from './mapping/names.js'
import type { LineFate, OrderLine, Rejection, Skipped } from './order-line.js'
import { type SkipTest, skipTests } from './skip-rules.js'

/** What a line can inherit from the line before it. */
export interface Carried {
  readonly reference: string
  /** The fields of its order, by position. */
  readonly cells: readonly (readonly [position: number, cell: string])[]
}

/** The fields that lines 2..n of an order may leave blank. */
const ORDER_FIELDS = ['customer_id', 'customer_name', 'currency', 'order_date'] as const satisfies readonly Field[]

export class LineReader {
  /** The last line, if lines can continue it. */
  carried: Carried | undefined
  /** The names of all cells, with those of the parts of an item at the end. */
  readonly header: readonly string[]
  readonly #mapping: Mapping
  readonly #fields: LineFields
  readonly #suspectFields: LineFields
  readonly #skipTests: readonly SkipTest[]
  readonly #inherited: readonly number[]
  readonly #orderFields: readonly number[]
  readonly #amounts: readonly number[]
  /** Columns that skip a line if they are filled. */
  readonly #cancelledAt: readonly number[]
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
    this.#position = Object.fromEntries(
      FIELDS.map((field) => [field, findNames(this.header, mapping.columns[field])[0]]),
    )
    this.#orderFields = ORDER_FIELDS.flatMap((field) => findNames(header, mapping.columns[field]))
    const { unit_price = [], line_total = [] } = mapping.columns
    this.#amounts = findNames(this.header, [...unit_price, ...line_total])
    const filled = mapping.skip?.filter((rule) => 'cell' in rule && rule.cell === 'filled')
    this.#cancelledAt = findNames(
      header,
      filled?.map(({ column }) => column),
    )
    const tested = findNames(
      header,
      mapping.skip?.map(({ column }) => column),
    )
    this.#inherited = mapping.continued ? [...new Set([...this.#orderFields, ...tested])] : []
  }

  /** Reads one record, which may hold several items. */
  read(cells: string[], suspect: boolean): readonly LineFate[] {
    const { length } = this.header
    if (cells.length > length && cells.slice(length).some((cell) => cell.trim() !== '')) {
      const reference = this.referenceOf(cells) ?? this.#continued(cells)
      return [{ reference, column: '', reason: wrongWidth(cells, length) }]
    }
    const reason = this.#endOfTable(cells)
    if (reason) return [{ skipped: reason }]
    if (this.#inherited.length > 0) this.#inherit(cells)
    if (!this.#items) return [this.#readLine(cells, suspect)]
    const items = this.#items.split(cells)
    if (items.length > 0) return items.map((item) => this.#readLine(item, suspect))
    return [{ reference: this.referenceOf(cells), column: '', reason: 'the line has no items' }]
  }

  /** Returns a record for each item of a line that is not skipped, as `header` names its cells. */
  salesOf(cells: string[]): readonly (readonly string[])[] {
    if (this.#endOfTable(cells)) return []
    if (this.#inherited.length > 0) this.#inherit(cells)
    return (this.#items?.split(cells) ?? [cells]).filter(
      (item) => !this.#skipTests.some((test) => test(item) !== undefined),
    )
  }

  /** The order id, for lines that cannot be read. */
  referenceOf(cells: readonly string[]): string | undefined {
    return cells[this.#position.order_id ?? -1]?.trim() || undefined
  }

  #readLine(cells: readonly string[], suspect: boolean): LineFate {
    for (const test of this.#skipTests) {
      const skipped = test(cells)
      if (skipped !== undefined) return { skipped }
    }
    const fields = suspect ? this.#suspectFields : this.#fields
    try {
      return this.#build(cells, fields)
    } catch (error) {
      if (!(error instanceof InvalidCell)) throw error
      return (
        this.#total(cells) ??
        this.#nothingSold(cells, fields) ?? {
          reference: this.referenceOf(cells),
          ...this.#faults(cells, fields, error),
        }
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
    const { written, unitPrice: unit_price } = fields.amount(cells)
    const currency = fields.currency(cells) ?? written.currency ?? this.#fallbackCurrency
    const ordered_at = fields.order_date(cells)
    if (currency === undefined) {
      const amount = this.nameOf(this.#amountField)
      return { reference, column: amount, reason: `${amount} names no currency; set it with --currency` }
    }
    if (written.currency !== undefined && written.currency !== currency) {
      const amount = this.nameOf(this.#amountField)
      return {
        reference,
        column: amount,
        reason: `${amount} is in ${written.currency}, but the line is in ${currency}`,
      }
    }
    const total = unit_price === null ? minorTotal(written.digits, currency) : lineTotal(unit_price, quantity, currency)
    if (total === undefined) {
      const amount = this.nameOf(this.#amountField)
      return { reference, column: amount, reason: `${amount} times quantity exceeds the maximum line total` }
    }
    return {
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
      return 'repeated header'
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
    if (isText('quantity') && isText('order_date')) return { skipped: 'note' }
    const isSentence = filled.length === 1 && first === cells[0]?.trim() && /\S\s+\S/.test(first)
    return isSentence && this.header.length > 2 ? { skipped: 'footer' } : undefined
  }

  /**
   * Recognises a line that leaves all fields of its order blank, the order id included, but has an item.
   *
   * @returns the order id of the line before it, which the line now has as well
   */
  #continued(cells: string[]): string | undefined {
    const { order_id, product_sku = -1, product_name = -1, quantity = -1 } = this.#position
    const isFilled = (position: number) => (cells[position] ?? '').trim() !== ''
    if (!this.carried || order_id === undefined || this.#orderFields.some(isFilled)) return undefined
    if (!this.#amounts.some(isFilled) || !isFilled(quantity) || !(isFilled(product_sku) || isFilled(product_name)))
      return undefined
    if (cells.some((cell) => TOTALS.has(normalName(cell)))) return undefined
    cells[order_id] = this.carried.reference
    return this.carried.reference
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

  /** Fills in what the line leaves blank and the line before it, of the same order, says. */
  #inherit(cells: string[]): void {
    const reference = this.referenceOf(cells) ?? this.#continued(cells)
    if (reference === undefined) return
    if (reference === this.carried?.reference) {
      const blank = this.carried.cells.filter(([position]) => !cells[position]?.trim())
      // A single blank cancellation date is that of a line which is not cancelled, where each line has its own.
      const isOwn = blank.length === 1 && this.#cancelledAt.includes(blank[0]?.[0] ?? -1)
      if (!isOwn) for (const [position, cell] of blank) cells[position] = cell
    }
    const filled = this.#inherited.map((position) => [position, cells[position] ?? ''] as const)
    this.carried = { reference, cells: filled.filter(([, cell]) => cell !== '' && cell.length <= MAX_CARRIED) }
  }
}

/** Longer cells are no valid values of an order's fields. */
const MAX_CARRIED = 1000

/** Words for a total, as normalName gives them. */
const TOTALS = new Set(
  ['total', 'totals', 'grand total', 'subtotal', 'sum', 'summe', 'gesamt', 'gesamtsumme', 'zwischensumme', 'somme']
    .concat(['total général', 'sous-total', 'suma', 'soma', 'total geral', 'totale', 'somma', 'totaal', 'subtotaal'])
    .map(normalName),
)

function reasonOf(read: () => unknown): string | undefined {
  try {
    read()
    return undefined
  } catch (error) {
    if (error instanceof InvalidCell) return error.message
    throw error
  }
}
