// The orders of a chunk, and which of its lines contradict their order.
import { type Fault, joinFaults } from '../csv/values.js'
import { businessDay } from '../domain/business-day.js'
import type { OrderRow, Run } from './chunk-rows.js'
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
}

interface OrderRules {
  /** False rejects the total of the first line on another one. */
  readonly repeatedTotals: boolean | undefined
  /** The name of a field's column. */
  readonly nameOf: (field: Field) => string
}

export class ChunkOrders {
  /** The run of the last line. */
  run: Run | undefined
  /** The run that began before the chunk, if the chunk has lines of it. */
  continued: Run | undefined
  /** Numbers of the first lines of runs of orders that have lines before them in the chunk. */
  readonly laterRuns: number[] = []
  readonly #rules: OrderRules
  readonly #orders = new Map<string, KnownOrder>()
  /** The order that the chunk before ended with, and its run. */
  #carried: KnownOrder | undefined
  #begun: Run | undefined

  /** @param last what `run` was after the lines before */
  constructor(rules: OrderRules, last: Run | undefined) {
    this.#rules = rules
    this.run = last
    this.#begun = last
  }

  /** @returns why the line cannot be taken; undefined if it is */
  add({ line, number, position }: Placed): Rejection | undefined {
    const { reference, total } = line
    const isNext = this.pass(reference, number)
    const order = this.#orders.get(reference)
    const known = order ?? (isNext ? this.#carried : undefined)
    const fault = (order && this.#disagreement(line, order)) ?? (known && this.#repeatedTotal(line, known))
    if (fault) return { reference, ...fault }
    if (order) order.total += total
    else this.#orders.set(reference, { first: line, firstLine: position.line, total })
    return undefined
  }

  /** Goes on to a line, which need not be valid. @returns whether its run began before it */
  pass(reference: string, number: number): boolean {
    if (this.run?.reference === reference) {
      if (this.run === this.#begun) this.continued = this.run
      return true
    }
    this.run = { reference, from: number }
    if (this.#orders.has(reference)) this.laterRuns.push(number)
    return false
  }

  /** Ends the run: another table follows. */
  endRun(): void {
    this.run = undefined
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
    this.#carried = this.#orders.get(this.run?.reference ?? '')
    this.#begun = this.run
    this.continued = undefined
    this.laterRuns.length = 0
    this.#orders.clear()
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
}
