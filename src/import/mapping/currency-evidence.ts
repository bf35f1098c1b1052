// Whether the sampled lines name their currency: in a column of its own, or by a sign in the price. If only some do,
// the others are rejected.
import { readNumber } from '../../csv/numbers.js'
import type { Mapping } from './mapping.js'
import { findName } from './names.js'
import type { Question } from './understood.js'

export class CurrencyEvidence {
  readonly #columns: readonly { readonly name: string; readonly index: number }[]
  readonly #prices: readonly { readonly name: string; readonly index: number }[]
  #isNamed = false
  /** The first line that names no currency. */
  #lacking: { readonly line: number; readonly price: string; readonly column: string } | undefined

  constructor(header: readonly string[], { columns }: Mapping) {
    const find = (names: readonly string[] = []) => names.map((name) => ({ name, index: findName(header, name) }))
    this.#columns = find(columns.currency)
    this.#prices = find([...(columns.unit_price ?? []), ...(columns.line_total ?? [])])
  }

  add(cells: readonly string[], line: number): void {
    if (this.#isNamed) return
    if (this.#columns.some(({ index }) => (cells[index] ?? '').trim() !== '')) {
      this.#isNamed = true
      return
    }
    const priced = this.#prices.find(({ index }) => (cells[index] ?? '').trim() !== '')
    const price = priced ? (cells[priced.index] ?? '').trim() : ''
    // A line without a price will be rejected.
    if (!priced || !/\d/.test(price)) return
    if (namesCurrency(price)) this.#isNamed = true
    else this.#lacking ??= { line, price, column: priced.name }
  }

  questions(): readonly Question[] {
    if (this.#isNamed || !this.#lacking) return []
    const { line, price, column } = this.#lacking
    const [named] = this.#columns
    const text = named
      ? `${named.name} is blank in line ${line}.`
      : /^[-+(]*\d.*\d\)?$|^\d$/.test(price)
        ? `Nothing names the currency of ${column}: line ${line} has ${price}.`
        : `${column} does not say which currency it is: line ${line} has ${price}.`
    return [{ flag: '--currency', column: named?.name ?? column, text, answers: ['--currency CODE'] }]
  }
}

function namesCurrency(price: string): boolean {
  return (readNumber(price, 'point')?.currency ?? readNumber(price, 'comma')?.currency) !== undefined
}
