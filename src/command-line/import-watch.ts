// Runs `import --watch`: the service around the watch of a folder, its log and the reports next to the files.
import type { App } from '../app.js'
import { startBackground } from '../background.js'
import { explainDatabaseError } from '../database/connection.js'
import { databaseTime } from '../database/engine.js'
import { SECOND_MS } from '../domain/time.js'
import { EXIT, type UserError } from '../errors.js'
import type { ImportOutcome } from '../import/import-orders.js'
import { Inbox, type Places } from '../import/inbox.js'
import { type Imported, watchFolder } from '../import/watch-folder.js'
import { cleanText, countOf } from '../terminal/text.js'
import { describeProblem, problemJson } from './failure.js'
import { exitCodeOf } from './import-summary.js'
import { type ImportResult, rejectionNotes } from './import-view.js'
import type { LogEvent } from './log.js'
import type { ServiceManager } from './service-manager.js'

interface ImportWatch {
  readonly folder: string
  readonly settleMs: number
  readonly source: string
  readonly signal: AbortSignal
  readonly systemd: ServiceManager
  readonly importOne: (file: string) => Promise<{ readonly outcome: ImportOutcome; readonly result: ImportResult }>
  readonly note: (text: string, event?: LogEvent) => void
}

/** Files by what became of them. */
export interface WatchResult {
  done: number
  /** Of the files that are done: those with lines that were not imported. */
  partly: number
  failed: number
}

export async function openInbox({ folder, settleMs, note }: Pick<ImportWatch, 'folder' | 'settleMs' | 'note'>) {
  return Inbox.open(folder, {
    settleMs,
    onLeft: (name, reason) => note(`Left ${cleanText(name)} where it is: ${reason}.`, { event: 'note', level: 'warn' }),
  })
}

/** Imports files until the signal is aborted. */
export async function runWatch(app: App, inbox: Inbox, watch: ImportWatch): Promise<WatchResult> {
  const { signal, systemd, source, note } = watch
  const { db, queue, config } = app
  const result: WatchResult = { done: 0, partly: 0, failed: 0 }
  const status = () => `${countOf(result.done, 'file')} imported, ${result.failed} failed`
  signal.addEventListener('abort', () => systemd.stopping())
  note(`Watching ${cleanText(inbox.path)} for files to import.`, {
    event: 'started',
    fields: { folder: inbox.path, source, pid: process.pid },
  })
  systemd.ready(status())
  // Counts as alive once the database has answered, even with an error.
  const beat = () => databaseTime(db).finally(() => systemd.alive(status()))
  const heartbeat = startBackground(beat, { pauseMs: () => SECOND_MS })
  try {
    await watchFolder({
      ...{ inbox, source, db, queue, signal, database: config.database },
      pollMs: Math.min(Math.max(watch.settleMs, 50), SECOND_MS),
      importFile: (path) => importWatched(path, watch, result),
      describe: (error) => describeProblem(explainDatabaseError(error, config.database) ?? error),
      failureReport: problemJson,
      onFailed: (file, error) => {
        result.failed += 1
        note(...failedNote(file, error))
      },
      onNotice: (text, event) => note(text, { event }),
      onRetry: (text, event) => note(cleanText(text), { event }),
    })
  } finally {
    await heartbeat.end()
  }
  return result
}

async function importWatched(path: string, { importOne, note }: ImportWatch, totals: WatchResult): Promise<Imported> {
  const { outcome, result } = await importOne(path)
  const exit = exitCodeOf(outcome, result)
  const finalResult = ({ file, rejects }: Places): ImportResult => ({ ...result, file, rejects_file: rejects })
  return {
    id: outcome.run.id,
    interrupted: result.interrupted,
    rejects: result.rejects_file,
    report: (places) => `${JSON.stringify(finalResult(places), null, 2)}\n`,
    onDone: (places) => {
      totals.done += 1
      if (exit === EXIT.partly) totals.partly += 1
      const moved = finalResult(places)
      for (const one of rejectionNotes(outcome, moved)) note(...one)
      const orders = moved.orders === 0 ? 'no new orders' : countOf(moved.orders, 'order')
      const fields = { ...moved, exit_code: exit }
      note(`Imported ${cleanText(places.file)}: ${orders}.`, { event: 'file_done', fields })
    },
  }
}

function failedNote(file: string, { code, message, fix, retryable }: UserError): readonly [string, LogEvent] {
  const text = `Moved to ${cleanText(file)}: ${cleanText(message)}\n${cleanText(fix)}`
  return [text, { event: 'file_failed', fields: { file, error: { code, message, fix, retryable } } }]
}
