// An order line, and the fields that it is read from.
import type { Fault } from '../csv/values.js'
import type { Schema } from '../database/schema.js'

/** A checked line. Amounts are in minor units; for the unit price, see PRICE_DECIMALS; for the date, see readDate. */
export type OrderLine = Omit<Schema['import_asides'], 'import_id' | 'line_number'>

export interface Rejection extends Fault {
  /** The order that is rejected with the line, if it is known. */
  readonly reference: string | undefined
}

/** A line that is no sale. */
export interface Skipped {
  /** As in `cancelled`. */
  readonly skipped: string
}

/** What becomes of one line. */
export type LineFate = OrderLine | Rejection | Skipped
