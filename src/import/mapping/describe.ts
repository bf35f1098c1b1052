// What is said of each column: its field, a few of its values, and why.
import type { Row } from '../../csv/dialect.js'
import type { FoundHeader } from './find-header.js'
import { FIELDS, type Field, type Mapping } from './mapping.js'
import type { NamedColumn, NamedColumns } from './name-columns.js'
import { isItem } from './resolve.js'
import { MEANINGS, type Meaning } from './synonyms.js'
import type { ColumnUse } from './understood.js'

const SAMPLES = 3

/** Collects the first different values of each column. */
export class ColumnSamples {
  readonly #values: string[][]
  /** Columns that have not enough values yet. */
  #open: number[]

  constructor(columns: number) {
    this.#values = Array.from({ length: columns }, () => [])
    this.#open = [...this.#values.keys()]
  }

  add(rows: readonly Row[]): void {
    // A column may hold fewer different values than that, so not all rows are searched.
    for (const { cells } of rows.slice(0, 10_000)) {
      for (const column of this.#open) this.#addValue(column, (cells[column] ?? '').trim())
    }
    this.#open = []
  }

  #addValue(column: number, value: string): void {
    const values = this.#values[column]
    if (!values || value === '' || values.includes(value)) return
    values.push(value)
    if (values.length === SAMPLES) this.#open = this.#open.filter((other) => other !== column)
  }

  of(column: number): readonly string[] {
    return this.#values[column] ?? []
  }
}

/**
 * @param evidence what settled something, by the name of the column
 * @param unreadTimes the column of times that cannot be read
 */
export function describeColumns(
  { row, mapping: given, named }: FoundHeader,
  mapping: Mapping,
  samples: ColumnSamples,
  evidence: ReadonlyMap<string, string>,
  unreadTimes?: NamedColumn,
): ColumnUse[] {
  const meanings = meaningsOf(named)
  return row.cells.flatMap((cell, index) => {
    const name = cell.trim()
    if (name === '') return []
    const field = fieldOf(name, mapping)
    const source = given ? sourceOf(mapping) : sourceOfName(meanings.get(index), field)
    const unused = index === unreadTimes?.index ? UNREAD : whyNone(name, mapping, meanings.get(index)?.meaning)
    const reason = field ? [source, evidence.get(name)] : [unused]
    return [{ name, field, samples: samples.of(index), why: reason.filter((part) => part !== undefined).join('; ') }]
  })
}

const UNREAD = 'its times cannot be read; write them as in 17:41'

const sourceOf = ({ preset }: Mapping) => (preset === null ? 'mapping' : `preset ${preset}`)

/** The field in which the column comes first: an e-mail address may stand in for an id. */
function fieldOf(name: string, { columns }: Mapping): Field | null {
  const first = FIELDS.findLast((field) => columns[field]?.[0] === name)
  return first ?? FIELDS.find((field) => columns[field]?.includes(name)) ?? null
}

function whyNone(name: string, mapping: Mapping, meaning: Meaning | undefined): string {
  const { items, skip = [], reject, lineTotals, otherTotals, otherPrices } = mapping
  if (items && isItem(name, items.prefix)) return 'holds an item'
  const reasons = skip.filter((rule) => rule.column === name).map(({ reason }) => reason)
  if (reasons.length > 0) return `skips lines: ${[...new Set(reasons)].join(', ')}`
  if (reject?.some((rule) => rule.column === name)) return 'rejects lines that may not be sold'
  if (lineTotals?.includes(name)) return 'must be the total of the line'
  if (otherPrices?.includes(name)) return 'must be the same price'
  if (otherTotals?.includes(name) || meaning === 'any_total') return 'may be the total of the order'
  return meaning ? `another column is the ${wordsOf(meaning)}` : 'not used'
}

function sourceOfName(named: Named | undefined, field: Field | null): string {
  if (!named) return 'set with --customer'
  const { meaning, currency } = named
  if (meaning === 'unit_price' && field === 'line_total')
    return 'means price: a total equals it on lines with several units'
  const total = meaning === 'any_total' ? ': it is not that of the whole order' : ''
  return `means ${wordsOf(meaning)}${total}${currency ? ` in ${currency}` : ''}`
}

interface Named {
  readonly meaning: Meaning
  readonly currency: string | undefined
}

function meaningsOf(named: NamedColumns): ReadonlyMap<number, Named> {
  const found = MEANINGS.flatMap((meaning) =>
    (named[meaning] ?? []).map(({ index, currency }) => [index, { meaning, currency }] as const),
  )
  return new Map(found)
}

const WORDS: Partial<Record<Meaning, string>> = { customer_key: 'customer id', any_total: 'line total', kind: 'type' }

const wordsOf = (meaning: Meaning) => WORDS[meaning] ?? meaning.replaceAll('_', ' ')
