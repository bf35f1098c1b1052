// Recomputes sales figures, KPIs and leaderboards from the orders of the files that were completed.
import { z } from 'zod'
import { figure, text } from '../tables.js'
import { MINOR_DIGITS } from './files.js'
import { differences, type ShopState, sums } from './shop-state.js'

/** What the reports of orderctl print as JSON. */
export interface Reports {
  /** `kpis range` over all days. */
  readonly kpis: unknown
  /** `leaderboard customers` and `leaderboard products` by currency. */
  readonly customers: ReadonlyMap<string, unknown>
  readonly products: ReadonlyMap<string, unknown>
}

interface Sale {
  readonly day: string
  readonly currency: string
  readonly customer: string
  readonly total: bigint
}

interface SoldUnits {
  readonly day: string
  readonly currency: string
  readonly sku: string
  readonly order: string
  readonly quantity: bigint
  readonly total: bigint
}

export function* checkSales(state: ShopState, reports: Reports): Generator<string> {
  const completed = state.orders.filter(({ status }) => status === 'completed')
  const sales: Sale[] = completed.map(({ day, currency, customer, source, total }) => {
    return { day, currency, total, customer: `${customer} ${source}` }
  })
  const units: SoldUnits[] = completed.flatMap(({ id, day, currency, lines }) =>
    lines.map((line) => ({ ...line, order: id, day, currency })),
  )
  yield* checkTables(state, sales, units)
  yield* checkKpis(state, sales, reports.kpis)
  for (const [currency, board] of reports.customers) yield* checkCustomers(state, sales, currency, board)
  for (const [currency, board] of reports.products) yield* checkProducts(units, currency, board)
}

const one = () => 1n

function* checkTables(state: ShopState, sales: readonly Sale[], units: readonly SoldUnits[]): Generator<string> {
  const customerOf = new Map(
    state.rows('customers').map((row) => [text(row, 'id'), `${row['customer_id']} ${row['source']}`]),
  )
  const byCustomer = state.rows('sales_by_customer')
  const keyOf = ({ day, currency, customer }: Sale) => `${day} ${currency} ${customer}`
  const rowKey = (row: (typeof byCustomer)[number]) =>
    `${row['day']} ${row['currency']} ${customerOf.get(text(row, 'customer_id'))}`
  const revenue = ({ total }: { readonly total: bigint }) => total
  const stored = (column: string) => sums(byCustomer, rowKey, (row) => figure(row, column))
  yield* differences('orders by customer', sums(sales, keyOf, one), stored('orders'))
  yield* differences('revenue by customer', sums(sales, keyOf, revenue), stored('revenue'))
  const byProduct = state.rows('sales_by_product')
  const productKey = ({ day, currency, sku }: SoldUnits) => `${day} ${currency} ${sku}`
  const productRowKey = (row: (typeof byProduct)[number]) =>
    `${row['day']} ${row['currency']} ${state.skuOf.get(text(row, 'product_id'))}`
  const storedOf = (column: string) => sums(byProduct, productRowKey, (row) => figure(row, column))
  const quantity = (item: SoldUnits) => item.quantity
  yield* differences('units by product', sums(units, productKey, quantity), storedOf('units'))
  yield* differences('revenue by product', sums(units, productKey, revenue), storedOf('revenue'))
  yield* differences('orders by product', sums(ordersOf(units), productKey, one), storedOf('orders'))
  const counts = state
    .rows('order_counts')
    .filter((row) => figure(row, 'period') === 0n && figure(row, 'orders') !== 0n)
  const inState = (of: { readonly source?: unknown; readonly status?: unknown }) => `${of.source} ${of.status}`
  const counted = sums(counts, inState, (row) => figure(row, 'orders'))
  yield* differences('orders by status', sums(state.orders, inState, one), counted)
}

/** Once for each order with the product. */
function ordersOf(units: readonly SoldUnits[]): SoldUnits[] {
  return [...new Map(units.map((item) => [`${item.order} ${item.sku}`, item])).values()]
}

const kpi = z.object({
  currency: z.string(),
  total_revenue: z.number(),
  refunds: z.number(),
  net_revenue: z.number(),
  order_count: z.number(),
  average_order_value: z.number(),
  unique_customers: z.number(),
})
const rangeReport = z.object({
  kpis: z.array(kpi),
  days: z.array(z.object({ date: z.string(), kpis: z.array(kpi) })),
})
type Kpi = z.infer<typeof kpi>

/** Amounts of a period as `key value` texts, without the figures that are 0. */
function kpiFigures(period: string, kpis: readonly Kpi[]): [string, bigint][] {
  return kpis.flatMap(({ currency, ...figures }) =>
    Object.entries(figures).map(([name, value]): [string, bigint] => {
      const isCount = name === 'order_count' || name === 'unique_customers'
      return [`${period} ${currency} ${name}`, isCount ? BigInt(value) : minor(value, currency)]
    }),
  )
}

function minor(amount: number, currency: string): bigint {
  return BigInt(amount.toFixed(MINOR_DIGITS[currency] ?? 0).replace('.', ''))
}

function* checkKpis(state: ShopState, sales: readonly Sale[], report: unknown): Generator<string> {
  const { kpis, days } = rangeReport.parse(report)
  const refunds = state
    .rows('refunds')
    .filter((row) => row['status'] === 'refunded')
    .map((row) => ({ day: text(row, 'day'), currency: text(row, 'currency'), amount: figure(row, 'amount') }))
  const expected = new Map<string, bigint>()
  for (const currency of Object.keys(MINOR_DIGITS))
    for (const period of ['all', ...days.map(({ date }) => date)]) {
      const isIn = (item: { day: string; currency: string }) =>
        item.currency === currency && (period === 'all' || item.day === period)
      const sold = sales.filter(isIn)
      const revenue = sold.reduce((sum, { total }) => sum + total, 0n)
      const refunded = refunds.filter(isIn).reduce((sum, { amount }) => sum + amount, 0n)
      const count = BigInt(sold.length)
      const figures = {
        total_revenue: revenue,
        refunds: refunded,
        net_revenue: revenue - refunded,
        order_count: count,
        average_order_value: count === 0n ? 0n : (2n * revenue + count) / (2n * count),
        unique_customers: BigInt(new Set(sold.map(({ customer }) => customer)).size),
      }
      for (const [name, value] of Object.entries(figures)) expected.set(`${period} ${currency} ${name}`, value)
    }
  const found = [...kpiFigures('all', kpis), ...days.flatMap((day) => kpiFigures(day.date, day.kpis))]
  const isSome = ([, value]: [string, bigint]) => value !== 0n
  yield* differences('KPI', new Map([...expected].filter(isSome)), new Map(found.filter(isSome)))
}

const customerBoard = z.object({
  customers: z.array(
    z.object({
      rank: z.number(),
      source: z.string(),
      customer_id: z.string(),
      order_count: z.number(),
      total_spent: z.number(),
    }),
  ),
})

/** By what they spent less refunds, then orders, then id and source. */
function* checkCustomers(
  state: ShopState,
  sales: readonly Sale[],
  currency: string,
  board: unknown,
): Generator<string> {
  const own = sales.filter((sale) => sale.currency === currency)
  const nameOf = ({ customer }: Sale) => customer
  const orders = sums(own, nameOf, one)
  const revenue = sums(own, nameOf, ({ total }) => total)
  const customers = new Map(
    state.rows('customers').map((row) => [text(row, 'id'), `${row['customer_id']} ${row['source']}`]),
  )
  const refunded = sums(
    state.rows('refunds').filter((row) => row['status'] === 'refunded' && row['currency'] === currency),
    (row) => customers.get(text(row, 'customer_id')) ?? '',
    (row) => figure(row, 'amount'),
  )
  const rows = [...orders].map(([customer, count]) => {
    return { customer, count, spent: (revenue.get(customer) ?? 0n) - (refunded.get(customer) ?? 0n) }
  })
  rows.sort(
    (a, b) => descending(a.spent, b.spent) || descending(a.count, b.count) || (a.customer < b.customer ? -1 : 1),
  )
  const expected = rows.map(({ customer, count, spent }, index) => [index + 1, customer, count, spent].join(' '))
  const found = customerBoard.parse(board).customers.map((row) => {
    const customer = `${row.customer_id} ${row.source}`
    return [row.rank, customer, row.order_count, minor(row.total_spent, currency)].join(' ')
  })
  yield* differences(`rank of customers in ${currency}`, ranked(expected), ranked(found))
}

const productBoard = z.object({
  products: z.array(
    z.object({
      rank: z.number(),
      sku: z.string(),
      units_sold: z.number(),
      order_count: z.number(),
      total_revenue: z.number(),
    }),
  ),
})

/** By units, then SKU. */
function* checkProducts(units: readonly SoldUnits[], currency: string, board: unknown): Generator<string> {
  const own = units.filter((item) => item.currency === currency)
  const skuOf = ({ sku }: SoldUnits) => sku
  const orders = sums(ordersOf(own), skuOf, one)
  const revenue = sums(own, skuOf, ({ total }) => total)
  const sold = [...sums(own, skuOf, ({ quantity }) => quantity)]
  sold.sort(([a, x], [b, y]) => descending(x, y) || (a < b ? -1 : 1))
  const expected = sold.map(([sku, count], index) =>
    [index + 1, sku, count, orders.get(sku) ?? 0n, revenue.get(sku) ?? 0n].join(' '),
  )
  const found = productBoard.parse(board).products.map((row) => {
    return [row.rank, row.sku, row.units_sold, row.order_count, minor(row.total_revenue, currency)].join(' ')
  })
  yield* differences(`rank of products in ${currency}`, ranked(expected), ranked(found))
}

const descending = (a: bigint, b: bigint) => (a > b ? -1 : a < b ? 1 : 0)

const ranked = (rows: readonly string[]) => new Map(rows.map((row, index) => [String(index + 1), row]))
