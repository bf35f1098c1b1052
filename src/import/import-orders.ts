// The import of one file, from its first byte to orders that workers may take.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Kysely } from 'kysely'
import { startBackground } from '../background.js'
import type { Config } from '../config/config.js'
import { databaseTime, refreshStatistics } from '../database/engine.js'
import type { Schema } from '../database/schema.js'
import { inTransaction } from '../database/transaction.js'
import type { OrderId } from '../domain/ids.js'
import { EXIT, UserError } from '../errors.js'
import { makeDue } from '../queue/due-orders.js'
import type { Queue } from '../queue/queue.js'
import type { RejectedLine } from './chunk.js'
import {
  beginRun,
  forgetUnbegun,
  type ImportRun,
  ordersOf,
  RENEW_MS,
  releaseLease,
  takeBack,
  updateRun,
} from './import-record.js'
import { type ReadChunk, readInThread } from './reader.js'
import type { Rejects } from './rejects.js'
import { storeChunk } from './store.js'
import { reachVerdicts } from './verdicts.js'

export interface ImportOptions {
  /** Absolute path, or `-`. */
  readonly file: string
  /** The shop that the orders are from; their ids are unique within it. */
  readonly source: string
  readonly resume: boolean
  /** `abort`: the first bad line ends the import and takes back what it stored. */
  readonly onError: 'skip' | 'abort'
  /** Ends the import after the chunk in hand; it can be resumed. */
  readonly signal: AbortSignal
  /** Lines read so far, and the share of the file where its size is known. */
  readonly onProgress: (rows: number, fraction: number | undefined) => void
  /** Told once where another import from the same source is under way and this one waits. */
  readonly onWaiting: (run: ImportRun) => void
  /** Looks at a chunk before it is stored. */
  readonly beforeChunk?: (read: ReadChunk) => Promise<void>
  /** Where lines that are not imported go. */
  readonly openRejects: (run: ImportRun) => Rejects
}

export interface ImportOutcome {
  readonly run: ImportRun
  /** Orders that workers may take now, and were told of. */
  readonly published: number
  /** Why workers could not be told of all: the queue's server went away. They find the rest by themselves, later. */
  readonly unpublished: UserError | undefined
  /** The first few lines that were not imported. */
  readonly examples: readonly RejectedLine[]
  /** Whether the signal ended it before the file's end. */
  readonly interrupted: boolean
}

export async function importOrders(
  { db, queue, config }: { readonly db: Kysely<Schema>; readonly queue: Queue; readonly config: Config },
  options: ImportOptions,
): Promise<ImportOutcome> {
  const begun = await beginWhenFree(db, queue, options)
  try {
    return await importHeld(db, queue, config, begun, options)
  } finally {
    // Where the database is away, the lease ends by itself.
    await releaseLease(db, begun).catch(() => undefined)
  }
}

async function importHeld(
  db: Kysely<Schema>,
  queue: Queue,
  config: Config,
  begun: ImportRun,
  options: ImportOptions,
): Promise<ImportOutcome> {
  if (begun.status !== 'reading') return { ...(await endRun(db, queue, begun)), examples: [], interrupted: false }
  const rejects = options.openRejects(begun)
  const { examples } = rejects
  try {
    const { run, interrupted } = await readAll(db, config, begun, rejects, options).catch(async (error: unknown) => {
      await forgetUnbegun(db, begun)
      throw error
    })
    if (interrupted) return { run, published: 0, unpublished: undefined, examples, interrupted }
    // From here on nothing can go wrong with the file: every line is stored and judged.
    return { ...(await endRun(db, queue, run)), examples, interrupted }
  } finally {
    rejects.close()
  }
}

async function endRun(db: Kysely<Schema>, queue: Queue, run: ImportRun): Promise<{ run: ImportRun } & Release> {
  const released = await release(db, queue, run)
  return { ...released, run: await updateRun(db, run, { status: 'finished', ended_at: await databaseTime(db) }) }
}

async function beginWhenFree(db: Kysely<Schema>, queue: Queue, options: ImportOptions): Promise<ImportRun> {
  for (let waited = false; ; ) {
    const begin = await beginRun(db, options)
    if (begin.kind === 'begun') return begin.run
    if (begin.kind === 'unended') {
      await endRun(db, queue, begin.run).finally(() => releaseLease(db, begin.run).catch(() => undefined))
      continue
    }
    if (!waited) options.onWaiting(begin.run)
    waited = true
    if (options.signal.aborted) throw interruptedWhileWaiting(begin.run)
    await sleep(200)
  }
}

function interruptedWhileWaiting({ file, pid }: ImportRun): UserError {
  return new UserError({
    code: 'interrupted',
    message: `Interrupted while it waited for the import of ${file} by process ${pid}. Nothing was read.`,
    fix: 'Run the import again.',
    retryable: true,
    exit: EXIT.interrupted,
  })
}

async function readAll(
  db: Kysely<Schema>,
  config: Config,
  begun: ImportRun,
  rejects: Rejects,
  options: ImportOptions,
): Promise<{ run: ImportRun; interrupted: boolean }> {
  let run = begun
  let header: readonly string[] = []
  const begin = { offset: run.byte_offset, line: run.line_number, sha256: run.begun_sha256 }
  const chunks = readInThread(
    {
      file: options.file,
      begun: begin.offset === 0 ? undefined : begin,
      timeZone: config.timeZone,
      unknownSku: config['inventory.unknownSku'],
      database: config.database,
    },
    options.signal,
  )
  const renewing = startBackground(() => updateRun(db, run, {}), { pauseMs: () => RENEW_MS })
  try {
    for await (const read of chunks) {
      header = read.header
      await options.beforeChunk?.(read)
      rejects.append(read.rejected, header)
      if (options.onError === 'abort' && rejects.examples.length > 0) throw await abort(db, run, rejects)
      run = await storeRead(db, config, run, read, rejects)
      options.onProgress(run.rows, read.size === undefined ? undefined : read.cursor.offset / read.size)
      if (options.signal.aborted) break
    }
    if (options.signal.aborted) return { run, interrupted: true }
    await refreshStatistics(db, ...FILLED)
    run = await endReading(db, run, rejects, header, options)
    return { run, interrupted: false }
  } finally {
    await renewing.end()
  }
}

/** What an import adds rows to. */
const FILLED = ['customers', 'products', 'orders', 'order_lines', 'import_asides', 'import_spoiled'] as const

/** The chunk and the cursor behind it, together or not at all. */
async function storeRead(
  db: Kysely<Schema>,
  config: Config,
  run: ImportRun,
  { chunk, rejected, cursor }: ReadChunk,
  rejects: Rejects,
): Promise<ImportRun> {
  return inTransaction(db, async (trx) => {
    const stored = await storeChunk(trx, chunk, {
      importId: run.id,
      source: run.source,
      initialStock: config['inventory.initialStock'],
      now: await databaseTime(trx),
    })
    return updateRun(trx, run, {
      byte_offset: cursor.offset,
      line_number: cursor.line,
      begun_sha256: cursor.sha256,
      rejects_file: rejects.file,
      rejects_bytes: rejects.bytes,
      rows: run.rows + chunk.lineCount + rejected.length,
      orders: run.orders + stored.orders,
      imported: run.imported + stored.lines,
      rejected: run.rejected + rejected.length,
      products_created: run.products_created + stored.productsCreated,
    })
  })
}

async function endReading(
  db: Kysely<Schema>,
  run: ImportRun,
  rejects: Rejects,
  header: readonly string[],
  { onError }: ImportOptions,
): Promise<ImportRun> {
  const before = rejects.mark()
  const ended = await inTransaction(db, async (trx) => {
    rejects.rewind(before)
    const verdicts = await reachVerdicts(trx, run, rejects, header)
    if (onError === 'abort' && verdicts.rejected > 0) return undefined
    return updateRun(trx, run, {
      status: 'releasing',
      rejects_file: rejects.file,
      rejects_bytes: rejects.bytes,
      orders: run.orders - verdicts.ordersRemoved,
      imported: run.imported - verdicts.linesRemoved,
      duplicates: verdicts.duplicates,
      conflicts: verdicts.conflicts,
      rejected: run.rejected + verdicts.rejected,
      products_created: run.products_created - verdicts.productsRemoved,
    })
  })
  if (!ended) throw await abort(db, run, rejects)
  return ended
}

async function abort(db: Kysely<Schema>, run: ImportRun, rejects: Rejects): Promise<UserError> {
  await inTransaction(db, async (trx) => {
    await updateRun(trx, run, {})
    await takeBack(trx, run)
  })
  const first = rejects.examples[0]
  return new UserError({
    code: 'import_aborted',
    message: `The import stopped at line ${first?.line}: ${first?.reason}. Nothing was imported.`,
    fix: 'Mend the line and run the import again, or leave bad lines out with --on-error skip.',
  })
}

const RELEASE_SLICE = 10_000

interface Release {
  readonly published: number
  readonly unpublished: UserError | undefined
}

/**
 * Lets the import's orders fall due, in slices, so that workers and other imports are not kept waiting, and tells the
 * queue. Where its server has gone away, the rest falls due all the same. A run that is resumed here goes through all of
 * them again; those that fell due before stay as they are.
 */
async function release(db: Kysely<Schema>, queue: Queue, run: ImportRun): Promise<Release> {
  let published = 0
  let unpublished: UserError | undefined
  for (let after = 0 as OrderId; ; ) {
    const slice = await ordersOf(db, run)
      .select('id')
      .where('id', '>', after)
      .where('status', '=', 'pending')
      .orderBy('id')
      .limit(RELEASE_SLICE)
      .execute()
    const last = slice.at(-1)
    if (!last) return { published, unpublished }
    after = last.id
    const ids = slice.map((order) => order.id)
    const due = await inTransaction(db, async (trx) => {
      // It goes on, so nobody takes it over; and if somebody has, nothing falls due that was due and done meanwhile.
      await updateRun(trx, run, {})
      return makeDue(trx, ids, await databaseTime(trx))
    })
    unpublished ??= await publishingError(queue, ids)
    if (!unpublished) published += due
  }
}

async function publishingError(queue: Queue, ids: readonly OrderId[]): Promise<UserError | undefined> {
  try {
    await queue.publish(ids)
    return undefined
  } catch (error) {
    if (error instanceof UserError) return error
    throw error
  }
}
