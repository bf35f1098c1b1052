// Copies a SQLite database while other processes write to it, and recognises such copies.
import { randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, openSync, readdirSync, readSync, rmSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import SqliteDatabase from 'better-sqlite3'
import { type Database, openReadOnly } from '../database/connection.js'
import { findDamage } from '../database/integrity.js'
import { keep } from '../database/kept.js'
import { APPLICATION_ID } from '../database/migrations.js'
import { OpenedFile } from '../database/opened-file.js'
import { HOUR_MS } from '../domain/time.js'
import { errorCode, UserError } from '../errors.js'
import { explainError } from '../servers/explain.js'

/** More pages than a file can have. A copy in several steps starts again whenever another process writes. */
const ALL_PAGES = 0x7fffffff

/**
 * Makes a name for an unfinished file. It is in the folder of the finished one, so that renaming it is atomic. It is
 * random: processes in containers have the same numbers.
 */
export function partialOf(path: string): string {
  return join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.partial`)
}

/** A copy that has not changed for so long belongs to a process that was killed. */
const ABANDONED_MS = 12 * HOUR_MS

/** Removes what killed processes left of the file. */
export function removeAbandoned(path: string): void {
  const [folder, start] = [dirname(path), `.${basename(path)}.`]
  for (const name of readdirSync(folder)) {
    if (!name.startsWith(start) || !/^[\da-f]+\.partial(-wal|-shm|-journal)?$/.test(name.slice(start.length))) continue
    const changed = statSync(join(folder, name), { throwIfNoEntry: false })?.mtimeMs ?? Date.now()
    if (changed < Date.now() - ABANDONED_MS) rmSync(join(folder, name), { force: true })
  }
}

/** Removes an unfinished database. */
export function removePartial(path: string): void {
  for (const end of ['', '-wal', '-shm', '-journal']) rmSync(`${path}${end}`, { force: true })
}

/**
 * Copies one moment of the database into a new file that only its owner can read. Blocks no writer. The copy has no
 * write-ahead log, so it is a single file.
 *
 * @param mark if given, the copy is marked as a backup that was taken at this time
 */
export async function copyDatabase(from: string, to: string, mark?: number): Promise<void> {
  closeSync(openSync(to, 'wx', 0o600))
  const source = new OpenedFile(from, { readonly: true, timeout: 10_000 })
  try {
    await source.sqlite.backup(to, { progress: () => ALL_PAGES })
  } finally {
    source.close()
  }
  const copy = keep(new SqliteDatabase(to))
  try {
    copy.exec('pragma journal_mode = delete')
    if (mark !== undefined)
      copy.exec(`insert or replace into settings (name, value) values ('backup_taken', '${mark}')`)
  } finally {
    copy.close()
  }
  syncToDisk(to)
}

/** Makes a file survive a power cut, or the names in a folder. Windows cannot do the latter. */
export function syncToDisk(path: string): void {
  const isFolder = statSync(path).isDirectory()
  if (isFolder && process.platform === 'win32') return
  const file = openSync(path, isFolder ? 'r' : 'r+')
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

/** @throws UserError if the structure of the database is damaged */
export async function refuseDamage(db: Database, place: string): Promise<void> {
  const damage = await findDamage(db)
  if (damage.length === 0) return
  throw new UserError({
    code: 'database_unreadable',
    message: `${place} is damaged: ${damage.join('; ')}.`,
    fix: 'Restore the last good backup: orderctl restore FILE --replace',
  })
}

/** Opens the copy without changing it, and checks its structure. */
export async function openCopy(path: string, place: string): Promise<Database> {
  const db = await openReadOnly({ kind: 'sqlite', path })
  try {
    await refuseDamage(db, place)
    return db
  } catch (error) {
    await db.destroy()
    throw error
  }
}

interface BackupFile {
  readonly shop: string
  /** Epoch milliseconds. */
  readonly takenAt: number
}

/** Reads what the file says of itself; undefined unless `orderctl backup` made it. A live database never counts. */
export function readBackup(path: string): BackupFile | undefined {
  if (!hasBackupHeader(path)) return undefined
  const sqlite = new SqliteDatabase(path, { readonly: true })
  try {
    const value = sqlite.prepare<[string], string>('select value from settings where name = ?').pluck()
    const [shop, takenAt] = [value.get('shop'), value.get('backup_taken')]
    return shop === undefined || takenAt === undefined ? undefined : { shop, takenAt: Number(takenAt) }
  } catch (error) {
    if (errorCode(error)?.startsWith('SQLITE_')) return undefined
    throw error
  } finally {
    sqlite.close()
  }
}

/** Whether the file is a database of ours without a write-ahead log. Live databases have one. */
function hasBackupHeader(path: string): boolean {
  const header = Buffer.alloc(100)
  const file = openSync(path, 'r')
  try {
    readSync(file, header, 0, header.length, 0)
  } finally {
    closeSync(file)
  }
  const [isSqlite, hasLog] = [header.toString('latin1', 0, 16) === 'SQLite format 3\0', header[18] !== 1]
  return isSqlite && !hasLog && header.readUInt32BE(68) === APPLICATION_ID
}

/** Explains why a file could not be written; undefined for a bug of ours. */
export function explainWriting(error: unknown, path: string): UserError | undefined {
  if (!/^(EACCES|EPERM|EROFS|ENOENT|ENOTDIR|ENAMETOOLONG)$/.test(errorCode(error) ?? ''))
    return explainError(error, { kind: 'sqlite', path })
  return new UserError(
    {
      code: 'backup_unwritable',
      message: `Cannot write ${path} (${errorCode(error)}).`,
      fix: `Create the folder and make it writable for this user: mkdir -p "${dirname(path)}"`,
    },
    { cause: error },
  )
}
