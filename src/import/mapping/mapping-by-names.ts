// Makes a mapping of columns that are named for their fields.
import { readDate } from '../../csv/dates.js'
import type { Row } from '../../csv/dialect.js'
import { InvalidCell } from '../../csv/invalid.js'
import { usageError } from '../../errors.js'
import { LineReader } from '../line-reader.js'
import { isLineTotal, sameTotals, totalLikePrice, valuesByOrder } from './line-totals.js'
import type { Mapping } from './mapping.js'
import type { NamedColumn, NamedColumns } from './name-columns.js'
import { normalName } from './names.js'
import { hasPaymentColumns } from './not-orders.js'
import { unsoldRules } from './not-sold.js'
import { otherPrices, priceQuestions as questionsOfPrices } from './taxed-prices.js'
import type { Question } from './understood.js'

export interface MappingByNames {
  readonly mapping: Mapping
  /** Columns that may be the total of a line, and nothing says which of them is, if any. */
  readonly unclearTotals: readonly NamedColumn[]
  /** About the price of a unit. */
  readonly priceQuestions: readonly Question[]
  /** A column of times that cannot be read. It is left out. */
  readonly unreadTimes?: NamedColumn | undefined
}

/** @param rows some of the records */
export function mappingByNames(header: Row, named: NamedColumns, rows: readonly Row[], file: string): MappingByNames {
  const one = (columns: readonly NamedColumn[] | undefined) => onlyColumn(columns, file)
  const orderId = withoutLineNumbers(one(named.order_id), rows)
  const name = one(named.customer_name)
  const quantity = one(named.quantity)
  const cells = rows.map(({ cells }) => cells)
  const { skip, reject } = unsoldRules(named, (column) => (orderId ? valuesByOrder(cells, orderId, column) : []))
  const sold = soldRows(header, skip, rows)
  const price = one(named.unit_price)
  const totals = [...(named.line_total ?? []), ...(named.any_total ?? [])]
  const likePrice = price && quantity && totalLikePrice(sold, quantity, price, totals)
  const unitPrice = likePrice ? undefined : price
  const explicit = likePrice ? price : unitPrice ? undefined : one(named.line_total)
  const unclear = unitPrice || explicit || hasPaymentColumns(header.cells) ? [] : (named.any_total ?? [])
  const proven = orderId ? unclear.filter((column) => isLineTotal(sold, header.cells, orderId, column)) : []
  const [total, ...same] = explicit ? [explicit] : sameTotals(sold, proven)
  // The first lines may be of orders with one line only.
  const isUnproven =
    total && !explicit && orderId && !valuesByOrder(sold, orderId, total).some(({ length }) => length > 1)
  const date = dateColumns(named, rows, file)
  const columns = {
    order_id: orderId,
    customer_id: [one(named.customer_key), one(named.customer_email), name],
    customer_name: name ? [name] : [one(named.first_name), one(named.last_name)],
    product_sku: one(named.product_sku),
    product_name: one(named.product_name),
    quantity,
    unit_price: unitPrice,
    line_total: [total, likePrice],
    currency: one(named.currency),
    order_date: date.columns,
  }
  const currency = (unitPrice ?? total)?.currency
  const prices = unitPrice ? otherPrices(named.unit_price ?? []) : []
  const priceQuestions = unitPrice ? questionsOfPrices(sold, unitPrice, prices) : []
  // The first lines do not show what later ones say. A question about prices leaves the rest to a mapping.
  const compared = namesOf({
    lineTotals: unitPrice ? named.line_total : likePrice ? [likePrice] : same,
    otherTotals: unitPrice && named.any_total,
    otherPrices: priceQuestions.length > 0 ? [] : prices,
  })
  const mapping: Mapping = {
    preset: null,
    columns: namesOf(columns),
    ...(currency && { currency }),
    ...(isUnproven && { repeatedTotals: false }),
    ...compared,
    noCustomer: NO_CUSTOMER,
    continued: true,
    skip,
    reject,
  }
  const { unreadTimes } = date
  return {
    mapping,
    unreadTimes,
    priceQuestions,
    unclearTotals: total ? [] : proven.length > 0 ? proven : unclear.slice(0, 1),
  }
}

/** What databases and shops write for a guest. */
const NO_CUSTOMER = ['0', 'NULL', 'null', 'N/A', 'n/a', 'NaN', 'nan', 'None', '-']

/** `No.` can be the number of the order or of the line: 1, 2, 3. */
function withoutLineNumbers(column: NamedColumn | undefined, rows: readonly Row[]): NamedColumn | undefined {
  if (column === undefined || normalName(column.name) !== 'number') return column
  const counts = rows.every(({ cells }, at) => (cells[column.index] ?? '').trim() === String(at + 1))
  return counts ? undefined : column
}

/** The cells of lines that no rule skips. */
function soldRows({ cells }: Row, skip: Mapping['skip'], rows: readonly Row[]): (readonly string[])[] {
  const reader = new LineReader(cells, { preset: null, columns: {}, skip }, { latest: undefined })
  return rows.flatMap(({ cells }) => reader.salesOf([...cells]))
}

function namesOf(
  columns: Record<string, NamedColumn | readonly (NamedColumn | undefined)[] | undefined>,
): Readonly<Record<string, readonly string[]>> {
  const names = Object.entries(columns).map(([field, found]) => {
    const list = [found].flat().flatMap((column) => (column ? [column.name] : []))
    return [field, list] as const
  })
  return Object.fromEntries(names.filter(([, list]) => list.length > 0))
}

/** @throws UserError if two columns have the most specific name */
function onlyColumn(columns: readonly NamedColumn[] = [], file: string): NamedColumn | undefined {
  const [first, second] = columns
  if (first && second && first.rank === second.rank) {
    const isSame = first.name === second.name
    throw usageError({
      code: 'column_twice',
      message: isSame
        ? `${file} has more than one column named ${first.name}.`
        : `${file} has two columns that mean the same: ${first.name} and ${second.name}.`,
      fix: 'Remove or rename all but one of them.',
    })
  }
  return first
}

const IS_TIME = /^\d{1,2}[:.h]\d{2}/

interface DateColumns {
  readonly columns: readonly (NamedColumn | undefined)[]
  readonly unreadTimes?: NamedColumn
}

/** The date, with the time of another column if the date has none and most of the times can be read. */
function dateColumns(named: NamedColumns, rows: readonly Row[], file: string): DateColumns {
  const date = onlyColumn(named.order_date, file)
  const time = named.time?.[0]
  if (!time) return { columns: [date] }
  const times = rows.map(({ cells }) => (cells[time.index] ?? '').trim()).filter((text) => IS_TIME.test(text))
  if (!date) return { columns: times.length > 0 ? [] : [time] }
  const hasTime = rows.some(({ cells }) => /\d[T ,]+\d{1,2}[:.h]\d{2}/.test(cells[date.index] ?? ''))
  if (times.length === 0 || hasTime) return { columns: [date] }
  if (times.filter(isReadable).length * 2 < times.length) return { columns: [date], unreadTimes: time }
  return { columns: [date, onlyColumn(named.time, file)] }
}

/** Whether the time can be read behind a date. */
function isReadable(time: string): boolean {
  try {
    readDate(`2000-01-01 ${time}`, undefined)
    return true
  } catch (error) {
    if (error instanceof InvalidCell) return false
    throw error
  }
}
