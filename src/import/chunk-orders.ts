// The orders of a chunk. Tells which lines contradict their order, and which orders repeat a line.
import { type Fault, joinFaults } from '../csv/values.js'
import { groupBy } from '../domain/batches.js'
import { businessDay } from '../domain/business-day.js'
import type { ContinuedRun, OrderRow, Run } from './chunk-rows.js'
import type { Field } from './mapping/mapping.js'
import type { OrderLine, Rejection } from './order-line.js'

/** A line with its number and that of its line in the file. */
interface Placed {
  readonly line: OrderLine
  readonly number: number
  readonly position: { readonly line: number }
}

interface KnownOrder {
  readonly first: OrderLine
  readonly firstLine: number
  total: number
  /** Its lines before it came again, after lines of other orders. */
  before?: readonly Placed[]
}

interface OrderRules {
  /** False rejects the total of the first line on another one. */
  readonly repeatedTotals: boolean | undefined
  /** The name of a field's column. */
  readonly nameOf: (field: Field) => string
}

export class ChunkOrders {
  /** The first line of each order that repeats one of an earlier run. */
  readonly repeated = new Map<string, number>()
  readonly #rules: OrderRules
  readonly #orders = new Map<string, KnownOrder>()
  /** The order that the chunk before ended with. */
  #carried: KnownOrder | undefined
  /** The run before the chunk, its last line in the chunk, and whether its order has another run. */
  #begun: Run | undefined
  #to = 0
  #returns = false
  /** The order of the last line, and where its run began. */
  #last: string | undefined
  #from = 0
  /** The lines by order, up to the last order that came again: of most files, none. */
  readonly #byOrder = new Map<string, Placed[]>()
  #grouped = 0

  /** @param last what `run` returned for the lines before */
  constructor(rules: OrderRules, last: Run | undefined) {
    this.#rules = rules
    this.#begun = last
    this.#last = last?.reference
    this.#from = last?.from ?? 0
  }

  /** The run of the last line. */
  get run(): Run | undefined {
    return this.#last === undefined ? undefined : { reference: this.#last, from: this.#from }
  }

  get continued(): ContinuedRun | undefined {
    return this.#begun && { ...this.#begun, to: this.#to, returns: this.#returns }
  }

  /** @param lines those of the chunk before it. @returns why the line cannot be taken; undefined if it is */
  add(placed: Placed, lines: readonly Placed[]): Rejection | undefined {
    const { line, number, position } = placed
    const { reference, total } = line
    const isNext = this.pass(reference, number)
    const order = this.#orders.get(reference)
    const known = order ?? (isNext ? this.#carried : undefined)
    const fault = (order && this.#disagreement(line, order)) ?? (known && this.#repeatedTotal(line, known))
    if (fault) return { reference, ...fault }
    if (order) {
      if (!isNext) order.before = [...this.#linesOf(reference, lines)]
      if (order.before?.some((other) => isSame(other.line, line)) && !this.repeated.has(reference))
        this.repeated.set(reference, number)
      order.total += total
    } else this.#orders.set(reference, { first: line, firstLine: position.line, total })
    return undefined
  }

  /** Goes on to a line, which need not be valid. @returns whether its run began before it */
  pass(reference: string, number: number): boolean {
    if (this.#last !== reference) {
      this.#last = reference
      this.#from = number
      this.#returns ||= reference === this.#begun?.reference
      return false
    }
    if (this.#from === this.#begun?.from) this.#to = number
    return true
  }

  /** Ends the run: another table follows. */
  endRun(): void {
    this.#last = undefined
  }

  rows(rejected: ReadonlyMap<string, unknown>, timeZone: string): OrderRow[] {
    const rows: OrderRow[] = []
    for (const [reference, { first, total }] of this.#orders) {
      if (rejected.has(reference)) continue
      const { customer_id, ordered_at, currency } = first
      const business_day = businessDay(ordered_at, timeZone)
      rows.push({ reference, customer_id, ordered_at, business_day, currency, total })
    }
    return rows
  }

  /** Starts the next chunk. */
  clear(): void {
    this.#carried = this.#orders.get(this.#last ?? '')
    this.#begun = this.run
    this.#to = 0
    this.#returns = false
    this.#grouped = 0
    for (const collected of [this.repeated, this.#orders, this.#byOrder]) collected.clear()
  }

  #disagreement(line: OrderLine, { first, firstLine }: KnownOrder): Fault | undefined {
    const differing = (['customer_id', 'currency'] as const).filter((name) => first[name] !== line[name])
    if (differing.length === 0) return undefined
    const faults = differing.map((field) => {
      const column = this.#rules.nameOf(field)
      return { column, reason: `${column} is "${line[field]}", but "${first[field]}" in line ${firstLine}` }
    })
    return joinFaults(faults)
  }

  #repeatedTotal({ total }: OrderLine, { first, firstLine }: KnownOrder): Fault | undefined {
    if (this.#rules.repeatedTotals !== false || total !== first.total) return undefined
    const column = this.#rules.nameOf('line_total')
    const how = 'if it is that of each line, save a mapping and remove its "repeatedTotals": false'
    return { column, reason: `${column} may be the total of the order, as in line ${firstLine}; ${how}` }
  }

  #linesOf(reference: string, lines: readonly Placed[]): readonly Placed[] {
    for (const [key, added] of groupBy(lines.slice(this.#grouped), ({ line }) => line.reference)) {
      const known = this.#byOrder.get(key)
      if (known) known.push(...added)
      else this.#byOrder.set(key, added)
    }
    this.#grouped = lines.length
    return this.#byOrder.get(reference) ?? []
  }
}

function isSame(one: OrderLine, { sku, quantity, total }: OrderLine): boolean {
  return one.sku === sku && one.quantity === quantity && one.total === total
}
