// The result of an import: JSON, table, rejected lines, and the next step.

import type { DateOrder } from '../csv/dates.js'
import type { Delimiter } from '../csv/dialect.js'
import { groupThousands } from '../domain/money.js'
import { importCommand } from '../domain/shell.js'
import { type Conflict, differenceText } from '../import/conflicts.js'
import type { FileRead } from '../import/file-read.js'
import type { ImportOutcome } from '../import/import-orders.js'
import type { Table } from '../terminal/table.js'
import { cleanText, countOf, duration } from '../terminal/text.js'
import { pairs, tableOf } from './list.js'
import type { LogEvent } from './log.js'
import { STATUS_LABELS } from './status-words.js'

export type ImportResult = ReturnType<typeof importResult>

interface Shown {
  readonly file: string
  /** As configured, without the password. */
  readonly database: string
  readonly seconds: number
  readonly dry_run: boolean
}

export function importResult(
  { run, published, interrupted, examples, conflicts: conflicting_orders, read }: ImportOutcome,
  shown: Shown,
) {
  const { source, rows, orders, imported, updated, duplicates, conflicts, rejected, skipped } = run
  const { products_created, rejects_file } = run
  // imported, updated, duplicates, conflicts, rejected and skipped count lines and add up to rows. The others are new
  // rows.
  const lines = { imported, updated, duplicates, conflicts, rejected, skipped, skipped_reasons: read?.skipped ?? {} }
  const counts = { rows, orders, ...lines, without_sku: read?.withoutSku ?? 0, products_created, published }
  const mapping = read?.mapping.preset ?? null
  const { file, database, seconds, dry_run } = shown
  const import_id = dry_run ? null : String(run.id)
  // An import writes them to the rejects file.
  const rejections = dry_run ? examples.map(({ line, column, reason }) => ({ line, column, reason })) : null
  const lists = { rejects_file, rejections, conflicting_orders }
  return { import_id, file, source, database, mapping, ...counts, seconds, ...lists, dry_run, interrupted }
}

export function importTable(result: ImportResult): Table {
  return tableOf(pairs(result.dry_run ? 'Would import' : 'Import', 'Count'), [
    ['Lines read', result.rows],
    ['Imported', result.imported],
    ...(result.updated > 0 ? [['Updated', result.updated] as const] : []),
    ['Duplicate', result.duplicates],
    ['Conflicting', result.conflicts],
    ['Rejected', result.rejected],
    ...Object.entries(result.skipped_reasons).map(
      ([reason, lines]) => [`Skipped (${cleanText(reason)})`, lines] as const,
    ),
    ['New orders', result.orders],
    ['New products', result.products_created],
    ...(result.without_sku > 0 ? [['Lines without a SKU (made from the name)', result.without_sku] as const] : []),
  ])
}

type Note = readonly [text: string, event?: LogEvent]

/** Number of lines that were not imported of which the reason is shown. */
const SHOWN = 10

/**
 * The lines that were not imported, and what to do.
 *
 * @param flags of this import that the next one needs too, as text for a shell
 * @param prefix names the file, if there are several
 */
export function rejectionNotes(
  { examples, input, read }: ImportOutcome,
  result: ImportResult,
  { flags: given, prefix = '' }: { readonly flags: readonly string[]; readonly prefix?: string | undefined },
): Note[] {
  const notes = examples.slice(0, SHOWN).map(({ line, reason }): Note => {
    const fields = { line, reason: cleanText(reason) }
    return [`${prefix}line ${line}: ${fields.reason}`, { event: 'line_rejected', fields }]
  })
  const { rejected, rejects_file } = result
  const isMarkOpen = rejected > examples.length || examples.some(({ original }) => THOUSANDS.test(original))
  const flags = flagsForRejects(given, read, isMarkOpen)
  const hidden = rejected - notes.length
  if (hidden > 0) notes.push([`… and ${countOf(hidden, 'more line')}.`])
  if (rejects_file && rejected > 0) {
    const command = cleanText(importCommand([rejects_file], ...flags))
    const text = `${countOf(rejected, 'line')} not imported. Fix them in ${cleanText(rejects_file)}, then: ${command}`
    notes.push([text, { event: 'note', level: 'warn' }])
  }
  notes.push(...conflictNotes(result, flags))
  if (input === 'removed') notes.push([`Nothing is left to fix: removed ${cleanText(result.file)}.`])
  return notes
}

/** As in `1.500`, which reads with either decimal mark. */
const THOUSANDS = /\d[.,]\d{3}(?!\d)/

/**
 * A few lines may lack the evidence of the whole file, and the rejects file is UTF-8.
 *
 * @param isMarkOpen whether the lines may leave open that the decimal mark is a point
 */
function flagsForRejects(given: readonly string[], read: FileRead | undefined, isMarkOpen: boolean): string[] {
  if (!read) return [...given]
  const { encoding, mapping } = read
  const settled = [
    ...(encoding === 'utf-8' ? [] : ['--encoding utf-8']),
    ...(mapping.decimal === 'comma' || (mapping.decimal && isMarkOpen) ? [`--decimal ${mapping.decimal}`] : []),
    ...(mapping.dateOrder ? [`--date-format ${mapping.dateOrder}`] : []),
  ]
  const names = settled.map((flag) => flag.split(' ', 1)[0])
  return [...given.filter((flag) => !names.includes(flag.split(' ', 1)[0])), ...settled]
}

/** Conflicts that are shown in full. */
const SHOWN_CONFLICTS = 5

function conflictNotes(
  { conflicts, conflicting_orders, rejects_file, file, dry_run }: ImportResult,
  flags: readonly string[],
): Note[] {
  if (conflicts === 0) return []
  const shown = conflicting_orders.slice(0, SHOWN_CONFLICTS)
  const lines = countOf(conflicts, 'line')
  const isSome = conflicting_orders.length > SHOWN_CONFLICTS
  const all = rejects_file && !dry_run ? ` All of them are in ${rejects_file}.` : ''
  const total = `${lines} ${conflicts === 1 ? 'differs' : 'differ'} from stored orders, which were kept.${isSome ? ` These are the first ${SHOWN_CONFLICTS} orders.` : ''}${all}`
  const command = importCommand([rejects_file ?? file], ...flags.filter((flag) => flag !== '--update'), '--update')
  const next = conflicting_orders.some(({ status }) => status === 'pending')
    ? `To apply the file to orders that are still pending: ${cleanText(command)}`
    : 'Only pending orders can be updated.'
  return [
    ...shown.map((conflict): Note => [conflictText(conflict), { event: 'conflict', fields: { ...conflict } }]),
    [total, { event: 'note', level: 'warn' }],
    [next],
  ]
}

function conflictText({ order_id, line, status, differences }: Conflict): string {
  const state = status === 'archived' ? 'Archived' : STATUS_LABELS[status]
  const head = `line ${line}: order ${cleanText(order_id)} is stored with other content (${state}):`
  return [head, ...differences.map((difference) => `  ${cleanText(differenceText(difference))}`)].join('\n')
}

/** @param place of the database, without a password */
export function endNote(
  { unpublished, linesRead }: ImportOutcome,
  result: ImportResult,
  place: string,
): readonly [text: string, event: LogEvent] {
  const level = result.interrupted || unpublished ? 'warn' : 'info'
  const where = placeText(place, result.source)
  const pace = paceText(result.seconds, linesRead)
  return [endText(result, { where, pace, unpublished }), { event: 'ended', level, fields: result }]
}

export const placeText = (place: string, source: string) => `${cleanText(place)} (source ${source})`

/** `in 12 s (81,000 lines/s)` */
export function paceText(seconds: number, linesRead: number): string {
  return `in ${duration(seconds)} (${groupThousands(Math.round(linesRead / seconds))} lines/s)`
}

interface EndPlace extends Pick<ImportOutcome, 'unpublished'> {
  readonly where: string
  readonly pace: string
}

function endText(result: ImportResult, { where, pace, unpublished }: EndPlace): string {
  const { import_id, rows, orders, updated, interrupted, dry_run, published } = result
  if (interrupted) {
    const after = `Interrupted after ${countOf(rows, 'line')}`
    if (dry_run) return `${after}. Nothing was written.`
    const next = `To continue, run the same command with --resume. To take it back: orderctl import undo ${import_id}`
    return `${after}, stored in ${where}. ${next}`
  }
  const changed = updated > 0 ? ` and ${countOf(updated, 'updated line')}` : ''
  const counted = (orders === 0 ? 'no new orders' : countOf(orders, 'order')) + changed
  if (dry_run) return `Checked ${pace}: ${counted} for ${where}. Nothing was written.`
  const done = `Done: ${counted} into ${where} ${pace}`
  if (unpublished) return `${done}, but: ${unpublished.message}\n${unpublished.fix}`
  return published > 0 ? `${done}. Next: orderctl work --drain` : `${done}.`
}

const DELIMITER_NAMES: Readonly<Record<Delimiter, string>> = {
  ',': 'comma',
  ';': 'semicolon',
  '|': 'pipe',
  '\t': 'tab',
}

export const delimiterName = (delimiter: Delimiter) => DELIMITER_NAMES[delimiter]

/** `utf-8` as people write it. */
export const encodingName = (encoding: string) => encoding.replace(/^utf/i, 'UTF')

export const DATE_ORDER_NAMES: Readonly<Record<DateOrder, string>> = {
  dmy: 'day first',
  mdy: 'month first',
  ymd: 'year first',
}

/** `shopify, UTF-8, comma, USD, 2026-03-01..31`: how the file was read, and what. */
export function readNote(read: FileRead, prefix = ''): Note {
  const { mapping, dialect, encoding, compression, unreadTimes, currencies, firstDay, lastDay } = read
  const { preset, decimal = null, dateOrder = null } = mapping
  const parts = [
    preset ?? 'columns by name',
    ...(compression ? [compression] : []),
    encodingName(encoding),
    delimiterName(dialect.delimiter),
    ...(decimal === 'comma' ? ['decimal comma'] : []),
    ...(dateOrder ? [DATE_ORDER_NAMES[dateOrder]] : []),
    ...(unreadTimes ? [`without the times of ${unreadTimes}`] : []),
    ...currencies,
    ...(firstDay && lastDay ? [dayRange(firstDay, lastDay)] : []),
  ]
  const how = { mapping: preset, encoding, compression, delimiter: dialect.delimiter, decimal, date_order: dateOrder }
  const fields = { ...how, currencies, first_day: firstDay, last_day: lastDay }
  return [prefix + cleanText(parts.join(', ')), { event: 'understood', fields }]
}

/** `2026-03-01..31`: the last day without the year and month that it has in common with the first. */
function dayRange(first: string, last: string): string {
  if (first === last) return first
  const [year, month] = ['YYYY-'.length, 'YYYY-MM-'.length].map(
    (length) => first.slice(0, length) === last.slice(0, length),
  )
  return `${first}..${last.slice(month ? 'YYYY-MM-'.length : year ? 'YYYY-'.length : 0)}`
}
