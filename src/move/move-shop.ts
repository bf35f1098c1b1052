// Moves a shop from a file to a server: everything is copied and compared row by row, then both are audited and must tell
// the same figures.

import { sql } from 'kysely'
import { type Audit, auditDatabase } from '../audit/audit.js'
import {
  type Database,
  explainDatabaseError,
  openOrCreateDatabase,
  openReadOnly,
  placeOf,
} from '../database/connection.js'
import { databaseTime } from '../database/engine.js'
import { isAlive } from '../database/lease-holder.js'
import { readSetting, writeSetting } from '../database/settings.js'
import { atOneMoment } from '../database/transaction.js'
import { EXIT, errorCode, UserError } from '../errors.js'
import { WORKER_STALE_MS } from '../reports/status.js'
import type { DatabaseAddress, SqliteAddress } from '../servers/addresses.js'
import { type CopyProgress, copyTables, findDifference, findRows } from './copy.js'

export interface Move {
  /** Rows that were copied in this run. */
  readonly rows: number
  readonly before: Audit
  readonly after: Audit
  /** That of the days in both databases. */
  readonly timeZone: string | undefined
}

interface MoveOptions {
  /** Aborted: ends behind the page in hand. */
  readonly signal: AbortSignal
  readonly onProgress: (progress: CopyProgress) => void
}

/**
 * Copies the shop in the file `from` into the empty database `to`, or goes on with a copy that was cut short. Nothing is
 * written to the file. Until the copy is whole and compared, other commands refuse `to`.
 *
 * @throws UserError where somebody works on the file, where it changed meanwhile, or where `to` holds another shop
 */
export async function moveShop(from: SqliteAddress, to: DatabaseAddress, options: MoveOptions): Promise<Move> {
  const source = await openOld(from)
  try {
    await refuseAtWork(source, placeOf(from))
    const target = await openOrCreateDatabase(to)
    try {
      await claimTarget(target, placeOf(from), placeOf(to))
      return await copyAndCheck(source, target, from, options)
    } finally {
      await target.destroy()
    }
  } catch (error) {
    throw explainCopyError(error, from, to)
  } finally {
    await source.destroy()
  }
}

async function copyAndCheck(
  source: Database,
  target: Database,
  from: SqliteAddress,
  { signal, onProgress }: MoveOptions,
): Promise<Move> {
  const onPage = (progress: CopyProgress) => {
    if (signal.aborted) throw interrupted(from)
    onProgress(progress)
  }
  const version = await dataVersion(source)
  const rows = await atOneMoment(source, async (snapshot) => {
    const copied = await copyTables(snapshot, target, onPage)
    const different = await findDifference(snapshot, target, onPage)
    if (different) throw differs(from, different)
    return copied
  })
  const timeZone = await readSetting(source, 'time_zone')
  const before = await auditDatabase(source, timeZone ?? 'UTC')
  const after = await auditDatabase(target, timeZone ?? 'UTC')
  const settings = await readSettings(source)
  // Last of all: what was written since would be missing.
  if ((await dataVersion(source)) !== version) throw changedMeanwhile(from)
  const move = { rows, before, after, timeZone }
  if (hasSameFigures(move)) await finish(target, settings)
  return move
}

/** Whether both audits tell the same figures, and find nothing wrong that the other does not. */
export function hasSameFigures({ before, after }: Move): boolean {
  const figures = ({ checks }: Audit) =>
    JSON.stringify(checks.map(({ name, expected, actual }) => [name, expected, actual]))
  return before.differences === after.differences && figures(before) === figures(after)
}

type CopiedSetting = 'time_zone' | 'database_id' | 'sales_id' | 'queue_paused'

async function readSettings(db: Database): Promise<[CopiedSetting, string | undefined][]> {
  const names: CopiedSetting[] = ['time_zone', 'database_id', 'sales_id', 'queue_paused']
  const rows = await db.selectFrom('settings').select(['name', 'value']).where('name', 'in', names).execute()
  return names.map((name) => [name, rows.find((row) => row.name === name)?.value])
}

/** From here on, the copy is a database like any other. */
async function finish(target: Database, settings: readonly [CopiedSetting, string | undefined][]): Promise<void> {
  for (const [name, value] of settings) {
    if (value === undefined) await target.deleteFrom('settings').where('name', '=', name).execute()
    else await writeSetting(target, name, value)
  }
  await writeSetting(target, 'copying_from', '')
}

/** Of the database, as this connection sees it: another number once somebody else has written to the file. */
async function dataVersion(db: Database): Promise<number | undefined> {
  const { rows } = await sql<{ data_version: number }>`pragma data_version`.execute(db)
  return rows[0]?.data_version
}

async function refuseAtWork(db: Database, place: string): Promise<void> {
  const now = await databaseTime(db)
  const workers = await db
    .selectFrom('workers')
    .select(['host', 'pid'])
    .where('stopped_at', 'is', null)
    .where('last_seen', '>', now - WORKER_STALE_MS)
    .execute()
  const imports = await db
    .selectFrom('imports')
    .select(['host', 'pid', 'lease_until'])
    .where('status', 'in', ['reading', 'releasing'])
    .execute()
  const [busy] = [...workers, ...imports.filter((run) => isAlive(run, now))]
  if (!busy) return
  throw new UserError({
    code: 'database_in_use',
    message: `Process ${busy.pid} on ${busy.host} works on ${place}, and what it does would spoil the copy.`,
    fix: `Stop all workers, imports and schedules there, then run the command again. One that was killed counts as gone after ${WORKER_STALE_MS / 1000} seconds.`,
    retryable: true,
  })
}

async function claimTarget(target: Database, from: string, place: string): Promise<void> {
  const begun = await readSetting(target, 'copying_from')
  if (begun === from) return
  if (begun) throw notEmpty(`${place} holds a part of ${begun}, of which a copy was begun.`)
  await refuseAtWork(target, place)
  const table = await findRows(target)
  if (table) throw notEmpty(`${place} is in use: there are rows in its table ${table}.`)
  await writeSetting(target, 'copying_from', from)
}

/** With the words for a file that is only read. */
async function openOld(from: SqliteAddress): Promise<Database> {
  try {
    return await openReadOnly(from)
  } catch (error) {
    if (!(error instanceof UserError) || ['database_outdated', 'database_newer'].includes(error.code)) throw error
    throw new UserError(
      {
        code: error.code,
        message: error.message,
        fix: 'Name the file of the old database with --from sqlite:PATH, and see that this user can read it.',
        exit: EXIT.usage,
      },
      { cause: error },
    )
  }
}

function explainCopyError(error: unknown, from: SqliteAddress, to: DatabaseAddress): unknown {
  const code = errorCode(error) ?? ''
  if (code === '23505' || code === 'ER_DUP_ENTRY') {
    return new UserError(
      {
        code: 'copy_disturbed',
        message: `Something else writes to ${placeOf(to)}, maybe another copy of the same file: ${error instanceof Error ? error.message : code}.`,
        fix: 'Stop all that works on the new database, then run the command again; it goes on where it was.',
        retryable: true,
      },
      { cause: error },
    )
  }
  return explainDatabaseError(error, code.startsWith('SQLITE_') ? from : to) ?? error
}

/** What makes a database on a server empty again. */
const EMPTY = 'Empty the new database (drop it and make it anew)'

function notEmpty(message: string): UserError {
  return new UserError({
    code: 'database_not_empty',
    message,
    fix: 'Name an empty database in ORDERCTL_DATABASE_URL, or go on with the copy that was begun there.',
  })
}

function changedMeanwhile({ path }: SqliteAddress): UserError {
  return new UserError({
    code: 'database_changed',
    message: `${path} was written to while it was copied, so the copy may lack something.`,
    fix: 'Stop all that works on it, then run the command again. It says whether the new database has to be emptied.',
    retryable: true,
  })
}

function differs({ path }: SqliteAddress, table: string): UserError {
  return new UserError({
    code: 'copy_differs',
    message: `What arrived of the table ${table} is no longer what ${path} holds: it was worked on since the copy was begun.`,
    fix: `Stop all that works on it. ${EMPTY}, and run the command again.`,
  })
}

function interrupted({ path }: SqliteAddress): UserError {
  return new UserError({
    code: 'interrupted',
    message: 'The copy was interrupted; what arrived is safe.',
    fix: `Go on with it: orderctl migrate --from sqlite:${path}`,
    retryable: true,
    exit: EXIT.interrupted,
  })
}
