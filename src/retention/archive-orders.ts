// Moves settled orders from the database to a file: writes all of them, then removes what is in the file.
//
// A crash leaves either no file, or a complete one with some of its orders removed. The same command then continues:
// it writes the file, or removes what is left. With another file, it starts over with the orders that are left, so an
// order may be in two files. It is removed once, and never before it is on disk.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Kysely, Selectable } from 'kysely'
import { recordAction } from '../database/actions.js'
import type { Database } from '../database/connection.js'
import { countRows } from '../database/count-rows.js'
import { databaseTime, takeNamedLock } from '../database/engine.js'
import { isHeld } from '../database/lease.js'
import { packIds } from '../database/packed-rows.js'
import { isAmong } from '../database/row-source.js'
import type { Schema } from '../database/schema.js'
import { endSettlements } from '../database/settlement-time.js'
import { inTransaction } from '../database/transaction.js'
import type { OrderId } from '../domain/ids.js'
import { waysToEnd } from '../domain/shell.js'
import { EXIT, UserError } from '../errors.js'
import { cursorAt } from '../reports/export.js'
import { countOf } from '../terminal/text.js'
import { archivableAfter, type Selection } from './archivable.js'
import {
  ArchiveDraft,
  archiveRunning,
  fileExists,
  isTaken,
  readArchive,
  removeDrafts,
  syncArchive,
} from './archive-file.js'
import { type ArchiveFormat, archiveHeader, readArchivable } from './records.js'
import { removeArchived } from './remove-archived.js'

export type Archive = Selectable<Schema['archives']>

export interface ArchiveRequest {
  /** Absolute path of the file. */
  readonly file: string
  readonly format: ArchiveFormat
  readonly source: string | null
  /** Archive orders that were settled before this time (epoch milliseconds). */
  readonly before: number
  /** Stops between two transactions. The same command then continues. */
  readonly signal: AbortSignal
  readonly onProgress: (doing: 'written' | 'removed', orders: number) => void
  /** Called once if the archive waits for an import to end. */
  readonly onWaiting: (file: string) => void
}

export interface ArchiveOutcome {
  /** Orders in the file; null if an earlier command has written it. */
  readonly written: number | null
  /** Orders that this command has removed, and those of the file that have changed since and stay. */
  readonly removed: number
  readonly changed: number
}

/** Orders per page and per transaction. */
const PAGE = 500

/** Returns the archive that was interrupted or goes on in another process, if there is one. */
export function findUnfinished(db: Database): Promise<Archive | undefined> {
  return db.selectFrom('archives').selectAll().where('ended_at', 'is', null).orderBy('id', 'desc').executeTakeFirst()
}

/** @throws UserError if the file exists and is not that of the interrupted archive, or if an import was interrupted */
export async function archiveOrders(db: Database, request: ArchiveRequest): Promise<ArchiveOutcome> {
  const { file, format, source, before } = request
  const unfinished = await findUnfinished(db)
  const continued = unfinished?.file === file ? unfinished : undefined
  await throwIfInterrupted(db)
  removeDrafts(file)
  if (continued && isTaken(file)) {
    syncArchive(file)
    return { written: null, ...(await removeWritten(db, continued, request)) }
  }
  if (isTaken(file)) throw fileExists(file)
  // An order that is settled again gets a later time, so the orders before this one can only become fewer.
  const settled_before = Math.min(before, (await endSettlements(db)) + 1)
  const draft = new ArchiveDraft(file)
  try {
    const written = await writeOrders(db, { settled_before, source }, draft, request)
    if (written === 0) return { written, removed: 0, changed: 0 }
    draft.complete()
    const archive = await begin(db, { file, format, source, settled_before, written, replaced: unfinished })
    draft.publish()
    return { written, ...(await removeWritten(db, archive, request)) }
  } finally {
    draft.close()
  }
}

async function writeOrders(db: Database, selection: Selection, draft: ArchiveDraft, request: ArchiveRequest) {
  const { format, signal, onProgress } = request
  draft.write(archiveHeader(format))
  let written = 0
  for (let cursor = cursorAt(0); ; ) {
    if (signal.aborted) throw interrupted('No order was removed, and no file was written.')
    const page = await archivableAfter(db, selection, cursor, PAGE)
    const last = page.at(-1)
    if (!last) return written
    const ids = page.map(({ id }) => id)
    const orders = await readArchivable(db, ids, format)
    draft.write(orders.map(({ text }) => text).join(''))
    written += orders.length
    onProgress('written', written)
    cursor = { settledAt: last.settled_at, id: last.id }
  }
}

interface Begun extends Selection {
  readonly file: string
  readonly format: ArchiveFormat
  readonly written: number
  /** The archive that was interrupted. What it has not removed is in the new file as well. */
  readonly replaced: Archive | undefined
}

/** Records the archive and who made it, before the file gets its name and before an order is removed. */
function begin(db: Database, { replaced, ...archive }: Begun): Promise<Archive> {
  return inTransaction(db, async (trx) => {
    await takeNamedLock(trx, 'turn_imports')
    if ((await findUnfinished(trx))?.id !== replaced?.id) throw archiveRunning()
    const now = await databaseTime(trx)
    if (replaced) await trx.updateTable('archives').set({ ended_at: now }).where('id', '=', replaced.id).execute()
    await trx
      .insertInto('archives')
      .values({ ...archive, started_at: now })
      .execute()
    const subject = countOf(archive.written, 'order')
    await recordAction(trx, { command: 'orders archive', subject, details: archive.file })
    const newest = trx.selectFrom('archives').selectAll().where('file', '=', archive.file).orderBy('id', 'desc')
    return newest.limit(1).executeTakeFirstOrThrow()
  })
}

async function removeWritten(db: Database, archive: Archive, { signal, onProgress, onWaiting }: ArchiveRequest) {
  const { id, file, format } = archive
  let [removed, changed] = [0, 0]
  for await (const texts of readArchive(file, format, PAGE)) {
    for (let waited = false; ; waited = true) {
      if (signal.aborted) {
        const left = `${countOf(archive.orders + removed, 'order')} removed; the others are in the file and in the database.`
        throw interrupted(`${left} The same command continues.`)
      }
      const count = await inTransaction(db, (trx) => removeArchived(trx, archive, texts))
      if (count !== undefined) {
        removed += count
        if (count < texts.length) changed += await countStored(db, texts)
        break
      }
      await throwIfInterrupted(db)
      if (!waited) onWaiting(file)
      await sleep(500)
    }
    onProgress('removed', archive.orders + removed)
  }
  const ended_at = await databaseTime(db)
  await db.updateTable('archives').set({ ended_at }).where('id', '=', id).where('ended_at', 'is', null).execute()
  return { removed, changed }
}

function countStored(db: Database, orders: readonly { readonly id: OrderId }[]): Promise<number> {
  return countRows(db.selectFrom('orders').where(isAmong(db, 'id', packIds(orders))))
}

/** @throws UserError if an import was interrupted: it would wait for ever */
async function throwIfInterrupted(db: Kysely<Schema>): Promise<void> {
  const open = await db.selectFrom('imports').selectAll().where('ended_at', 'is', null).execute()
  const now = await databaseTime(db)
  const left = open.find((run) => !isHeld(run, now))
  if (!left) return
  throw new UserError({
    code: 'import_unfinished',
    message: `The import of ${left.file} was interrupted, and no order can be archived before it ends.`,
    fix: `${waysToEnd(left)}, then run the command again.`,
    retryable: true,
  })
}

function interrupted(what: string): UserError {
  return new UserError({
    code: 'interrupted',
    message: `Interrupted. ${what}`,
    fix: 'Run the command again.',
    retryable: true,
    exit: EXIT.interrupted,
  })
}
