// Finds out what an order file means: its dialect, its header, the field of each column, and the marks and orders of
// its numbers and dates. Nothing is guessed: what the file does not settle becomes a question.
import type { Content } from '../../csv/content.js'
import { type Dialect, type Row, type RowPosition, readRows } from '../../csv/dialect.js'
import { ColumnSamples, describeColumns } from './describe.js'
import { type FoundHeader, findHeader } from './find-header.js'
import type { Answers, Mapping } from './mapping.js'
import { type MappingByNames, mappingByNames } from './mapping-by-names.js'
import { emptyFile, missingColumns, missingFields } from './missing.js'
import { looksLike, notOrdersError } from './not-orders.js'
import { skippingUnclear, UnclearStatuses } from './not-sold.js'
import { refuseNumberedItems } from './numbered-items.js'
import { refuseOtherCurrency, resolveMapping, withCustomer } from './resolve.js'
import { Settler } from './settle.js'
import type { Question, Understood } from './understood.js'

export type { ColumnUse, Question, Understood } from './understood.js'

/** How much of a file is searched for its header, in bytes. */
const HEAD_BYTES = 524_288

/**
 * How much of a file is read first, and at most, to settle how to read it. The first part is about 10,000 lines: more
 * would be felt in each import, and lines that contradict what is settled are rejected later.
 */
const SAMPLE_BYTES = 1_048_576
const MAX_SAMPLE_BYTES = 268_435_456

/** Lines that show what the columns hold. */
const FIRST_LINES = 1_000

/**
 * Reads the start of the file, and more of it while a question is open. Leaves the content at its first byte.
 *
 * @param most bytes to read; at least SAMPLE_BYTES are
 * @throws UserError if no header is found, if a field is missing, or if this is no file of orders
 */
export async function understand(content: Content, answers: Answers, most = MAX_SAMPLE_BYTES): Promise<Understood> {
  const file = content.name
  const head = await content.peek(HEAD_BYTES)
  const found = findHeader(head, answers, file)
  if (!found) throw emptyFile(file)
  const { row, dialect } = found
  refuseNumberedItems(found, file)
  const first = readRows(head, dialect, { from: row, limit: FIRST_LINES })
  const { mapping: draft, unclearTotals, priceQuestions, unreadTimes } = draftMapping(found, first, answers, file)
  const missing = missingFields(draft.columns)
  if (missing.length > 0 && !(unclearTotals.length > 0 && missing.join() === 'unit_price')) {
    const other = looksLike(
      row.cells,
      found.named,
      first.map(({ cells }) => cells),
    )
    throw other && !answers.mapping ? notOrdersError(other, file) : missingColumns(found, draft.columns, file)
  }
  refuseOtherCurrency(draft, answers.currency ?? draft.currency, row.cells, file)
  const settler = new Settler(row.cells, draft, answers, file)
  const samples = new ColumnSamples(row.cells.length)
  const { skip = [], reject = [] } = draft
  const statuses = new UnclearStatuses(row.cells, found.mapping ? [] : [...skip, ...reject])
  const isOpen = (rows: readonly Row[]) => {
    settler.add(rows)
    samples.add(rows)
    statuses.add(rows)
    return settler.isOpen
  }
  await readSample(content, { dialect, from: row, most, isOpen })
  const { decimal, dateOrder, currency, questions, why } = settler.result()
  const { encoding } = content
  const unclear = statuses.questions()
  const unsold = unclear.length > 0 ? skippingUnclear({ skip, reject }) : {}
  const mapping: Mapping = { ...draft, ...unsold, encoding, ...dialectOf(dialect), decimal, dateOrder, currency }
  return {
    mapping,
    dialect,
    header: row,
    columns: describeColumns(found, mapping, samples, why, unreadTimes),
    unreadTimes: unreadTimes?.name,
    questions: [
      ...totalQuestions(unclearTotals.map(({ name }) => name)),
      ...[...priceQuestions, ...questions, ...unclear],
    ],
  }
}

const dialectOf = ({ delimiter, quotes }: Dialect) => ({ delimiter, quotes })

function draftMapping(found: FoundHeader, rows: readonly Row[], answers: Answers, file: string): MappingByNames {
  const { row, named, mapping } = found
  const draft: MappingByNames = mapping
    ? { mapping: resolveMapping(mapping, row.cells, file), unclearTotals: [], priceQuestions: [] }
    : mappingByNames(row, named, rows, file)
  return { ...draft, mapping: withCustomer(draft.mapping, answers.customer, row.cells, file) }
}

interface SampleOptions {
  readonly dialect: Dialect
  readonly from: RowPosition
  readonly most: number
  readonly isOpen: (rows: readonly Row[]) => boolean
}

/** Reads further while `isOpen` returns true. A row that is cut by the end of the sample is read with the next one. */
async function readSample(content: Content, { dialect, most, isOpen, ...start }: SampleOptions): Promise<void> {
  let { from } = start
  for (let size = SAMPLE_BYTES; ; size *= 2) {
    const text = await content.peek(size)
    const isAll = text.length < size
    const rows = readRows(text, dialect, { from, limit: Number.POSITIVE_INFINITY })
    const whole = isAll ? rows : rows.slice(0, -1)
    from = whole.at(-1) ?? from
    if (!isOpen(whole) || isAll || size >= most) return
  }
}

function totalQuestions([name, other]: readonly string[]): Question[] {
  if (name === undefined) return []
  const unclear =
    other === undefined
      ? `${name} can be the total of each line or of the whole order`
      : `${name} and ${other} can both be the total of each line`
  const how = `save the mapping with \`orderctl import inspect FILE --save-map map.json\`, add "line_total": ["${name}"] to its columns, and import with --map map.json`
  const text = `${unclear}, and no column has the price of an item. If ${name} is the total of the line before tax and shipping, ${how}.`
  return [{ flag: '--map', column: name, text, answers: ['--map FILE'] }]
}
