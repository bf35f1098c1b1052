// Replaces a SQLite database by a backup. At every moment the path has the old database or the restored one, whole.
import {
  chownSync,
  copyFileSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { basename, dirname, extname, join } from 'node:path'
import type { Transaction } from 'kysely'
import { auditDatabase } from '../audit/audit.js'
import { recordAction } from '../database/actions.js'
import { readRestored, writeLastBackup, writeRestored } from '../database/backups.js'
import { newestEntry } from '../database/clocks.js'
import { connect, type Database, openDatabase, readMigrations } from '../database/connection.js'
import { countRows } from '../database/count-rows.js'
import { databaseTime } from '../database/engine.js'
import { packRows } from '../database/packed-rows.js'
import { rowSource } from '../database/row-source.js'
import type { Schema } from '../database/schema.js'
import { readSetting } from '../database/settings.js'
import { findRelocation, readShop } from '../database/shop.js'
import { inTransaction } from '../database/transaction.js'
import { shellWord } from '../domain/shell.js'
import { errorCode, usageError } from '../errors.js'
import type { SqliteAddress } from '../servers/addresses.js'
import { isoTime } from '../terminal/text.js'
import {
  copyDatabase,
  explainWriting,
  partialOf,
  refuseDamage,
  removeAbandoned,
  removePartial,
  syncToDisk,
} from './copy.js'
import { type Backup, lockReplaced, type Replaced, readContents } from './replaced.js'
import { stampOf } from './target.js'

/**
 * Reads what the file says of itself. Changes nothing.
 *
 * @throws UserError if it is not a database of ours, or was written by a newer release
 */
export async function examineBackup(file: string, address: SqliteAddress): Promise<Backup> {
  const found = statSync(file, { throwIfNoEntry: false })
  if (!found?.isFile()) {
    throw usageError({
      code: 'backup_missing',
      message: `${file} ${found ? 'is not a file' : 'does not exist'}.`,
      fix: 'Name a file that `orderctl backup` wrote.',
    })
  }
  if (existsSync(address.path) && realpathSync(file) === realpathSync(address.path)) {
    throw usageError({
      code: 'backup_over_database',
      message: `${file} is the database itself.`,
      fix: 'Name a file that `orderctl backup` wrote.',
    })
  }
  const source = { kind: 'sqlite', path: file } as const
  if (!(await readMigrations(source)).some(({ appliedAt }) => appliedAt !== null)) {
    throw usageError({
      code: 'backup_missing',
      message: `${file} is an empty database.`,
      fix: 'Name a file that `orderctl backup` wrote.',
    })
  }
  const db = await connect(source)
  try {
    // A copy that another tool made has no mark, but shows when a process last wrote to it.
    const takenAt = Number((await readSetting(db, 'backup_taken')) ?? (await newestEntry(db)))
    return { file, shop: await readShop(db), takenAt, contents: await readContents(db) }
  } finally {
    await db.destroy()
  }
}

/**
 * Restores the backup. The replaced database stays next to it, under a name with the time.
 *
 * @param confirm called once nothing else can change the database; returns whether to replace it
 * @returns undefined if that was not confirmed
 * @throws UserError if the backup is damaged, or the database is in use: then the database is unchanged
 */
export async function restore(
  backup: Backup,
  address: SqliteAddress,
  confirm: (replaced: Replaced) => Promise<boolean>,
) {
  // The link stays a link.
  const path = existsSync(address.path) ? realpathSync(address.path) : address.path
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  removeSecondNames(path)
  const replaced = isEmpty(path) ? undefined : await lockReplaced({ ...address, path }, backup)
  const partial = partialOf(path)
  try {
    if (replaced && !(await confirm(replaced))) return undefined
    const kept = replaced && nameOfReplaced(path)
    removeAbandoned(path)
    await copyDatabase(backup.file, partial)
    if (process.getuid?.() === 0) giveTo(partial, path)
    const forgotten = replaced?.forgotten ?? []
    const restored = await prepare(partial, forgotten, (trx, at) => recordRestore(trx, backup, at, kept))
    syncToDisk(partial)
    if (kept !== undefined) keep(path, kept)
    if (replaced?.unreadable !== undefined || !replaced) setLogAside(path, kept ?? nameOfReplaced(path))
    renameSync(partial, path)
    syncToDisk(dirname(path))
    return { ...restored, kept, lost: replaced?.lost }
  } catch (error) {
    removePartial(partial)
    throw explainWriting(error, path) ?? error
  } finally {
    await replaced?.unlock()
  }
}

/** @throws UserError (exit 2) if the database exists */
export function refuseReplacing({ path }: SqliteAddress, file: string): void {
  if (isEmpty(path)) return
  throw usageError({
    code: 'restore_would_replace',
    message: `${path} exists. Restoring would replace it.`,
    fix: `Stop all services, then run: orderctl restore ${shellWord(file)} --replace`,
  })
}

function isEmpty(path: string): boolean {
  return (statSync(path, { throwIfNoEntry: false })?.size ?? 0) === 0
}

/** Migrates the copy, checks it, and calls `record` in the transaction that completes it. */
async function prepare(
  path: string,
  forgotten: Replaced['forgotten'],
  record: (trx: Transaction<Schema>, at: number) => Promise<void>,
) {
  const db = await openDatabase({ kind: 'sqlite', path })
  try {
    await refuseDamage(db, 'The backup')
    const { differences } = await auditDatabase(db, (await readSetting(db, 'time_zone')) ?? 'UTC')
    await inTransaction(db, async (trx) => record(trx, await databaseTime(trx)))
    const named = await readNamed(db, forgotten)
    return { orders: await countRows(db.selectFrom('orders')), differences, named }
  } finally {
    await db.destroy()
  }
}

/** Returns those of the forgotten customers whom the backup names. */
function readNamed(db: Database, forgotten: Replaced['forgotten']) {
  return db
    .selectFrom(rowSource(db, 'row', packRows({ id: 'integer', import_id: 'integer' }, forgotten)))
    .innerJoin('customers', (join) =>
      join.onRef('customers.id', '=', 'row.id').onRef('customers.import_id', '=', 'row.import_id'),
    )
    .where('customers.forgotten_at', 'is', null)
    .select(['customers.customer_id', 'customers.source'])
    .orderBy('customers.source')
    .orderBy('customers.customer_id')
    .execute()
}

/** Whether the restored database was somewhere else when its identity was confirmed. */
export async function isRelocated(address: SqliteAddress): Promise<boolean> {
  const db = await connect(address)
  return findRelocation(db, address)
    .then((moved) => moved !== undefined)
    .finally(() => db.destroy())
}

async function recordRestore(
  trx: Transaction<Schema>,
  { file, takenAt }: Backup,
  at: number,
  kept: string | undefined,
): Promise<void> {
  // Publishes all figures again: those in Redis are of the replaced database.
  await trx.deleteFrom('settings').where('name', 'in', ['backup_taken', 'sales_id']).execute()
  await writeLastBackup(trx, { taken_at: takenAt, file })
  // The keys that an earlier restore lost are still lost.
  const earlier = await readRestored(trx)
  await writeRestored(trx, { taken_at: Math.min(takenAt, earlier?.taken_at ?? takenAt), at })
  const details = `as of ${isoTime(takenAt)}${kept === undefined ? '' : `, replaced ${basename(kept)}`}`
  await recordAction(trx, { command: 'restore', subject: basename(file), details })
}

/** `orders.replaced-2026-03-04T021500Z.sqlite`, with a number if that exists. */
function nameOfReplaced(path: string): string {
  const extension = extname(path)
  const start = join(dirname(path), `${basename(path, extension)}.replaced-${stampOf(Date.now())}`)
  for (let number = 1; ; number++) {
    const name = `${start}${number === 1 ? '' : `-${number}`}${extension}`
    if (!lstatSync(name, { throwIfNoEntry: false })) return name
  }
}

/** Removes the name that a killed restore gave to the database. SQLite must not open it by two names. */
function removeSecondNames(path: string): void {
  const [folder, start] = [dirname(path), `${basename(path, extname(path))}.replaced-`]
  const self = statSync(path, { bigint: true, throwIfNoEntry: false })
  for (const name of readdirSync(folder).filter((one) => one.startsWith(start))) {
    const other = statSync(join(folder, name), { bigint: true, throwIfNoEntry: false })
    if (self && other && other.ino === self.ino && other.dev === self.dev) rmSync(join(folder, name))
  }
}

/** Gives the database a second name, so that it is never without one. */
function keep(path: string, kept: string): void {
  try {
    linkSync(path, kept)
  } catch (error) {
    if (!/^(EPERM|ENOTSUP|EOPNOTSUPP|ENOSYS|EMLINK)$/.test(errorCode(error) ?? '')) throw error
    // A file system without hard links.
    copyFileSync(path, kept)
    syncToDisk(kept)
  }
  syncToDisk(dirname(path))
}

/**
 * SQLite moved the log of a sound database into its file. It would mix the log of a damaged or missing one with the
 * restored file, which has the same name.
 */
function setLogAside(path: string, kept: string): void {
  for (const end of ['-wal', '-shm', '-journal'])
    if (existsSync(`${path}${end}`)) renameSync(`${path}${end}`, `${kept}${end}`)
  syncToDisk(dirname(path))
}

/** Run by root, the restored file belongs to the user who had the database, or to that of its folder. */
function giveTo(file: string, path: string): void {
  const { uid, gid } = statSync(existsSync(path) ? path : dirname(path))
  chownSync(file, uid, gid)
}
