// The order of the last line, which lines without its id or its fields continue.
import type { Field, Mapping } from './mapping/mapping.js'
import { findAllNamed, findNames } from './mapping/names.js'
import { RETURNED_UNITS } from './mapping/not-sold.js'
import { hasTotal } from './totals.js'

/** What a line can inherit from the line before it. */
export interface Carried {
  readonly reference: string
  /** The fields of its order, by position. */
  readonly cells: readonly (readonly [position: number, cell: string])[]
}

/** The fields that lines 2..n of an order may leave blank. */
const ORDER_FIELDS = ['customer_id', 'customer_name', 'currency', 'order_date'] as const satisfies readonly Field[]

/** Longer cells are no valid values of an order's fields. */
const MAX_CARRIED = 1000

export class CarriedOrder {
  /** Undefined if lines continue none, or one that is not known. */
  last: Carried | undefined
  /** Whether the last line was given values of the line before it. */
  hasInherited = false
  readonly #orderId: number
  readonly #orderFields: readonly number[]
  /** The columns of product, quantity and amount. */
  readonly #itemParts: readonly (readonly number[])[]
  /** Positions that a line may leave blank. None if no line continues another one. */
  readonly #inherited: readonly number[]
  readonly #hasPreset: boolean

  constructor(header: readonly string[], { columns, continued, skip = [], reject = [], preset }: Mapping) {
    const positionsOf = (...fields: readonly Field[]) => fields.flatMap((field) => findNames(header, columns[field]))
    this.#orderId = positionsOf('order_id')[0] ?? -1
    this.#orderFields = positionsOf(...ORDER_FIELDS)
    const product = positionsOf('product_sku', 'product_name')
    this.#itemParts = [product, positionsOf('quantity'), positionsOf('unit_price', 'line_total')]
    const tested = [...skip, ...reject]
      .filter(({ reason }) => reason !== RETURNED_UNITS)
      .flatMap(({ column }) => findAllNamed(header, column))
      .filter((position) => !product.includes(position))
    this.#inherited = continued ? [...new Set([...this.#orderFields, ...tested])] : []
    this.#hasPreset = preset !== null
  }

  /** Returns the order id, if the line has one. */
  referenceOf(cells: readonly string[]): string | undefined {
    return cells[this.#orderId]?.trim() || undefined
  }

  /**
   * Makes the order of the line the last one, and fills in what the line leaves blank and the line before it, of the
   * same order, says.
   *
   * @param known number of cells that the line may have
   * @returns the order that is rejected if the line is: its own, or one that it may belong to
   */
  take(cells: string[], known = Number.POSITIVE_INFINITY): string | undefined {
    this.hasInherited = false
    if (this.#inherited.length === 0) return this.referenceOf(cells)
    if (!this.referenceOf(cells)) {
      if (hasTotal(cells)) return undefined
      // Another order, without its id: the lines that continue it belong to no order that is known.
      if (this.#isOther(cells)) this.last = undefined
      // The same one, or another one of that day.
      if (this.#orderFields.some((position) => cells[position]?.trim())) return this.last?.reference
      if (!this.last || !this.#hasItem(cells)) return undefined
      this.#fillId(cells, this.last)
    }
    const reference = this.referenceOf(cells)
    if (reference === undefined) return undefined
    if (reference === this.last?.reference) this.#fill(cells, this.last, known)
    const filled = this.#inherited.map((position) => [position, cells[position] ?? ''] as const)
    this.last = { reference, cells: filled.filter(([, cell]) => cell !== '' && cell.length <= MAX_CARRIED) }
    return reference
  }

  /**
   * Like `take`, for a line that cannot be split into cells.
   *
   * @param cells its text between delimiters, of which the first `known` are cells
   */
  takeMalformed(cells: string[], known: number): string | undefined {
    const { last } = this
    if (this.#orderId >= known) {
      // The line may belong to the order before it, or begin one that lines continue.
      if (last && cells.some((cell) => cell.trim() === last.reference)) return last.reference
      this.last = undefined
      return undefined
    }
    const first = cells.slice(0, known)
    if (last && !this.referenceOf(first) && !this.#isOther(first)) this.#fillId(first, last)
    const reference = this.take(first, known)
    cells.splice(0, known, ...first)
    return reference
  }

  /** Like `take`, for a line with too many cells, of which only the order id is sure. */
  takeShifted(cells: string[]): string | undefined {
    return this.takeMalformed(cells, this.#orderId + 1)
  }

  #fillId(cells: string[], { reference }: Carried): void {
    if (this.#orderId < 0) return
    cells[this.#orderId] = reference
    this.hasInherited = true
  }

  #fill(cells: string[], { cells: before }: Carried, known: number): void {
    const blank = before.filter(([position]) => position < known && !cells[position]?.trim())
    // Without a preset, a line that has all fields of its order has a status of its own, too.
    if (!this.#hasPreset && !blank.some(([position]) => this.#orderFields.includes(position))) return
    for (const [position, cell] of blank) cells[position] = cell
    this.hasInherited ||= blank.length > 0
  }

  /** Whether the line has a field of an order that differs from that of the line before it. */
  #isOther(cells: readonly string[]): boolean {
    const before = new Map(this.last?.cells)
    return this.#orderFields.some((position) => {
      const cell = cells[position]?.trim()
      return cell && cell !== before.get(position)?.trim()
    })
  }

  /** Whether the line has an item: two of product, quantity and amount. */
  #hasItem(cells: readonly string[]): boolean {
    return this.#itemParts.filter((positions) => positions.some((position) => cells[position]?.trim())).length > 1
  }
}
