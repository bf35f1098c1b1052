// Imports one file, from its first byte to orders that workers can claim.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Kysely } from 'kysely'
import type { Config } from '../config/config.js'
import { databaseTime, refreshStatistics } from '../database/engine.js'
import type { Schema } from '../database/schema.js'
import { inTransaction } from '../database/transaction.js'
import { EXIT, UserError } from '../errors.js'
import type { Queue } from '../queue/queue.js'
import { countPending } from '../workflow/order-counts.js'
import type { RejectedLine } from './chunk.js'
import type { Chunk } from './chunk-rows.js'
import { type FileLayout, type FileRead, fileRead, keptOf, resumePoint } from './file-read.js'
import { type BeginOptions, beginRun, endEmptyRun, type ImportRun, updateRun, whileHeld } from './import-record.js'
import { ItemNumbers } from './items.js'
import type { Answers } from './mapping/mapping.js'
import { type ReadChunk, readInThread } from './reader.js'
import { type Rejects, replaceInput } from './rejects.js'
import { endRun } from './release.js'
import { storeChunk } from './store.js'
import { storedLineText } from './stored-line.js'
import { undoRun, usedError } from './undo.js'
import { type Report, reachVerdicts, type Verdicts } from './verdicts.js'

export interface ImportOptions extends BeginOptions {
  /** How to read the file. A resumed import keeps its mapping. */
  readonly answers: Answers
  /** `abort`: the first bad line undoes the import. */
  readonly onError: 'skip' | 'abort'
  /** Accept order dates before 1970 and more than a year ahead. */
  readonly anyDate: boolean
  /** Stops the import after the current chunk. It can be resumed. */
  readonly signal: AbortSignal
  /** Called with the lines read, those read by this process, and the fraction of the file if its size is known. */
  readonly onProgress: (rows: number, linesRead: number, fraction: number | undefined) => void
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
  /** Lines that this process has read. A resumed run has more. */
  readonly linesRead: number
  /** Orders that became due and were published. */
  readonly published: number
  /** Why the rest was not published: the queue's server became unreachable. Workers find these orders later. */
  readonly unpublished: UserError | undefined
  /** The first 1,000 lines that were not imported. */
  readonly examples: readonly RejectedLine[]
  /** The first conflicting orders. */
  readonly conflicts: Verdicts['examples']
  /** What became of an imported rejects file. */
  readonly input?: ReturnType<typeof replaceInput>
  /** Whether the signal stopped it before the end of the file. */
  readonly interrupted: boolean
  /** What was read, and how; undefined if nothing was. */
  readonly read: FileRead | undefined
}

export interface ImportContext {
  readonly db: Kysely<Schema>
  readonly queue: Queue
  readonly config: Config
}

export async function importOrders(context: ImportContext, options: ImportOptions): Promise<ImportOutcome> {
  const { db } = context
  const started = await beginWhenFree(context, options)
  return whileHeld(db, started, async () => {
    if (started.status === 'releasing') {
      const ended = await endAndReplace(context, started, options)
      return { ...ended, linesRead: 0, examples: [], conflicts: [], interrupted: false }
    }
    const rejects = options.openRejects(started)
    const { examples } = rejects
    try {
      const reading = new Reading(context, started, rejects, options)
      const run = await reading.toEnd()
      const counted = { linesRead: run.rows - started.rows, examples, conflicts: reading.conflicts }
      if (run.status === 'reading')
        return { run, ...counted, published: 0, unpublished: undefined, interrupted: true, read: fileRead(run) }
      // From here on, the file cannot cause an error: every line is stored and judged.
      return { ...(await endAndReplace(context, run, options)), ...counted, interrupted: false }
    } finally {
      rejects.close()
    }
  })
}

async function beginWhenFree(context: ImportContext, options: ImportOptions): Promise<ImportRun> {
  const { db, queue, config } = context
  for (let waited = false; ; ) {
    const { kind, run } = await beginRun(db, options, config.timeZone)
    if (kind === 'started') return run
    if (kind === 'unfinished') {
      await whileHeld(db, run, () => endAndReplace(context, run, options))
      continue
    }
    if (kind === 'discarded') {
      const { total } = await whileHeld(db, run, () => undoRun(db, queue, run))
      if (total > 0) throw usedError(run, total)
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
  readonly #queue: Queue
  readonly #config: Config
  readonly #rejects: Rejects
  readonly #options: ImportOptions
  /** The run as last written. */
  #run: ImportRun
  readonly #rowsBefore: number
  #layout: FileLayout | undefined
  /** The first conflicting orders, once the lines are judged. */
  conflicts: Verdicts['examples'] = []

  constructor({ db, queue, config }: ImportContext, run: ImportRun, rejects: Rejects, options: ImportOptions) {
    this.#db = db
    this.#queue = queue
    this.#config = config
    this.#run = run
    this.#rowsBefore = run.rows
    this.#rejects = rejects
    this.#options = options
  }

  /** Returns the run. Its status is still `reading` if the signal stopped it. */
  async toEnd(): Promise<ImportRun> {
    const { file, anyDate, signal } = this.#options
    const { timeZone, database, 'inventory.unknownSku': unknownSku } = this.#config
    const { from: resumeFrom, answers = this.#options.answers } = resumePoint(this.#run) ?? {}
    const options = { file, answers, resumeFrom, timeZone, anyDate, unknownSku, database }
    try {
      for await (const read of readInThread(options, signal)) {
        await this.#takeChunk(read)
        if (signal.aborted) break
      }
      if (!signal.aborted) await this.#judge()
      return this.#run
    } catch (error) {
      if (await endEmptyRun(this.#db, this.#run)) this.#rejects.discard()
      throw error
    }
  }

  async #takeChunk(read: ReadChunk): Promise<void> {
    const { beforeChunk, onError, onProgress } = this.#options
    this.#layout = read.layout
    await beforeChunk?.(read.chunk)
    this.#rejects.append(read.rejected, read.layout)
    if (onError === 'abort' && this.#rejects.examples.length > 0) throw await this.#abort()
    this.#run = await inTransaction(this.#db, (trx) => this.#store(trx, read))
    onProgress(this.#run.rows, this.#run.rows - this.#rowsBefore, read.fraction)
  }

  /** Stores the chunk and the cursor after it in one transaction. */
  async #store(trx: Kysely<Schema>, read: ReadChunk): Promise<ImportRun> {
    const run = this.#run
    const { chunk, rejected, skippedCount: skipped, cursor } = read
    const stored = await storeChunk(trx, chunk, {
      importId: run.id,
      source: run.source,
      initialStock: this.#config['inventory.initialStock'],
      now: await databaseTime(trx),
    })
    if (this.#config['inventory.unknownSku'] === 'reject' && stored.productsCreated > 0) throw productsRemoved()
    return updateRun(trx, run, {
      byte_offset: cursor.offset,
      line_number: cursor.line,
      begun_sha256: cursor.sha256,
      rejects_file: this.#rejects.file,
      rejects_bytes: this.#rejects.bytes,
      ...keptOf(read.layout, read.state),
      rows: run.rows + chunk.lineCount + rejected.length + skipped,
      skipped: run.skipped + skipped,
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
    const layout = this.#layout
    if (!layout) throw new Error('judged before a chunk was read')
    const numbers = new ItemNumbers(layout.header, layout.mapping)
    const rejectedLines = (lines: Parameters<Report>[0]) =>
      lines.map((line) => {
        const original = storedLineText(line, layout)
        return { line: numbers.lineOf(line.line_number), original, column: '', reason: line.reason }
      })
    const report: Report = (lines) => rejects.append(rejectedLines(lines), layout)
    const write: Report = (lines) => rejects.write(rejectedLines(lines), layout)
    const reportConflicts = rejects.isWritten ? write : undefined
    const { update } = this.#options
    const options = { update, timeZone: this.#config.timeZone, numbers, report, reportConflicts }
    const filled = ['customers', 'products', 'orders', 'order_lines', 'import_asides', 'import_spoiled'] as const
    await refreshStatistics(this.#db, ...filled)
    const judging = inTransaction(this.#db, async (trx) => {
      rejects.rewind(examples, bytes)
      const verdicts = await reachVerdicts(trx, run, options)
      await countPending(trx, run.source, -verdicts.ordersRemoved)
      this.conflicts = verdicts.examples
      // The verdicts may have updated orders of other imports, which an undo leaves as they are.
      if (this.#options.onError === 'abort' && verdicts.rejected > 0) throw new Rejected()
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
    this.#run = await judging.catch(async (error: unknown) => {
      throw error instanceof Rejected ? await this.#abort() : error
    })
  }

  /** Undoes the run. Returns the error with the reason. */
  async #abort(): Promise<UserError> {
    await undoRun(this.#db, this.#queue, await updateRun(this.#db, this.#run, { status: 'undoing' }))
    const [first] = this.#rejects.examples
    return new UserError({
      code: 'import_aborted',
      message: `The import stopped at line ${first?.line}: ${first?.reason}. Nothing was imported.`,
      fix: 'Correct the line and run the import again, or skip bad lines with --on-error skip.',
    })
  }
}

/** Rolls the verdicts back. */
class Rejected extends Error {}

/** Ends the run. Then replaces an imported rejects file with the lines that are rejected again. */
async function endAndReplace({ db, queue }: ImportContext, run: ImportRun, { dry }: ImportOptions) {
  const ended = { ...(await endRun(db, queue, run)), read: fileRead(run) }
  if (dry) return ended
  const input = replaceInput(ended.run)
  if (input !== 'replaced') return { ...ended, input }
  const { id, file } = ended.run
  await db.updateTable('imports').set({ rejects_file: file }).where('id', '=', id).execute()
  return { ...ended, input, run: { ...ended.run, rejects_file: file } }
}

/** The reader looks each product up once, and the undo of another import deletes the products that only it uses. */
function productsRemoved(): UserError {
  return new UserError({
    code: 'products_removed',
    message: 'The undo of another import deleted products that this file uses.',
    fix: 'Add the products, or not, then continue with --resume. The orders of unknown products are rejected.',
    retryable: true,
  })
}
