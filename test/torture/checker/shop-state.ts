// The tables of a shop as the checker compares them.
import { figure, query, type Row, text } from '../tables.js'
import { contentOf, type FileLine } from './files.js'

/** An order with all that belongs to it. */
export interface StoredOrder {
  readonly id: string
  readonly importId: string
  readonly source: string
  readonly reference: string
  readonly customerId: string
  readonly customer: string
  readonly currency: string
  readonly day: string
  readonly total: bigint
  readonly status: string
  readonly attempt: number
  readonly lines: readonly FileLine[]
  readonly content: string
  readonly row: Row
}

const TABLES = [
  ...(['imports', 'customers', 'products', 'stock_adjustments', 'orders', 'order_lines', 'due_orders'] as const),
  ...(['payments', 'refunds', 'events', 'sales_by_customer', 'sales_by_product', 'order_counts'] as const),
] as const
type TableName = (typeof TABLES)[number]

export class ShopState {
  readonly #tables: ReadonlyMap<TableName, readonly Row[]>
  readonly orders: readonly StoredOrder[]
  readonly skuOf: ReadonlyMap<string, string>

  static async read(url: string): Promise<ShopState> {
    const tables = new Map<TableName, readonly Row[]>()
    for (const table of TABLES) tables.set(table, await query(url, `select * from ${table}`))
    return new ShopState(tables)
  }

  private constructor(tables: ReadonlyMap<TableName, readonly Row[]>) {
    this.#tables = tables
    this.skuOf = new Map(this.rows('products').map((row) => [text(row, 'id'), text(row, 'sku')]))
    this.orders = this.#readOrders()
  }

  rows(table: TableName): readonly Row[] {
    return this.#tables.get(table) ?? []
  }

  /** The rows by the text of a column. */
  by(table: TableName, column: string): ReadonlyMap<string, readonly Row[]> {
    return grouped(this.rows(table), (row) => text(row, column))
  }

  #readOrders(): StoredOrder[] {
    const lines = this.by('order_lines', 'order_id')
    const customers = new Map(this.rows('customers').map((row) => [text(row, 'id'), row]))
    return this.rows('orders').map((row) => {
      const id = text(row, 'id')
      const customerId = text(row, 'customer_id')
      const customer = customers.get(customerId)?.['customer_id'] ?? `unknown customer ${customerId}`
      const order = {
        ...{ id, customerId, customer, row, importId: text(row, 'import_id'), total: figure(row, 'total') },
        ...{ source: text(row, 'source'), reference: text(row, 'reference'), status: text(row, 'status') },
        ...{ currency: text(row, 'currency'), day: text(row, 'business_day'), attempt: Number(text(row, 'attempt')) },
        lines: (lines.get(id) ?? []).map((line) => ({
          sku: this.skuOf.get(text(line, 'product_id')) ?? 'unknown product',
          quantity: figure(line, 'quantity'),
          total: figure(line, 'total'),
        })),
      }
      return { ...order, content: contentOf(order) }
    })
  }
}

export const nameOf = ({ source, reference }: Pick<StoredOrder, 'source' | 'reference'>) => `${source}/${reference}`

export function grouped<Item>(items: Iterable<Item>, keyOf: (item: Item) => string): Map<string, Item[]> {
  const groups = new Map<string, Item[]>()
  for (const item of items) {
    const key = keyOf(item)
    const group = groups.get(key)
    if (group) group.push(item)
    else groups.set(key, [item])
  }
  return groups
}

/** Adds up amounts by key. Keys with a sum of 0 are left out, as if they had no entry. */
export function sums<Item>(items: Iterable<Item>, keyOf: (item: Item) => string, amountOf: (item: Item) => bigint) {
  const totals = new Map<string, bigint>()
  for (const item of items) totals.set(keyOf(item), (totals.get(keyOf(item)) ?? 0n) + amountOf(item))
  return new Map([...totals].filter(([, amount]) => amount !== 0n))
}

/** Says where two sets of figures differ. */
export function* differences<Value>(
  what: string,
  expected: ReadonlyMap<string, Value>,
  actual: ReadonlyMap<string, Value>,
): Generator<string> {
  for (const key of new Set([...expected.keys(), ...actual.keys()])) {
    const [wanted, found] = [expected.get(key), actual.get(key)]
    if (wanted !== found) yield `${what} of ${key}: expected ${wanted ?? 'none'}, found ${found ?? 'none'}`
  }
}
