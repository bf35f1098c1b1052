// Checks lines against totals that the file gives next to their amounts. What the first lines have shown about a price
// holds for all of them only if no total contradicts it.
import { InvalidCell } from '../csv/invalid.js'
import { readNumber } from '../csv/numbers.js'
import { minorTotal } from '../csv/values.js'
import { formatAmount } from '../domain/money.js'
import type { Amount } from './line-fields.js'
import type { Mapping } from './mapping/mapping.js'
import { findNames } from './mapping/names.js'
import type { OrderLine } from './order-line.js'

/** Returns what contradicts the amount of a line, and the name of its column. */
type TotalCheck = (
  cells: readonly string[],
  amount: Amount,
  line: OrderLine,
) => { readonly column: string; readonly reason: string } | undefined

/** A total and a product may be rounded differently: by less than a minor unit each. */
const ROUNDING = 1

/** @returns undefined for most files: they give no totals to check */
export function totalCheck(header: readonly string[], mapping: Mapping): TotalCheck | undefined {
  const { lineTotals, otherTotals, otherPrices, decimal, columns } = mapping
  const ofLine = findNames(header, lineTotals)
  const others = columns.unit_price ? findNames(header, otherTotals) : []
  const prices = columns.unit_price ? findNames(header, otherPrices) : []
  if (ofLine.length + others.length + prices.length === 0) return undefined
  const [price = ''] = columns.unit_price ?? columns.line_total ?? []
  const [quantity = ''] = columns.quantity ?? []
  const computed = columns.unit_price ? `${quantity} × ${price}` : price
  return (cells, { text, written }, { currency, quantity, total }) => {
    for (const position of prices) {
      const given = readNumber(cells[position]?.trim() ?? '', decimal)
      if (!given || Number(given.digits) === Number(written.digits)) continue
      const column = header[position]?.trim() ?? ''
      const how = 'save a mapping whose "unit_price" is the one that customers pay, without its "otherPrices"'
      return { column, reason: `${column} is ${cells[position]?.trim()}, but ${price} is ${text}; ${how}` }
    }
    for (const position of ofLine) {
      const given = minorOf(cells[position]?.trim() ?? '', decimal, currency)
      if (given === undefined || Math.abs(given - total) <= ROUNDING) continue
      const column = header[position]?.trim() ?? ''
      const figures = `${column} is ${cells[position]?.trim()}, but ${computed} is ${formatAmount({ currency, minor: total })}`
      return { column, reason: `${figures}; correct the line, or ${decide(price, column)}` }
    }
    for (const position of quantity > 1 && total > 0 ? others : []) {
      const given = readNumber(cells[position]?.trim() ?? '', decimal)
      if (Number(given?.digits) !== Number(written.digits)) continue
      const column = header[position]?.trim() ?? ''
      const figures = `${column} equals ${price} on a line of ${quantity} units, so ${price} may be the total of the line`
      return { column, reason: `${figures}; ${decide(price, column)}` }
    }
    return undefined
  }
}

function decide(price: string, total: string): string {
  return `save a mapping that says what counts: ${price}, without its "lineTotals" and "otherTotals", or "line_total": ["${total}"] without "unit_price"`
}

/** Undefined for a cell that is no amount. */
function minorOf(text: string, decimal: Mapping['decimal'], currency: OrderLine['currency']): number | undefined {
  const digits = readNumber(text, decimal)?.digits
  if (digits === undefined) return undefined
  try {
    return digits.startsWith('-') ? -minorTotal(digits.slice(1), currency) : minorTotal(digits, currency)
  } catch (error) {
    if (error instanceof InvalidCell) return Number.POSITIVE_INFINITY
    throw error
  }
}
