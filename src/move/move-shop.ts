// Moves a shop from a file to a server: copies every table, compares row counts and checksums, and audits the copy.
import { randomUUID } from 'node:crypto'
import { statSync } from 'node:fs'
import { sql, type Transaction } from 'kysely'
import { auditDatabase } from '../audit/audit.js'
import {
  type Database,
  explainDatabaseError,
  openOrCreateDatabase,
  openReadOnly,
  placeOf,
} from '../database/connection.js'
import { forUpdate } from '../database/engine.js'
import type { Schema } from '../database/schema.js'
import { readSetting } from '../database/settings.js'
import { confirmHome, findRelocation } from '../database/shop.js'
import { inSnapshot, inTransaction } from '../database/transaction.js'
import { groupThousands } from '../domain/money.js'
import { EXIT, errorCode, UserError } from '../errors.js'
import { findUser } from '../reports/in-use.js'
import { WORKER_STALE_MS } from '../reports/status.js'
import type { DatabaseAddress, SqliteAddress } from '../servers/addresses.js'
import { capitalized, countOf } from '../terminal/text.js'
import { finishTable, readTable, type Table, tablesOf, writePage } from './tables.js'

/** Called before a page is copied and after it is read back. An error that it throws stops the copy. */
type OnPage = (doing: 'Copying' | 'Comparing', table: string, rows: number) => void

/**
 * Copies the shop in the file `from` to the database `to`, which is empty or has an unfinished copy of the same file.
 * Does not write to the file. Other commands reject `to` until the copy is complete.
 *
 * @returns the number of rows of each table, and the audit of the copy; its differences come from the file
 */
export async function moveShop(from: SqliteAddress, to: DatabaseAddress, onPage: OnPage) {
  const before = stateOf(from.path)
  const source = await openSource(from)
  try {
    await throwIfInUse(source, from.path)
    const target = await openOrCreateDatabase(to)
    try {
      await throwIfInUse(target, placeOf(to))
      const version = await dataVersion(source)
      const tables = await tablesOf(source)
      const fenced = await claim(target, tables, from.path, placeOf(to))
      const rows = await inSnapshot(source, (snapshot) => copy(snapshot, target, tables, fenced, onPage))
      // A file that is itself a copy stays one on the server, and `doctor` warns about it.
      if (!(await findRelocation(source, from))) await fenced((trx) => confirmHome(trx, to))
      const timeZone = await readSetting(target, 'time_zone')
      const audit = await auditDatabase(target, timeZone ?? 'UTC')
      if ((await dataVersion(source)) !== version || stateOf(from.path) !== before)
        throw retryable('database_changed', `${from.path} was changed during the copy.`)
      await fenced((trx) => trx.deleteFrom('settings').where('name', 'in', MARKS).execute())
      return { rows, audit, timeZone }
    } finally {
      await target.destroy()
    }
  } catch (error) {
    const code = errorCode(error) ?? ''
    if (['23505', 'ER_DUP_ENTRY'].includes(code))
      throw retryable('copy_disturbed', `Another process writes to ${placeOf(to)}.`)
    throw explainDatabaseError(error, code.startsWith('SQLITE_') ? from : to) ?? error
  } finally {
    await source.destroy()
  }
}

/** Runs a transaction in the target. Throws if another copy has claimed the target since. */
type Fenced = <Result>(act: (trx: Transaction<Schema>) => Promise<Result>) => Promise<Result>

/** Settings of an unfinished copy: its file, and the id of the copy that may write. */
const MARKS = ['copying_from', 'copy_id'] as const

async function claim(target: Database, tables: readonly Table[], path: string, place: string): Promise<Fenced> {
  const id = randomUUID()
  const read = async (trx: Transaction<Schema>, name: (typeof MARKS)[number]) => {
    const query = trx.selectFrom('settings').select('value').where('name', '=', name)
    return (await forUpdate(trx, query).executeTakeFirst())?.value
  }
  await inTransaction(target, async (trx) => {
    const unfinished = await read(trx, 'copying_from')
    if (unfinished && unfinished !== path) throw notEmpty(`${place} contains an unfinished copy of ${unfinished}.`)
    for (const { name } of unfinished ? [] : tables) {
      const { rows } = await sql`select 1 from ${sql.table(name)} limit 1`.execute(trx)
      if (rows.length > 0) throw notEmpty(`${place} is in use: its table ${name} has rows.`)
    }
    await trx.deleteFrom('settings').where('name', 'in', MARKS).execute()
    const marks = [{ name: 'copying_from', value: path } as const, { name: 'copy_id', value: id } as const]
    await trx.insertInto('settings').values(marks).execute()
  })
  return (act) =>
    inTransaction(target, async (trx) => {
      if ((await read(trx, 'copy_id')) === id) return act(trx)
      throw retryable('copy_disturbed', `Another copy into ${place} was started.`)
    })
}

async function copy(snapshot: Database, target: Database, tables: readonly Table[], fenced: Fenced, onPage: OnPage) {
  const copied = new Map<string, number>()
  for (const table of tables) {
    const { name } = table
    // Runs on a separate connection: on MySQL, TRUNCATE would commit the fence's transaction.
    await fenced(() => sql`truncate table ${sql.table(name)}`.execute(target))
    const sent = await readTable(snapshot, table, async (page) => {
      onPage('Copying', name, page.length)
      await fenced((trx) => writePage(trx, table, page))
    })
    await finishTable(target, table)
    const arrived = await readTable(target, table, (page) => onPage('Comparing', name, page.length))
    if (arrived.checksum !== sent.checksum) {
      const counts = `${countOf(sent.rows, 'row')} copied, ${groupThousands(arrived.rows)} found`
      throw retryable(
        'copy_differs',
        `Table ${name} differs from what was copied (${counts}): another process wrote to it.`,
      )
    }
    copied.set(name, sent.rows)
  }
  const names = [
    ...(['time_zone', 'shop', 'shop_home', 'sales_id', 'queue_paused', 'settled_until', 'restored'] as const),
  ]
  const settings = await snapshot.selectFrom('settings').selectAll().where('name', 'in', names).execute()
  await fenced(async (trx) => {
    await trx.deleteFrom('settings').where('name', 'in', names).execute()
    if (settings.length > 0) await trx.insertInto('settings').values(settings).execute()
  })
  return copied
}

/** Returns what changes with the file, also where this process reads a private copy of it. */
function stateOf(path: string): string {
  const [file, log] = [path, `${path}-wal`].map((name) => statSync(name, { bigint: true, throwIfNoEntry: false }))
  return `${file?.size} ${file?.mtimeNs} ${log?.size ?? 0n}`
}

/** Returns a number that changes when another connection writes to the file. */
async function dataVersion(file: Database): Promise<number | undefined> {
  const { rows } = await sql<{ data_version: number }>`pragma data_version`.execute(file)
  return rows[0]?.data_version
}

async function throwIfInUse(db: Database, place: string): Promise<void> {
  const user = await findUser(db)
  if (user) throw retryable('database_in_use', `${capitalized(user)} uses ${place}.`)
}

async function openSource(from: SqliteAddress): Promise<Database> {
  try {
    return await openReadOnly(from)
  } catch (error) {
    if (!(error instanceof UserError) || ['database_outdated', 'database_newer'].includes(error.code)) throw error
    const { code, message } = error
    const fix = 'Pass the file of the old database as --from sqlite:PATH. The current user must be able to read it.'
    throw new UserError({ code, message, fix, exit: EXIT.usage }, { cause: error })
  }
}

function notEmpty(message: string): UserError {
  const fix = 'Set ORDERCTL_DATABASE_URL to an empty database, or finish the copy that was started there.'
  return new UserError({ code: 'database_not_empty', message, fix })
}

function retryable(code: string, message: string): UserError {
  const delay = `a killed worker counts as stopped after ${WORKER_STALE_MS / 1000} seconds`
  const fix = `Stop all workers, imports and schedules on both databases (${delay}), then run the command again.`
  return new UserError({ code, message, fix, retryable: true })
}
