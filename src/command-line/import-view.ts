// The result of an import: JSON, table, rejected lines, and the next step.

import { groupThousands } from '../domain/money.js'
import { type Conflict, differenceText } from '../import/conflicts.js'
import type { ImportOutcome } from '../import/import-orders.js'
import type { Table } from '../terminal/table.js'
import { cleanText, countOf, duration } from '../terminal/text.js'
import { pairs, tableOf } from './list.js'
import type { LogEvent } from './log.js'
import { STATUS_LABELS } from './status-words.js'

export type ImportResult = ReturnType<typeof importResult>

export function importResult(
  { run, published, interrupted, conflicts: conflicting_orders }: ImportOutcome,
  { file, seconds, dry_run }: { readonly file: string; readonly seconds: number; readonly dry_run: boolean },
) {
  const { source, rows, orders, imported, updated, duplicates, conflicts, rejected, products_created, rejects_file } =
    run
  // imported, updated, duplicates, conflicts and rejected count lines and add up to rows. The others are new rows.
  const counts = { rows, orders, imported, updated, duplicates, conflicts, rejected, products_created, published }
  const import_id = dry_run ? null : String(run.id)
  return { import_id, file, source, ...counts, seconds, rejects_file, conflicting_orders, dry_run, interrupted }
}

export function importTable(result: ImportResult): Table {
  return tableOf(pairs(result.dry_run ? 'Would import' : 'Import', 'Count'), [
    ['Lines read', result.rows],
    ['Imported', result.imported],
    ...(result.updated > 0 ? [['Updated', result.updated] as const] : []),
    ['Duplicate', result.duplicates],
    ['Conflicting', result.conflicts],
    ['Rejected', result.rejected],
    ['New orders', result.orders],
    ['New products', result.products_created],
  ])
}

type Note = readonly [text: string, event?: LogEvent]

export function importNotes({ examples, unpublished, input }: ImportOutcome, result: ImportResult): Note[] {
  const notes = examples.map(({ line, reason }): Note => {
    const fields = { line, reason: cleanText(reason) }
    return [`line ${line}: ${fields.reason}`, { event: 'line_rejected', fields }]
  })
  const { rejected, rejects_file } = result
  const hidden = rejected - examples.length
  if (hidden > 0) notes.push([`… and ${countOf(hidden, 'more line')}.`])
  if (rejects_file && rejected > 0) {
    const text = `${countOf(rejected, 'line')} not imported. Fix them in ${rejects_file}, then import that file.`
    notes.push([text, { event: 'note', level: 'warn' }])
  }
  notes.push(...conflictNotes(result))
  if (input === 'removed') notes.push([`Nothing is left to fix: removed ${cleanText(result.file)}.`])
  const level = result.interrupted || unpublished ? 'warn' : 'info'
  return [...notes, [endOf(result, unpublished), { event: 'ended', level, fields: result }]]
}

/** Conflicts that are shown in full. */
const SHOWN_CONFLICTS = 5

function conflictNotes({ conflicts, conflicting_orders, rejects_file, file, source, dry_run }: ImportResult): Note[] {
  if (conflicts === 0) return []
  const shown = conflicting_orders.slice(0, SHOWN_CONFLICTS)
  const lines = countOf(conflicts, 'line')
  const isSome = conflicting_orders.length > SHOWN_CONFLICTS
  const all = rejects_file && !dry_run ? ` All of them are in ${rejects_file}.` : ''
  const total = `${lines} differ from stored orders, which were kept.${isSome ? ` These are the first ${SHOWN_CONFLICTS} orders.` : ''}${all}`
  const command = `orderctl import ${rejects_file ?? file}${source === 'default' ? '' : ` --source ${source}`} --update`
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
  const head = `line ${line}: order ${cleanText(order_id)} is stored with other content (${STATUS_LABELS[status]}):`
  return [head, ...differences.map((difference) => `  ${cleanText(differenceText(difference))}`)].join('\n')
}

function endOf(
  { rows, seconds, interrupted, dry_run, published }: ImportResult,
  unpublished?: Error & { fix: string },
) {
  if (interrupted) {
    return `Interrupted after ${countOf(rows, 'line')}. To continue, run the same command with --resume.`
  }
  const took = `${duration(seconds)} (${groupThousands(Math.round(rows / seconds))} lines/s)`
  if (unpublished) return `Finished in ${took}, but: ${unpublished.message}\n${unpublished.fix}`
  if (dry_run) return `Finished in ${took}. Nothing was written.`
  return published > 0 ? `Finished in ${took}. Next: orderctl work --drain` : `Finished in ${took}. No new orders.`
}
