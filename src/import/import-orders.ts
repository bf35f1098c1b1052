// Imports one file, from its first byte to orders that workers can claim.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Kysely } from 'kysely'
import { startBackground } from '../background.js'
import type { Config } from '../config/config.js'
import { databaseTime, refreshStatistics } from '../database/engine.js'
import type { Schema } from '../database/schema.js'
import { inTransaction } from '../database/transaction.js'
import { EXIT, UserError } from '../errors.js'
import { makeDue } from '../queue/due-orders.js'
import type { Queue } from '../queue/queue.js'
import type { RejectedLine } from './chunk.js'
import type { Chunk } from './chunk-rows.js'
import {
  beginRun,
  endEmptyRun,
  type ImportRun,
  ordersToRelease,
  RENEW_MS,
  releaseLease,
  undoImport,
  updateRun,
} from './import-record.js'
import { type ReadChunk, readInThread } from './reader.js'
import { type Rejects, replaceInput, storedLineText } from './rejects.js'
import { storeChunk } from './store.js'
import { type Report, reachVerdicts, type Verdicts } from './verdicts.js'

export interface ImportOptions {
  /** Absolute path, or `-`. */
  readonly file: string
  /** The shop that the orders come from. References are unique within it. */
  readonly source: string
  readonly resume: boolean
  /** `abort`: the first bad line undoes the import. */
  readonly onError: 'skip' | 'abort'
  /** Accept order dates before 1970 and more than a year ahead. */
  readonly anyDate: boolean
  /** Stops the import after the current chunk. It can be resumed. */
  readonly signal: AbortSignal
  /** Called with the lines read so far, and the fraction of the file if its size is known. */
  readonly onProgress: (rows: number, fraction: number | undefined) => void
  /** Called once if this import waits for another one from the same source. */
  readonly onWaiting: (run: ImportRun) => void
  /** Called before a chunk is stored. */
  readonly beforeChunk?: (chunk: Chunk) => Promise<void>
  /** Apply the file's version of stored orders that are pending. */
  readonly update: boolean
  /** Whether no file may change. */
  readonly dry?: boolean
  /** Opens the file for lines that are not imported. */
  readonly openRejects: (run: ImportRun) => Rejects
}

export interface ImportOutcome {
  readonly run: ImportRun
  /** Orders that became due and were published. */
  readonly published: number
  /** Why the rest was not published: the queue's server became unreachable. Workers find these orders later. */
  readonly unpublished: UserError | undefined
  /** The first few lines that were not imported. */
  readonly examples: readonly RejectedLine[]
  /** The first conflicting orders. */
  readonly conflicts: Verdicts['examples']
  /** What became of an imported rejects file. */
  readonly input?: ReturnType<typeof replaceInput>
  /** Whether the signal stopped it before the end of the file. */
  readonly interrupted: boolean
}

export interface ImportContext {
  readonly db: Kysely<Schema>
  readonly queue: Queue
  readonly config: Config
}

export async function importOrders(context: ImportContext, options: ImportOptions): Promise<ImportOutcome> {
  const { db, queue } = context
  const started = await beginWhenFree(db, queue, options)
  try {
    if (started.status === 'releasing')
      return { ...(await endAndReplace(context, started, options)), examples: [], conflicts: [], interrupted: false }
    const rejects = options.openRejects(started)
    const { examples } = rejects
    try {
      const reading = new Reading(context, started, rejects, options)
      const run = await reading.toEnd()
      const conflicts = reading.conflicts
      if (run.status === 'reading')
        return { run, published: 0, unpublished: undefined, examples, conflicts, interrupted: true }
      // From here on, the file cannot cause an error: every line is stored and judged.
      return { ...(await endAndReplace(context, run, options)), examples, conflicts, interrupted: false }
    } finally {
      rejects.close()
    }
  } finally {
    await releaseLease(db, started)
  }
}

async function beginWhenFree(db: Kysely<Schema>, queue: Queue, options: ImportOptions): Promise<ImportRun> {
  for (let waited = false; ; ) {
    const { kind, run } = await beginRun(db, options)
    if (kind === 'started') return run
    if (kind === 'unfinished') {
      await endRun(db, queue, run).finally(() => releaseLease(db, run))
      continue
    }
    if (!waited) options.onWaiting(run)
    waited = true
    if (options.signal.aborted) {
      throw new UserError({
        code: 'interrupted',
        message: `Interrupted while waiting for the import of ${run.file} by process ${run.pid}. Nothing was read.`,
        fix: 'Run the import again.',
        retryable: true,
        exit: EXIT.interrupted,
      })
    }
    await sleep(200)
  }
}

/** A run while its status is `reading`: stores its chunks, then judges the lines that were set aside. */
class Reading {
  readonly #db: Kysely<Schema>
  readonly #config: Config
  readonly #rejects: Rejects
  readonly #options: ImportOptions
  /** The run as last written. */
  #run: ImportRun
  #header: readonly string[] = []
  /** The first conflicting orders, once the lines are judged. */
  conflicts: Verdicts['examples'] = []

  constructor({ db, config }: ImportContext, run: ImportRun, rejects: Rejects, options: ImportOptions) {
    this.#db = db
    this.#config = config
    this.#run = run
    this.#rejects = rejects
    this.#options = options
  }

  /** Returns the run. Its status is still `reading` if the signal stopped it. */
  async toEnd(): Promise<ImportRun> {
    const { file, anyDate, signal } = this.#options
    const { timeZone, database, 'inventory.unknownSku': unknownSku } = this.#config
    const { byte_offset: offset, line_number: line, begun_sha256: sha256 } = this.#run
    const resumeFrom = offset === 0 ? undefined : { offset, line, sha256 }
    const renewing = startBackground(() => updateRun(this.#db, this.#run, {}), { pauseMs: () => RENEW_MS })
    try {
      for await (const read of readInThread({ file, resumeFrom, timeZone, anyDate, unknownSku, database }, signal)) {
        await this.#takeChunk(read)
        if (signal.aborted) break
      }
      if (!signal.aborted) await this.#judge()
      return this.#run
    } catch (error) {
      await endEmptyRun(this.#db, this.#run)
      throw error
    } finally {
      await renewing.end()
    }
  }

  async #takeChunk(read: ReadChunk): Promise<void> {
    const { beforeChunk, onError, onProgress } = this.#options
    const { cursor, size } = read
    this.#header = read.header
    await beforeChunk?.(read.chunk)
    this.#rejects.append(read.rejected, read.header)
    if (onError === 'abort' && this.#rejects.examples.length > 0) throw await this.#abort()
    this.#run = await inTransaction(this.#db, (trx) => this.#store(trx, read))
    onProgress(this.#run.rows, size === undefined ? undefined : cursor.offset / size)
  }

  /** Stores the chunk and the cursor after it in one transaction. */
  async #store(trx: Kysely<Schema>, { chunk, rejected, cursor }: ReadChunk): Promise<ImportRun> {
    const run = this.#run
    const stored = await storeChunk(trx, chunk, {
      importId: run.id,
      source: run.source,
      initialStock: this.#config['inventory.initialStock'],
      now: await databaseTime(trx),
    })
    return updateRun(trx, run, {
      byte_offset: cursor.offset,
      line_number: cursor.line,
      begun_sha256: cursor.sha256,
      rejects_file: this.#rejects.file,
      rejects_bytes: this.#rejects.bytes,
      rows: run.rows + chunk.lineCount + rejected.length,
      orders: run.orders + stored.orders,
      imported: run.imported + stored.lines,
      rejected: run.rejected + rejected.length,
      products_created: run.products_created + stored.productsCreated,
    })
  }

  /** Judges the lines that were set aside, and ends the status `reading`. */
  async #judge(): Promise<void> {
    const run = this.#run
    const rejects = this.#rejects
    const [examples, bytes] = [rejects.examples.length, rejects.bytes]
    const rejectedLines = (lines: Parameters<Report>[0]) =>
      lines.map((line) => {
        const original = storedLineText(line, this.#header)
        return { line: line.line_number, original, column: '', reason: line.reason }
      })
    const report: Report = (lines) => rejects.append(rejectedLines(lines), this.#header)
    const write: Report = (lines) => rejects.write(rejectedLines(lines), this.#header)
    const reportConflicts = rejects.isWritten ? write : undefined
    const { update } = this.#options
    const options = { update, timeZone: this.#config.timeZone, report, reportConflicts }
    const filled = ['customers', 'products', 'orders', 'order_lines', 'import_asides', 'import_spoiled'] as const
    await refreshStatistics(this.#db, ...filled)
    const judged = await inTransaction(this.#db, async (trx) => {
      rejects.rewind(examples, bytes)
      const verdicts = await reachVerdicts(trx, run, options)
      this.conflicts = verdicts.examples
      if (this.#options.onError === 'abort' && verdicts.rejected > 0) return undefined
      return updateRun(trx, run, {
        status: 'releasing',
        rejects_file: rejects.file,
        rejects_bytes: rejects.bytes,
        orders: run.orders - verdicts.ordersRemoved,
        imported: run.imported - verdicts.linesRemoved,
        duplicates: verdicts.duplicates,
        updated: verdicts.updated,
        conflicts: verdicts.conflicts,
        rejected: run.rejected + verdicts.rejected,
        products_created: run.products_created - verdicts.productsRemoved,
      })
    })
    if (!judged) throw await this.#abort()
    this.#run = judged
  }

  /** Undoes the run. Returns the error with the reason. */
  async #abort(): Promise<UserError> {
    await inTransaction(this.#db, async (trx) => undoImport(trx, await updateRun(trx, this.#run, {})))
    const [first] = this.#rejects.examples
    return new UserError({
      code: 'import_aborted',
      message: `The import stopped at line ${first?.line}: ${first?.reason}. Nothing was imported.`,
      fix: 'Correct the line and run the import again, or skip bad lines with --on-error skip.',
    })
  }
}

/** Ends the run. Then replaces an imported rejects file with the lines that are rejected again. */
async function endAndReplace({ db, queue }: ImportContext, run: ImportRun, { dry }: ImportOptions) {
  const ended = await endRun(db, queue, run)
  if (dry) return ended
  const input = replaceInput(ended.run)
  if (input !== 'replaced') return { ...ended, input }
  const { id, file } = ended.run
  await db.updateTable('imports').set({ rejects_file: file }).where('id', '=', id).execute()
  return { ...ended, input, run: { ...ended.run, rejects_file: file } }
}

/**
 * Makes the import's orders due and publishes them, in slices, so that workers and other imports do not wait for long.
 * If the queue's server becomes unreachable, the rest still becomes due. A resumed run goes through all orders again;
 * those that are already due do not change.
 */
async function endRun(db: Kysely<Schema>, queue: Queue, run: ImportRun) {
  let published = 0
  let unpublished: UserError | undefined
  for await (const slice of ordersToRelease(db, run)) {
    const ids = slice.map(({ id }) => id)
    const due = await inTransaction(db, async (trx) => {
      // The fence: if another process has taken the run over, no order becomes due twice.
      await updateRun(trx, run, {})
      return makeDue(trx, ids, await databaseTime(trx))
    })
    if (unpublished) continue
    try {
      await queue.publish(ids)
      published += due
    } catch (error) {
      if (!(error instanceof UserError)) throw error
      unpublished = error
    }
  }
  const ended = await updateRun(db, run, { status: 'finished', ended_at: await databaseTime(db) })
  return { run: ended, published, unpublished }
}
