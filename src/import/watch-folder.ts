// Imports the files of a folder as they appear, until it is stopped.
import { setTimeout as sleep } from 'node:timers/promises'
import { asError, FailureReporter } from '../background.js'
import type { Config } from '../config/config.js'
import { type Database, explainDatabaseError } from '../database/connection.js'
import { backoffMs } from '../domain/backoff.js'
import type { ImportId } from '../domain/ids.js'
import { MINUTE_MS, SECOND_MS } from '../domain/time.js'
import { EXIT, UserError } from '../errors.js'
import type { Queue } from '../queue/queue.js'
import { throughOutages, type Waiting } from '../workflow/outage.js'
import { readOpenRuns } from './import-record.js'
import type { Claim, Ending, Inbox, Places } from './inbox.js'
import { undoImport } from './undo.js'

const LONGEST_PAUSE_MS = MINUTE_MS

/** Problems that an interrupted import of the same file causes. They are over when it is undone. */
const LEFT_BEHIND = new Set(['file_changed', 'import_unfinished'])

/** A failure of the database that waiting does not fix. */
class DatabaseFailure extends Error {
  readonly problem: UserError

  constructor(problem: UserError) {
    super(problem.message)
    this.problem = problem
  }
}

export interface Imported {
  readonly id: ImportId
  readonly interrupted: boolean
  readonly rejects: string | null
  /** Returns the text of the report. */
  readonly report: (places: Places) => string
  /** Called when the file is in done/. */
  readonly onDone: (places: Places) => void
}

export interface WatchOptions extends Pick<Waiting, 'signal' | 'onNotice'> {
  readonly inbox: Inbox
  readonly source: string
  readonly db: Database
  readonly queue: Queue
  readonly database: Config['database']
  /** Pause between two scans. */
  readonly pollMs: number
  /** Imports the file, or continues its interrupted import. */
  readonly importFile: (path: string) => Promise<Imported>
  /** Describes any error of an import. */
  readonly describe: (error: unknown) => UserError
  /** Returns the report of a file that failed. */
  readonly failureReport: (error: UserError) => string
  /** Called when the file is in failed/. */
  readonly onFailed: (file: string, error: UserError) => void
  /** Called while a failure lasts, and when it is over. */
  readonly onRetry: (text: string, event: 'retrying' | 'recovered') => void
}

/** Returns when the signal is aborted. @throws if the database fails in a way that waiting does not fix */
export async function watchFolder(options: WatchOptions): Promise<void> {
  await new FolderWatch(options).run()
}

class FolderWatch {
  readonly #options: WatchOptions
  readonly #reporter: FailureReporter
  /** Failures since a file was moved. */
  #failures = 0

  constructor(options: WatchOptions) {
    this.#options = options
    this.#reporter = new FailureReporter({
      subject: `The watch of ${options.inbox.path}`,
      explain: (error) => (error instanceof UserError ? withFix(error) : asError(error)),
      onNotice: options.onRetry,
    })
  }

  async run(): Promise<void> {
    while (!this.#options.signal.aborted) {
      await this.#attempt(() => this.#importAll())
      await this.#pause()
    }
  }

  /** Imports what is complete now. */
  async #importAll(): Promise<void> {
    const { inbox, signal, source, db } = this.#options
    const names = await inbox.complete()
    while (!signal.aborted) {
      const { claims, ready } = await inbox.interrupted()
      const open = claims === 0 ? undefined : await this.#throughOutages(() => readOpenRuns(db, source))
      if (open?.isBusy) return inbox.restartClaims()
      const name = names[0]
      if (claims === 0) this.#worked()
      // Another process may just have claimed the first file: its turn is before the next one.
      if (!ready && (claims > 0 || name === undefined)) return
      const claim = ready ?? (await inbox.claim(name ?? ''))
      if (!ready) names.shift()
      if (claim) await this.#import(claim)
    }
  }

  async #import(claim: Claim): Promise<void> {
    const { importFile, inbox, db } = this.#options
    try {
      const imported = await this.#throughOutages(() => importFile(claim.path))
      if (!imported || imported.interrupted) return
      // A program that still writes to the file has lines for us.
      if (!(await inbox.isUnchanged(claim))) return
      const places = await this.#finish(claim, { folder: 'done', ...imported })
      if (!places) return
      await this.#throughOutages(() => recordPlaces(db, imported.id, places))
      imported.onDone(places)
    } catch (error) {
      if (error instanceof DatabaseFailure) throw error
      await this.#fail(claim, this.#options.describe(error))
    }
  }

  async #fail(claim: Claim, problem: UserError): Promise<void> {
    const { failureReport, onFailed } = this.#options
    if (problem.exit === EXIT.interrupted) return
    const isLeftBehind = LEFT_BEHIND.has(problem.code)
    if (problem.retryable && !isLeftBehind) throw problem
    const undone = await this.#throughOutages(() => this.#undo(claim))
    // The next scan imports it from the start.
    if (isLeftBehind && undone) return
    if (problem.code === 'import_unfinished') throw problem
    const report = ({ file }: Places) => failureReport(moved(problem, claim.path, file))
    const places = await this.#finish(claim, { folder: 'failed', rejects: null, report })
    if (places) onFailed(places.file, moved(problem, claim.path, places.file))
  }

  /** Undoes what a failed import has stored. Its orders were never due. Returns whether there was anything. */
  async #undo({ path }: Claim): Promise<boolean> {
    const { db, queue, source } = this.#options
    const { runs } = await readOpenRuns(db, source)
    const left = runs.filter(({ file, status }) => file === path && (status === 'reading' || status === 'undoing'))
    for (const { id } of left) await undoImport(db, queue, id)
    return left.length > 0
  }
  /** Moves the file. Tries until it works, since a new import of the file would report duplicates only. */
  async #finish(claim: Claim, ending: Ending): Promise<Places | undefined> {
    const { inbox, signal } = this.#options
    let places: Places | undefined
    while (!signal.aborted) {
      const isDone = await this.#attempt(async () => {
        places = await inbox.finish(claim, ending)
      })
      if (isDone) break
      await this.#pause()
    }
    this.#worked()
    return places
  }

  /** Reports a failure, once while it lasts. Returns whether there was none. */
  async #attempt(act: () => Promise<void>): Promise<boolean> {
    try {
      await act()
      return true
    } catch (error) {
      if (error instanceof DatabaseFailure) throw error.problem
      this.#failures += 1
      this.#reporter.failed(error)
      return false
    }
  }

  #worked(): void {
    this.#failures = 0
    this.#reporter.worked()
  }

  /** Waits while a server is unreachable. Returns undefined if the signal is aborted meanwhile. */
  async #throughOutages<Result>(act: () => Promise<Result>): Promise<Result | undefined> {
    const { db, database, signal, onNotice } = this.#options
    try {
      return await throughOutages({ db, database, signal, onNotice }, act)
    } catch (error) {
      const problem = error instanceof UserError ? undefined : explainDatabaseError(error, database)
      throw problem ? new DatabaseFailure(problem) : error
    }
  }

  async #pause(): Promise<void> {
    const { signal, pollMs } = this.#options
    const ms = this.#failures === 0 ? pollMs : backoffMs(this.#failures, SECOND_MS, LONGEST_PAUSE_MS)
    await sleep(ms, undefined, { signal }).catch(() => undefined)
  }
}

/** The log has one text for each problem. */
function withFix({ code, message, fix }: UserError): UserError {
  return new UserError({ code, message: `${message} ${fix}`, fix })
}

/** Returns the problem with the path where the file is now. */
function moved(problem: UserError, from: string, to: string): UserError {
  const { code, retryable, exit } = problem
  const [message, fix] = [problem.message, problem.fix].map((text) => text.replaceAll(from, to))
  return new UserError({ code, message: message ?? '', fix: fix ?? '', retryable, exit })
}

/** Lets lists of imports show where the files are now. */
async function recordPlaces(db: Database, id: ImportId, { file, rejects }: Places): Promise<void> {
  await db.updateTable('imports').set({ file, rejects_file: rejects }).where('id', '=', id).execute()
}
