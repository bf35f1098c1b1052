// What an import tells when it ends: its result as JSON and as a table, rejected lines, and what to do next.
import type { ImportOutcome } from '../import/import-orders.js'
import type { Table } from '../terminal/table.js'
import { cleanText, countOf, duration } from '../terminal/text.js'
import { pairs, tableOf } from './list.js'
import type { LogEvent } from './log.js'

interface Circumstances {
  readonly file: string
  readonly seconds: number
  readonly dry_run: boolean
}

export type ImportResult = ReturnType<typeof importResult>

export function importResult(
  { run, published, interrupted }: ImportOutcome,
  { file, seconds, dry_run }: Circumstances,
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

interface Note {
  readonly text: string
  readonly event: LogEvent
}

export function importNotes({ examples, unpublished }: ImportOutcome, result: ImportResult): Note[] {
  const notes: Note[] = examples.map(({ line, reason }) => ({
    text: cleanText(`line ${line}: ${reason}`),
    event: { event: 'line_rejected', level: 'warn', fields: { line, reason: cleanText(reason) } },
  }))
  const notImported = result.rejected + result.conflicts
  if (notImported > examples.length) {
    notes.push({ text: `… and ${countOf(notImported - examples.length, 'line')} more.`, event: { event: 'note' } })
  }
  if (result.rejects_file) {
    const text = `${countOf(notImported, 'line')} not imported: mend them in ${result.rejects_file} and import that file.`
    notes.push({ text, event: { event: 'note', level: 'warn' } })
  }
  const level = result.interrupted || unpublished ? 'warn' : 'info'
  return [...notes, { text: endOf(result, unpublished), event: { event: 'ended', level, fields: { ...result } } }]
}

function endOf(
  { rows, seconds, interrupted, dry_run, published }: ImportResult,
  unpublished?: Error & { fix: string },
) {
  if (interrupted) {
    return `Interrupted after ${countOf(rows, 'line')}. The same command with --resume goes on from there.`
  }
  const took = `${duration(seconds)}, ${countOf(Math.round(rows / seconds), 'line')} a second`
  if (unpublished) return `Done in ${took}, but: ${unpublished.message}\n${unpublished.fix}`
  if (dry_run) return `Nothing was written (${took}).`
  return published > 0 ? `Done in ${took}. Next: orderctl work --drain` : `Done in ${took}. No new orders.`
}
