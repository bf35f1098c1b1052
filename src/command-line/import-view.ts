// The result of an import: JSON, table, rejected lines, and the next step.

import { groupThousands } from '../domain/money.js'
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
  // imported, duplicates, conflicts and rejected count lines and add up to rows. The other counts are of new rows.
  const counts = { rows, orders, imported, duplicates, conflicts, rejected, products_created, published }
  const import_id = dry_run ? null : String(run.id)
  return { import_id, file, source, ...counts, seconds, rejects_file, dry_run, interrupted }
}

export function importTable(result: ImportResult): Table {
  return tableOf(pairs(result.dry_run ? 'Would import' : 'Import', 'Count'), [
    ['Lines read', result.rows],
    ['Imported', result.imported],
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
  const { rejected, conflicts, rejects_file } = result
  const hidden = rejected + conflicts - examples.length
  if (hidden > 0) notes.push([`… and ${countOf(hidden, 'more line')}.`])
  if (rejects_file) {
    const lines = countOf(rejected + conflicts, 'line')
    const text = `${lines} not imported. Fix them in ${rejects_file}, then import that file.`
    notes.push([text, { event: 'note', level: 'warn' }])
  }
  if (input === 'removed') notes.push([`Nothing is left to fix: removed ${cleanText(result.file)}.`])
  const level = result.interrupted || unpublished ? 'warn' : 'info'
  return [...notes, [endOf(result, unpublished), { event: 'ended', level, fields: result }]]
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
