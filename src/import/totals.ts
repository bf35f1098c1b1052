// Words for a total, in lines that are none of an order.
import { normalName } from './mapping/names.js'

/** As normalName gives them. */
export const TOTALS: ReadonlySet<string> = new Set(
  ['total', 'totals', 'grand total', 'subtotal', 'sum', 'summe', 'gesamt', 'gesamtsumme', 'zwischensumme', 'somme']
    .concat(['total général', 'sous-total', 'suma', 'soma', 'total geral', 'totale', 'somma', 'totaal', 'subtotaal'])
    .map(normalName),
)

export const hasTotal = (cells: readonly string[]) => cells.some((cell) => TOTALS.has(normalName(cell)))
