// Whether a column of amounts is the total of each line, the price of a unit, or the total of the order.
import { type DecimalMark, readNumber } from '../../csv/numbers.js'
import type { NamedColumn } from './name-columns.js'
import { normalName, wordsOf } from './names.js'

type Rows = readonly (readonly string[])[]

export const cellOf = (cells: readonly string[], { index }: Pick<NamedColumn, 'index'>) => (cells[index] ?? '').trim()

/** Words of columns that make the total of an order differ from that of its only line. */
const CHARGES = new Set(
  `shipping postage freight delivery tax taxes vat gst discount coupon tip fee fees versand versandkosten mwst steuer rabatt livraison port
  tva taxe remise envio iva impuesto impuestos descuento frete imposto desconto spedizione sconto verzending verzendkosten btw korting`.split(
    /\s+/,
  ),
)

/**
 * The total of an order is the same on each of its lines, or stands on one of them: a column that differs between the
 * lines of an order has their totals. If all orders have one line, and nothing else is charged, both are the same.
 *
 * @param rows lines that are sold
 */
export function isLineTotal(rows: Rows, header: readonly string[], orderId: NamedColumn, total: NamedColumn): boolean {
  const several = valuesByOrder(rows, orderId, total).filter((values) => values.length > 1)
  if (several.length === 0) return !header.some((name) => wordsOf(name).some((word) => CHARGES.has(word)))
  const different = several.filter((values) => new Set(values).size > 1)
  return different.length * 2 >= several.length && !several.some((values) => values.includes(''))
}

/** The values of a column on the lines of each order. */
export function valuesByOrder(rows: Rows, orderId: NamedColumn, column: NamedColumn): string[][] {
  const orders = new Map<string, string[]>()
  for (const cells of rows) {
    const id = cellOf(cells, orderId)
    const values = orders.get(id)
    if (values) values.push(cellOf(cells, column))
    else if (id !== '') orders.set(id, [cellOf(cells, column)])
  }
  return [...orders.values()]
}

/**
 * Returns a total that equals the price on each line with several units: such a price is that of the whole line.
 *
 * @param rows lines that are sold
 */
export function totalLikePrice(
  rows: Rows,
  quantity: NamedColumn,
  price: NamedColumn,
  totals: readonly NamedColumn[],
): NamedColumn | undefined {
  const several = rows.filter((cells) => {
    const [units, amounts] = [valuesOf(cellOf(cells, quantity)), valuesOf(cellOf(cells, price))]
    return units.length > 0 && units.every((value) => value > 1) && amounts.some((value) => value !== 0)
  })
  if (several.length === 0) return undefined
  return totals.find((total) => several.every((cells) => cellOf(cells, total) === cellOf(cells, price)))
}

const MARKS: readonly DecimalMark[] = ['point', 'comma']

/** The values that a number can have: the decimal mark is only settled once the columns are known. */
function valuesOf(text: string): number[] {
  return MARKS.flatMap((mark) => {
    const number = readNumber(text, mark)
    return number ? [Number(number.digits)] : []
  })
}

/** Names of a total to which neither taxes nor shipping are added. */
const BEFORE_CHARGES = new Set(
  `subtotal, sub total, total excl tax, total net, zwischensumme, nettobetrag, nettowert, sous-total, total ht, montant ht,
  subtotale, subtotaal`
    .split(',')
    .map(normalName),
)

/** @returns the total before charges, or all of them, if they are the same; none if they differ */
export function sameTotals(rows: Rows, totals: readonly NamedColumn[]): readonly NamedColumn[] {
  const [before, second] = totals.filter(({ name }) => BEFORE_CHARGES.has(normalName(name)))
  if (before && !second) return [before]
  const [first, ...others] = totals
  const areSame = others.every((other) => rows.every((cells) => first && cellOf(cells, other) === cellOf(cells, first)))
  return areSame ? totals : []
}
