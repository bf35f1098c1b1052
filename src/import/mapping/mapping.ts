// A mapping: how the columns of an order file become the fields of order lines. Presets are mappings, `import inspect
// --save-map` writes one, and `import --map` reads one. All parts but the columns may be left out: the file settles
// them.
import type { DateOrder } from '../../csv/dates.js'
import type { DecimalMark } from '../../csv/numbers.js'

/** The fields of an order line, in the order in which lists show them. */
export const FIELDS = [
  'order_id',
  'customer_id',
  'customer_name',
  'product_sku',
  'product_name',
  'quantity',
  'unit_price',
  'line_total',
  'currency',
  'order_date',
] as const
export type Field = (typeof FIELDS)[number]

/**
 * Columns of each field, by name; case, accents, blanks and punctuation do not matter. The first one with a value
 * counts; for `order_date` and `customer_name`, all of them together, separated by a blank (a date and a time). Columns
 * that the file does not have are ignored.
 *
 * Without a `customer_id`, the name identifies the customer; without both, it is the guest of the source. Without a
 * `product_sku`, one is made from the name of the product. `line_total` takes the place of `unit_price`.
 */
export type FieldColumns = { readonly [Name in Field]?: readonly string[] }

/**
 * A line is skipped if its cell in the column is one of `is` (case does not matter), starts with `startsWith`, or is
 * filled or blank.
 */
export type SkipRule = { readonly reason: string; readonly column: string } & (
  | { readonly is: readonly string[] }
  | { readonly startsWith: string }
  | { readonly cell: 'filled' | 'blank' }
)

export interface Mapping {
  /** Name of the preset, or null for columns found by the names of their fields. */
  readonly preset: string | null
  readonly columns: FieldColumns
  /** As in `windows-1252`. */
  readonly encoding?: string | undefined
  readonly delimiter?: ',' | ';' | '\t' | '|' | undefined
  /** False: a quote is a character like any other. */
  readonly quotes?: boolean | undefined
  /** The decimal mark of all amounts and quantities. */
  readonly decimal?: DecimalMark | undefined
  /** The order of day, month and year in dates that have only numbers. */
  readonly dateOrder?: DateOrder | undefined
  /** ISO 4217 code of amounts that name no currency. */
  readonly currency?: string | undefined
  /** Values of `customer_id` that stand for none, such as 0. */
  readonly noCustomer?: readonly string[] | undefined
  /** False: an empty `customer_id` is an error. */
  readonly guests?: boolean | undefined
  /** False: a line without units or with a negative amount is an error. By default, it is skipped. */
  readonly unsold?: boolean | undefined
  /** False: an order with the same `line_total` on several lines is rejected, since it may be that of the order. */
  readonly repeatedTotals?: boolean | undefined
  /** Columns with the total of the line, besides its amount. A line that contradicts one of them is rejected. */
  readonly lineTotals?: readonly string[] | undefined
  /**
   * Columns with a total that may be that of the order. A line of several units is rejected if its price equals one of
   * them: such a price may be the total of the line.
   */
  readonly otherTotals?: readonly string[] | undefined
  /** Columns with another price of a unit. A line is rejected if it differs: only one of both is what customers pay. */
  readonly otherPrices?: readonly string[] | undefined
  /** Whether a line with the order id of the line before it inherits the fields of the order that it leaves blank. */
  readonly continued?: boolean | undefined
  /** Rules in the order in which they are tried. */
  readonly skip?: readonly SkipRule[] | undefined
  /** Rules for lines of which nothing says whether they are sold: they are rejected, unless a skip rule comes first. */
  readonly reject?: readonly SkipRule[] | undefined
  /** Lines that start with one of these texts end the table: they are skipped. */
  readonly footers?: readonly string[] | undefined
  /**
   * Several items on a line: each column whose name starts with `prefix` holds one, as in `name:Tea|sku:T-1`. Its parts
   * are columns named for the item, as in `item.sku`.
   */
  readonly items?: { readonly prefix: string; readonly separator: string; readonly assigns: string } | undefined
}

/** What a person said about the file: flags, or the configuration of the source. Overrides what the file suggests. */
export type Answers = Pick<Mapping, 'encoding' | 'delimiter' | 'decimal' | 'dateOrder' | 'currency'> & {
  /** The column that identifies the customer. */
  readonly customer?: string | undefined
  /** A preset or a mapping that the file must have. */
  readonly mapping?: Mapping | undefined
}
