// Finds the header of an order file: the delimiter, the line, and what its columns say about the file.
import {
  DELIMITERS,
  type Delimiter,
  type Dialect,
  detectLineEnding,
  type Row,
  readRows,
  readSeparatorLine,
} from '../../csv/dialect.js'
import type { Answers, Mapping } from './mapping.js'
import { type NamedColumns, nameColumns } from './name-columns.js'
import { findName, normalName } from './names.js'
import { NOT_ORDERS, notOrdersError } from './not-orders.js'
import { mostSpecific, PRESETS, type Preset } from './presets.js'
import type { Meaning } from './synonyms.js'

/** How many lines may come before the header, with itself. */
const HEADER_LINES = 50

export interface FoundHeader {
  readonly dialect: Dialect
  readonly row: Row
  /** The given mapping, or that of a preset; undefined for columns that are named for their fields. */
  readonly mapping: Mapping | undefined
  readonly named: NamedColumns
  /** Number of different fields that are found. */
  readonly fields: number
}

/**
 * @param text the start of the file
 * @returns the line that looks most like a header; undefined if all lines are blank
 * @throws UserError if the header is that of a file that is known to hold no orders
 */
export function findHeader(text: Buffer, answers: Answers, file: string): FoundHeader | undefined {
  const candidates = [...candidatesOf(text, answers)]
  const { mapping } = answers
  if (mapping) return best(candidates.map((candidate) => ofMapping(candidate, mapping)))
  for (const candidate of candidates) {
    const known = mostSpecific<Known>(KNOWN, namesIn(candidate.row))
    if (known && 'why' in known) throw notOrdersError(known, file)
    if (known) return ofPreset(candidate, known)
  }
  return best(candidates.map(ofNames))
}

type Known = (typeof NOT_ORDERS)[number] | Preset
/** The refusals come first: of two headers of the same length, the first one counts. */
const KNOWN: readonly Known[] = [...NOT_ORDERS, ...PRESETS]

/** Delimiters of another dialect are no text. */
const HAS_TEXT = /[^\s,;|]/

type Candidate = Pick<FoundHeader, 'dialect' | 'row'>

/** A separator line or an answer decides the delimiter; a separator line is no candidate itself. */
function* candidatesOf(text: Buffer, { delimiter, mapping }: Answers): Generator<Candidate, void> {
  const lineEnding = detectLineEnding(text)
  const separator = readSeparatorLine(text)
  const only = delimiter ?? mapping?.delimiter ?? separator?.delimiter
  for (const delimiter of only ? [only] : DELIMITERS) {
    const dialect = { delimiter, quotes: hasQuotes(mapping, delimiter), lineEnding }
    for (const row of readRows(text, dialect, { from: separator?.rest, limit: HEADER_LINES })) {
      if (row.cells.some((cell) => HAS_TEXT.test(cell))) yield { dialect, row }
    }
  }
}

/** Longer cells are no names. */
const MAX_NAME = 100

const namesIn = ({ cells }: Row): ReadonlySet<string> =>
  new Set(cells.filter((cell) => cell.length <= MAX_NAME).map(normalName))

/**
 * A preset whose quotes are ordinary characters means the files that the system writes, with tabs. A spreadsheet that
 * has saved them with commas has quoted cells.
 */
function hasQuotes(mapping: Mapping | undefined, delimiter: Delimiter): boolean {
  return mapping?.quotes !== false || (mapping.delimiter === undefined && delimiter !== '\t')
}

function ofPreset({ dialect, row }: Candidate, { mapping }: Preset): FoundHeader {
  const quotes = hasQuotes(mapping, dialect.delimiter)
  return { dialect: { ...dialect, quotes }, row, mapping, named: {}, fields: Number.POSITIVE_INFINITY }
}

function ofMapping(candidate: Candidate, mapping: Mapping): FoundHeader {
  const found = Object.values(mapping.columns).filter((names) =>
    names.some((name) => findName(candidate.row.cells, name) >= 0),
  )
  return { ...candidate, mapping, named: {}, fields: found.length }
}

const FIELDS: readonly (readonly Meaning[])[] = [
  ['order_id'],
  ['customer_key', 'customer_email', 'customer_name'],
  ['product_sku'],
  ['product_name'],
  ['quantity'],
  ['unit_price'],
  ['line_total', 'any_total'],
  ['currency'],
  ['order_date'],
]

function ofNames(candidate: Candidate): FoundHeader {
  const named = nameColumns(candidate.row.cells)
  const fields = FIELDS.filter((meanings) => meanings.some((meaning) => named[meaning])).length
  return { ...candidate, mapping: undefined, named, fields }
}

/** The first one with most fields. Without any, the first line of at least two cells looks most like a header. */
function best(found: readonly FoundHeader[]): FoundHeader | undefined {
  const most = found.reduce<FoundHeader | undefined>(
    (most, one) => (most === undefined || one.fields > most.fields ? one : most),
    undefined,
  )
  return most && (most.fields > 0 ? most : (found.find(({ row }) => row.cells.length > 1) ?? most))
}
