// Prices with and without tax, next to each other: nothing says which of them customers pay.
import { cellOf } from './line-totals.js'
import type { NamedColumn } from './name-columns.js'
import { wordsOf } from './names.js'
import type { Question } from './understood.js'

/** Words of the names of such prices. */
const TAX_WORDS = new Set(
  `net gross tax taxes vat incl excl inc ex including excluding without netto brutto mwst ttc ht taxe tva neto bruto iva imposto lordo
  btw`.split(/\s+/),
)

/** The prices besides the one that counts first, if one of them is named for taxes. */
export function otherPrices([price, ...others]: readonly NamedColumn[]): readonly NamedColumn[] {
  const isTaxed = [price, ...others].some((one) => wordsOf(one?.name ?? '').some((word) => TAX_WORDS.has(word)))
  return isTaxed ? others : []
}

/** @param rows lines that are sold. @param others see otherPrices */
export function priceQuestions(
  rows: readonly (readonly string[])[],
  price: NamedColumn,
  others: readonly NamedColumn[],
): Question[] {
  for (const cells of rows) {
    const value = cellOf(cells, price)
    const other = others.find((one) => ![value, ''].includes(cellOf(cells, one)))
    if (value !== '' && other) return [asked(price.name, other.name, `${value} and ${cellOf(cells, other)}`)]
  }
  return []
}

function asked(price: string, other: string, values: string): Question {
  const how = `save the mapping with \`orderctl import inspect FILE --save-map map.json\`, write the one that customers pay as its "unit_price", and import with --map map.json`
  const text = `${price} and ${other} differ, as in ${values}: ${how}.`
  return { flag: '--map', column: price, text, answers: ['--map FILE'] }
}
