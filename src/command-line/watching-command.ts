// Base class of `import`: the service of --watch around the watch of a folder, its log, and the reports of its files.
import { basename } from 'node:path'
import { Flags } from '@oclif/core'
import type { App } from '../app.js'
import { startBackground } from '../background.js'
import { explainDatabaseError } from '../database/connection.js'
import { databaseTime } from '../database/engine.js'
import { SECOND_MS } from '../domain/time.js'
import { EXIT, type UserError, usageError } from '../errors.js'
import type { ImportOutcome } from '../import/import-orders.js'
import { Inbox, type Places } from '../import/inbox.js'
import { type Imported, watchFolder } from '../import/watch-folder.js'
import { cleanText, countOf } from '../terminal/text.js'
import { readDuration } from './durations.js'
import { describeProblem, problemJson } from './failure.js'
import { exitCodeOf } from './import-summary.js'
import { type ImportResult, rejectionNotes } from './import-view.js'
import { ServiceCommand } from './service-command.js'
import type { ServiceManager } from './service-manager.js'

/** Shortest pause between two scans of the folder. */
const SHORTEST_POLL_MS = 50

export const watchFlags = {
  watch: Flags.boolean({
    description: 'import files as they appear in the folder FILE, until stopped, and move them to its done/ or failed/',
    exclusive: ['dry-run', 'rejects', 'force', 'resume', 'discard'],
  }),
  settle: Flags.string({
    description: 'with --watch, time that a file must be unchanged before it is imported [default: 5s]',
    helpValue: 'TIME',
    dependsOn: ['watch'],
  }),
}

interface WatchFlags {
  readonly source: string
  readonly settle?: string | undefined
  readonly 'allow-eviction': boolean
}

type ImportOne = (input: {
  readonly app: App
  readonly file: string
  readonly signal: AbortSignal
}) => Promise<{ readonly outcome: ImportOutcome; readonly result: ImportResult }>

interface Service {
  readonly signal: AbortSignal
  readonly systemd: ServiceManager
}

export abstract class WatchingCommand extends ServiceCommand {
  /** For commands that continue what this one began, each as text for a shell. */
  protected flagsGiven: readonly string[] = []
  readonly #files = { done: 0, partly: 0, failed: 0 }
  #isImporting = false

  /** Imports the files of the folder until the command is stopped. @returns files by what became of them */
  protected async watchFolder([folder = '', ...more]: readonly string[], flags: WatchFlags, importOne: ImportOne) {
    if (more.length > 0) {
      const message = '--watch takes one folder.'
      throw usageError({ code: 'several_folders', message, fix: 'Start a command for each folder.' })
    }
    const inbox = await Inbox.open(folder, {
      settleMs: readSettle(flags),
      onLeft: (name, reason) => this.noteWarning(`Left ${cleanText(name)} where it is: ${reason}.`),
    })
    const { signal, systemd, open } = this.startService({
      finishes: () => (this.#isImporting ? 'the lines in progress' : undefined),
      waitsForServers: true,
    })
    const options = { create: true, agreeOnClock: true, connectQueue: true, allowEviction: flags['allow-eviction'] }
    await open((app) => this.#run(app, { inbox, flags, importOne, signal, systemd }), options)
    this.note(`Ended after ${this.#status}.`, { event: 'ended', fields: this.#files })
    await systemd.flush()
    this.setExitCode(EXIT.interrupted)
    return this.#files
  }

  get #status(): string {
    return `${countOf(this.#files.done, 'imported file')}, ${this.#files.failed} failed`
  }

  async #run(
    { db, queue, ...app }: App,
    { inbox, flags, importOne, signal, systemd }: Service & { inbox: Inbox; flags: WatchFlags; importOne: ImportOne },
  ): Promise<void> {
    const { source } = flags
    const { database } = app.config
    signal.addEventListener('abort', () => systemd.stopping())
    this.note(`Watching ${cleanText(inbox.path)} for files to import.`, {
      event: 'started',
      fields: { folder: inbox.path, source, database: this.shownSetting('database'), pid: process.pid },
    })
    systemd.ready(this.#status)
    // Counts as alive once the database has answered, even with an error.
    const beat = () => databaseTime(db).finally(() => systemd.alive(this.#status))
    const heartbeat = startBackground(beat, { pauseMs: () => SECOND_MS })
    try {
      await watchFolder({
        ...{ inbox, source, db, queue, signal, database },
        pollMs: Math.min(Math.max(readSettle(flags), SHORTEST_POLL_MS), SECOND_MS),
        importFile: (file) => this.#import(() => importOne({ app: { db, queue, ...app }, file, signal })),
        describe: (error) => describeProblem(explainDatabaseError(error, database) ?? error),
        failureReport: problemJson,
        onFailed: (file, error) => this.#noteFailed(file, error),
        onNotice: (text, event) => this.note(text, { event }),
        onRetry: (text, event) => this.note(cleanText(text), { event }),
      })
    } finally {
      await heartbeat.end()
    }
  }

  async #import(importOne: () => ReturnType<ImportOne>): Promise<Imported> {
    this.#isImporting = true
    const { outcome, result } = await importOne().finally(() => {
      this.#isImporting = false
    })
    const moved = ({ file, rejects }: Places): ImportResult => ({ ...result, file, rejects_file: rejects })
    return {
      id: outcome.run.id,
      interrupted: result.interrupted,
      rejects: result.rejects_file,
      report: (places) => `${JSON.stringify(moved(places), null, 2)}\n`,
      onDone: (places) => this.#noteDone(outcome, moved(places)),
    }
  }

  #noteDone(outcome: ImportOutcome, result: ImportResult): void {
    const exit_code = exitCodeOf(outcome, result)
    this.#files.done += 1
    if (exit_code === EXIT.partly) this.#files.partly += 1
    for (const note of rejectionNotes(outcome, result, {
      flags: this.flagsGiven,
      prefix: `${cleanText(basename(result.file))}, `,
    }))
      this.note(...note)
    const orders = result.orders === 0 ? 'no new orders' : countOf(result.orders, 'order')
    const unpublished = outcome.unpublished ? ` ${outcome.unpublished.message}` : ''
    const text = `Imported ${cleanText(result.file)}: ${orders}.${unpublished}`
    this.note(text, { event: 'file_done', fields: { ...result, exit_code } })
  }

  #noteFailed(file: string, { code, message, fix, retryable }: UserError): void {
    this.#files.failed += 1
    const fields = { file, error: { code, message, fix, retryable } }
    this.note(`${cleanText(message)} Moved to ${cleanText(file)}.\n${cleanText(fix)}`, { event: 'file_failed', fields })
  }
}

function readSettle({ settle = '5s' }: WatchFlags): number {
  return readDuration('settle', settle)
}
