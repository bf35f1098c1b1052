// What `import inspect` shows: how a file is read, its columns, the first orders, and what would not be imported.
import { basename } from 'node:path'
import { STDIN } from '../csv/bytes.js'
import type { Content } from '../csv/content.js'
import { groupThousands } from '../domain/money.js'
import type { Sample, SampleOrder } from '../import/inspect.js'
import { FIELDS } from '../import/mapping/mapping.js'
import { findName } from '../import/mapping/names.js'
import type { ColumnUse, Understood } from '../import/mapping/understand.js'
import type { Table } from '../terminal/table.js'
import { cleanText, countOf, cutText } from '../terminal/text.js'
import { DATE_ORDER_NAMES, delimiterName, encodingName } from './import-view.js'
import { pairs, tableOf } from './list.js'
import { priceText } from './order-view.js'

export interface Inspected {
  readonly file: string
  readonly content: Pick<Content, 'encoding' | 'compression'>
  readonly understood: Understood
  /** Undefined if there are questions. */
  readonly sample: Sample | undefined
  /** Whether there are questions that the rest of the file may settle. */
  readonly isCut: boolean
}

/** The document of --json. */
export function inspectResult({ file, content, understood, sample }: Inspected) {
  const { mapping, dialect, header, columns, questions } = understood
  const { preset, decimal = null, dateOrder: date_format = null, currency = null } = mapping
  return {
    file,
    encoding: content.encoding,
    compression: content.compression,
    delimiter: dialect.delimiter,
    mapping: preset,
    header_line: header.line,
    ...{ decimal, date_format, currency },
    columns: columns.map(({ name, field, samples, why }) => ({ name, field, samples, why })),
    questions: questions.map(({ flag, column, text, answers }) => ({ flag, column, text, answers })),
    sample: sample ? sampleResult(sample) : null,
  }
}

function sampleResult({ rows, isComplete: complete, orders, imported, skipped, rejected, first }: Sample) {
  const skipped_lines = Object.values(skipped).reduce((sum, lines) => sum + lines, 0)
  const counts = { rows, complete, orders, imported, skipped: skipped_lines, skipped_reasons: skipped }
  const first_orders = first.map((order) => ({ ...order, currency: order.total.currency }))
  return { ...counts, rejected: rejected.length, rejections: rejected.slice(0, REJECTIONS), first_orders }
}

/** Rejected lines under --json. */
const REJECTIONS = 1000

export function factsTable({ file, content, understood }: Inspected): Table {
  const { mapping, dialect, header } = understood
  const { preset, decimal, dateOrder, currency } = mapping
  const unused = unusedText(understood)
  return tableOf(pairs('Read as', ''), [
    ['File', file === STDIN ? 'standard input' : cleanText(basename(file))],
    ...(content.compression ? [['Compression', content.compression] as const] : []),
    ['Encoding', encodingName(content.encoding)],
    ['Delimiter', delimiterName(dialect.delimiter)],
    ['Preset', preset ?? 'none: columns are found by name'],
    ['Header', header.line === 1 ? 'line 1' : `line ${header.line}, after ${countOf(header.line - 1, 'other line')}`],
    ...(decimal ? [['Decimal mark', decimal] as const] : []),
    ...(dateOrder ? [['Dates', DATE_ORDER_NAMES[dateOrder]] as const] : []),
    ...(currency ? [['Currency', currency] as const] : []),
    ...(unused ? [['Not used', unused] as const] : []),
  ])
}

/** Width of a sample value. Longer ones are cut. */
const SAMPLE_WIDTH = 30

/** Columns that are read, in the order of their fields; then columns that skip lines. */
export function columnsTable({ understood }: Inspected): Table {
  const used = usedColumns(understood)
  const rank = ({ field }: ColumnUse) => (field === null ? FIELDS.length : FIELDS.indexOf(field))
  return tableOf(
    [
      { key: 'name', heading: 'column', flexible: true, minWidth: 10 },
      { key: 'field', shown: ({ field }) => field ?? 'skips lines' },
      { key: 'samples', heading: 'values', flexible: true, minWidth: 12, shown: ({ samples }) => samplesText(samples) },
      { key: 'why', flexible: true, minWidth: 12, shown: ({ why }) => cleanText(why) },
    ],
    used.sort((one, other) => rank(one) - rank(other)).map((column) => ({ ...column, name: cleanText(column.name) })),
  )
}

function usedColumns({ columns, mapping: { skip = [] } }: Understood): ColumnUse[] {
  const names = columns.map(({ name }) => name)
  const skipping = new Set(skip.map(({ column }) => findName(names, column)))
  return columns.filter(({ field }, index) => field !== null || skipping.has(index))
}

const samplesText = (samples: readonly string[]) =>
  samples.map((sample) => cutText(cleanText(sample), SAMPLE_WIDTH)).join(' · ') || null

/** Columns without a use that are named. */
const UNUSED_SHOWN = 8

/** `Email, Phone and 60 more columns`; undefined if all columns are used. */
function unusedText(understood: Understood): string | undefined {
  const used = new Set(usedColumns(understood))
  const unused = understood.columns.filter((column) => !used.has(column) && column.name.trim() !== '')
  if (unused.length === 0) return undefined
  const shown = unused.slice(0, UNUSED_SHOWN).map(({ name }) => cleanText(name))
  const hidden = unused.length - shown.length
  return `${shown.join(', ')}${hidden > 0 ? ` and ${countOf(hidden, 'more column')} (see --json)` : ''}`
}

export function ordersTable({ first }: Sample, timeZone: string): Table {
  const rows = first.flatMap(({ lines, ...order }) => lines.map((line) => ({ ...orderCells(order), ...line })))
  return tableOf(
    [
      { key: 'order', flexible: true, minWidth: 8 },
      { key: 'date', dropOrder: 1 },
      { key: 'customer', flexible: true, minWidth: 10 },
      { key: 'sku', flexible: true, minWidth: 8, shown: ({ sku }) => cleanText(sku) },
      { key: 'name', heading: 'product', flexible: true, minWidth: 10, shown: ({ name }) => cleanText(name) },
      'quantity',
      { key: 'unit_price', align: 'right', dropOrder: 2, shown: unitPrice },
      { key: 'total', heading: 'line total' },
    ],
    rows,
    { timeZone },
  )
}

function unitPrice({ unit_price, total: { currency } }: SampleOrder['lines'][number]) {
  return unit_price === null ? null : priceText(unit_price, currency)
}

function orderCells({ order_id, order_date, customer_id, customer_name }: Omit<SampleOrder, 'lines'>) {
  const customer = customer_name === customer_id ? customer_id : `${customer_name} (${customer_id})`
  return { order: cleanText(order_id), date: order_date.replace('T', ' '), customer: cleanText(customer) }
}

/** `The first 1,204 lines: 1,100 to import as 311 orders; 84 skipped (80 cancelled, 4 refunded); 20 rejected.` */
export function sampleText({ rows, isComplete, orders, imported, skipped, rejected }: Sample): string {
  const reasons = Object.entries(skipped).map(([reason, lines]) => `${groupThousands(lines)} ${cleanText(reason)}`)
  const skippedLines = Object.values(skipped).reduce((sum, lines) => sum + lines, 0)
  const read = isComplete ? `The file has ${countOf(rows, 'line')}` : `The first ${groupThousands(rows)} lines`
  return [
    `${read}: ${groupThousands(imported)} to import as ${countOf(orders, 'order')}`,
    `${groupThousands(skippedLines)} skipped${reasons.length > 0 ? ` (${reasons.join(', ')})` : ''}`,
    `${groupThousands(rejected.length)} rejected.`,
  ].join('; ')
}
