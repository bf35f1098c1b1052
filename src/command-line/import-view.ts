// The result of an import as JSON and as a table, rejected lines, and what to do next.
import type { ImportOutcome } from '../import/import-orders.js'
import type { Table } from '../terminal/table.js'
import { cleanText, countOf, duration } from '../terminal/text.js'
import { pairs, tableOf } from './list.js'
import type { LogEvent } from './log.js'

export type ImportResult = ReturnType<typeof importResult>

export function importResult(
  { run, published, interrupted }: ImportOutcome,
  { file, seconds, dry_run }: { readonly file: string; readonly seconds: number; readonly dry_run: boolean },
) {
  const { source, rows, orders, imported, duplicates, conflicts, rejected, products_created, rejects_file } = run
  // imported, duplicates, conflicts and rejected count lines and add up to rows; the others count what is new.
  const counts = { rows, orders, imported, duplicates, conflicts, rejected, products_created, published }
  const import_id = dry_run ? null : String(run.id)
  return { import_id, file, source, ...counts, seconds, rejects_file, dry_run, interrupted }
}

export function importTable(result: ImportResult): Table {
  return tableOf(pairs(result.dry_run ? 'Would import' : 'Import', 'Count'), [
    ['lines read', result.rows],
    ['lines imported', result.imported],
    ['lines duplicate', result.duplicates],
    ['lines in conflict', result.conflicts],
    ['lines rejected', result.rejected],
    ['new orders', result.orders],
    ['new products', result.products_created],
  ])
}

type Note = readonly [text: string, event?: LogEvent]

export function importNotes({ examples, unpublished }: ImportOutcome, result: ImportResult): Note[] {
  const notes = examples.map(({ line, reason }): Note => {
    const fields = { line, reason: cleanText(reason) }
    return [`line ${line}: ${fields.reason}`, { event: 'line_rejected', fields }]
  })
  const { rejected, conflicts, rejects_file } = result
  const unshown = rejected + conflicts - examples.length
  if (unshown > 0) notes.push([`… and ${countOf(unshown, 'line')} more.`])
  if (rejects_file) {
    const lines = countOf(rejected + conflicts, 'line')
    const text = `${lines} not imported. Correct them in ${rejects_file} and import that file.`
    notes.push([text, { event: 'note', level: 'warn' }])
  }
  const level = result.interrupted || unpublished ? 'warn' : 'info'
  return [...notes, [endOf(result, unpublished), { event: 'ended', level, fields: result }]]
}

function endOf(
  { rows, seconds, interrupted, dry_run, published }: ImportResult,
  unpublished?: Error & { fix: string },
) {
  if (interrupted) {
    return `Interrupted after ${countOf(rows, 'line')}. Run the same command with --resume to continue.`
  }
  const took = `${duration(seconds)}, ${countOf(Math.round(rows / seconds), 'line')} a second`
  if (unpublished) return `Done in ${took}, but: ${unpublished.message}\n${unpublished.fix}`
  if (dry_run) return `Nothing was written (${took}).`
  return published > 0 ? `Done in ${took}. Next: orderctl work --drain` : `Done in ${took}. No new orders.`
}
