// Finds the meaning of columns by their names.
import { currenciesOf } from '../../csv/currency-signs.js'
import type { Currency } from '../../domain/money.js'
import { joinWords, normalName, wordsOf } from './names.js'
import { ITEM_MEANINGS, ITEM_WORDS, MEANINGS, type Meaning, SYNONYMS } from './synonyms.js'

export interface NamedColumn {
  /** Its index in the header. */
  readonly index: number
  readonly name: string
  /** Position of the name among those of its meaning: the lowest is the most specific. */
  readonly rank: number
  /** The currency in the name, as in `Price (EUR)`. */
  readonly currency: Currency | undefined
}

/** The columns of each meaning, the most specific first. */
export type NamedColumns = { readonly [Name in Meaning]?: readonly NamedColumn[] }

/** Only amounts can have a currency in their name. */
const AMOUNTS: readonly Meaning[] = ['unit_price', 'line_total', 'any_total']

/** Longer cells are text, and no names. */
const MAX_NAME = 80

let meanings: ReadonlyMap<string, { meaning: Meaning; rank: number }> | undefined

function indexSynonyms() {
  const index = new Map<string, { meaning: Meaning; rank: number }>()
  for (const meaning of MEANINGS) {
    for (const [rank, name] of SYNONYMS[meaning].split(',').entries()) {
      const normal = normalName(name)
      if (!index.has(normal)) index.set(normal, { meaning, rank })
    }
  }
  return index
}

export function nameColumns(cells: readonly string[]): NamedColumns {
  const found: { [Name in Meaning]?: NamedColumn[] } = {}
  for (const [index, cell] of cells.entries()) {
    const known = meaningOf(cell)
    if (!known) continue
    const { meaning, rank, currency } = known
    found[meaning] = [...(found[meaning] ?? []), { index, name: cell.trim(), rank, currency }]
  }
  for (const columns of Object.values(found)) columns.sort((one, other) => one.rank - other.rank)
  return found
}

function meaningOf(name: string) {
  if (name.length > MAX_NAME || name.trim() === '') return undefined
  meanings ??= indexSynonyms()
  // `Line price` is that of the line, `Line: Price` that of a unit in it.
  const priced = PART.test(name) ? meaningOfPart(name) : undefined
  if (priced?.meaning === 'unit_price') return { ...priced, currency: undefined }
  const known = meanings.get(normalName(name)) ?? meanings.get(normalName(name.replace(IN_UTC, '')))
  if (known) return { ...known, currency: undefined }
  const part = meaningOfPart(name)
  if (part) return { ...part, currency: undefined }
  const { rest, currencies } = splitCurrency(name.trim()) ?? {}
  const amount = rest === undefined ? undefined : (meanings.get(normalName(rest)) ?? meaningOfPart(rest))
  // `Price` is more specific than `Price USD`.
  return amount && AMOUNTS.includes(amount.meaning)
    ? {
        meaning: amount.meaning,
        rank: amount.rank + 0.25,
        currency: currencies?.length === 1 ? currencies[0] : undefined,
      }
    : undefined
}

/** A name of two parts, as in `Line: Price`, `line_items.price` and `Order Lines/Price`. */
const PART = /[\p{L}\p{N}] ?[:/.] ?\p{L}/u

/** As in `Created (UTC)`. */
const IN_UTC = /[\s_(]+(?:utc|gmt)\)?$/i

/** Whether the name of a date says that it is in UTC, in brackets or as its last word, as in `created_at_utc`. */
export function isInUtc(name: string): boolean {
  return name.length <= MAX_NAME && (/\((?:utc|gmt)\)/i.test(name) || /^(?:utc|gmt)$/.test(wordsOf(name).at(-1) ?? ''))
}

const itemWords = new Set(ITEM_WORDS.split(',').map(normalName))

/** As in `Order Lines/Quantity`. A column of such a name is less specific than one of the name itself. */
function meaningOfPart(name: string) {
  const words = wordsOf(name)
  for (const count of [2, 1]) {
    if (!itemWords.has(joinWords(words.slice(0, count)))) continue
    const rest = joinWords(words.slice(count))
    const known = meanings?.get(rest === 'name' ? 'productname' : rest)
    if (known && ITEM_MEANINGS.includes(known.meaning)) return { ...known, rank: known.rank + 0.5 }
  }
  return undefined
}

/** Codes that are also words of a name, as in `Price all`. */
const WORDS = ['all', 'cup', 'gel', 'pen', 'top', 'try']

/** In brackets, after `in`, or a word at either end. The first group or the third is the name without it. */
const CURRENCY_IN_NAME = [
  /^(.+?)\s*[([{]\s*(?:in )?([^()[\]{}]+?)\s*[)\]}]$/i,
  /^(.+?)[\s_]+(?:in|en|em)[\s_]+(\S+)$/i,
  /^(.+?)[\s_-]+(\p{L}{2,3}|\P{L}{1,3})$/iu,
  /^(.+?\p{L})([^\p{L}\p{N}\s_().:#]+)$/u,
]

/** Returns the currencies that the name of an amount can mean: several for a sign such as `$`, none for most names. */
export function currenciesInName(name: string): readonly Currency[] {
  return (name.length <= MAX_NAME && splitCurrency(name.trim())?.currencies) || []
}

/** Whether amounts can be in the currency. @param named what `currenciesInName` returns */
export function canBeIn(named: readonly Currency[], currency: string): boolean {
  return named.length === 0 || named.some((code) => code === currency)
}

/** Splits `Price (EUR)`, `Total in USD`, `unit_price_eur`, `Preis €`. */
function splitCurrency(name: string): { rest: string; currencies: readonly Currency[] } | undefined {
  for (const [at, pattern] of CURRENCY_IN_NAME.entries()) {
    const [, rest, sign] = pattern.exec(name) ?? []
    if (rest === undefined || sign === undefined) continue
    const currencies = currenciesOf(sign)
    const isWord = at >= 2 && WORDS.includes(sign.toLowerCase())
    if (currencies.length > 0 && !isWord) return { rest, currencies }
  }
  return undefined
}
