// The SQLite file of a connection, with a check that its path still names the same file.
import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  mkdtempSync,
  openSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import SqliteDatabase from 'better-sqlite3'
import { asError } from '../background.js'
import { errorCode, UserError } from '../errors.js'
import { keep } from './kept.js'

/** SQLite's code for a file that was moved while open. SQLite itself checks this only with a rollback journal. */
const MOVED = 'SQLITE_READONLY_DBMOVED'

/** Whether the error says that the path now names another file, or none. Retries cannot succeed. */
export function isReplaced(error: unknown): boolean {
  return [MOVED, 'database_replaced'].includes(errorCode(error) ?? '')
}

export class OpenedFile {
  readonly sqlite: SqliteDatabase.Database
  readonly #path: string
  readonly #identity: string | undefined

  /** @param path empty for a private file, which cannot be replaced */
  constructor(path: string, options: SqliteDatabase.Options) {
    this.#path = path
    const before = identityOf(path)
    this.sqlite = openFile(path, options)
    this.#identity = identityOf(path)
    if (before === undefined || before === this.#identity) return
    // The file was replaced while it was opened, or a layered file system copied it to open it for writing.
    this.sqlite.close()
    this.sqlite = openFile(path, options)
    this.check()
  }

  /**
   * Checks the path before each use of the connection, so that nothing is read or written once it names another file.
   *
   * @throws SqliteError that `isReplaced` recognises
   */
  check(): void {
    if (this.sqlite.open && identityOf(this.#path) === this.#identity) return
    this.close()
    throw new SqliteDatabase.SqliteError(`${this.#path} was moved, removed or replaced`, MOVED)
  }

  /**
   * Closes the file. If it was moved, first copies the write-ahead log into it: SQLite would leave the log behind, and
   * mix it with a new file of the old name.
   */
  close(): void {
    const { sqlite } = this
    if (sqlite.open && !sqlite.readonly && identityOf(this.#path) !== this.#identity) {
      try {
        sqlite.exec('pragma wal_checkpoint(truncate)')
      } catch {
        // The move is the error to report.
      }
    }
    sqlite.close()
  }
}

/** Whether this process may not write the file, or not create the -wal and -shm files next to it. */
export function isReadOnly(path: string): boolean {
  return path !== '' && sizeOf(path) > 0 && !(isWritable(path) && isWritable(dirname(path)))
}

function openFile(path: string, options: SqliteDatabase.Options): SqliteDatabase.Database {
  if (!isReadOnly(path)) return load(path, options)
  // SQLite reads a write-ahead log through the -shm file of the processes that write it.
  if (sizeOf(`${path}-shm`) > 0) return load(path, options)
  if (sizeOf(`${path}-wal`) === 0) return openCopy(path)
  throw new UserError({
    code: 'database_needs_recovery',
    message: `${path} is read-only here, and ${path}-wal holds changes that are not in it yet.`,
    fix: 'Run `orderctl status` once as a user who may write both, which moves the changes into the file. Or copy both files, and name the copy in ORDERCTL_DATABASE_URL.',
  })
}

/** @throws UserError if the native part is missing, as after an installation without scripts, or is for another Node */
function load(path: string, options: SqliteDatabase.Options): SqliteDatabase.Database {
  try {
    return keep(new SqliteDatabase(path, options))
  } catch (error) {
    const { message } = asError(error)
    if (!/bindings file/.test(message) && errorCode(error) !== 'ERR_DLOPEN_FAILED') throw error
    throw new UserError(
      {
        code: 'sqlite_not_installed',
        message: `Cannot load SQLite: the native part of better-sqlite3 is missing, or is for another release of Node.js than ${process.version}.`,
        fix: 'Build it: run `npm rebuild better-sqlite3` in the folder of orderctl. Installations with --ignore-scripts lack it. Nothing was changed.',
      },
      { cause: error },
    )
  }
}

/** Bytes of the file's header that say whether it has a write-ahead log (2) or not (1). */
const JOURNAL_MODE_BYTES = { at: 18, none: Buffer.from([1, 1]) }

/**
 * Opens a private copy. SQLite would open the file itself only as `immutable`, which better-sqlite3 cannot ask for. The
 * copy is deleted at once, and lasts as long as it is open.
 */
function openCopy(path: string): SqliteDatabase.Database {
  const folder = mkdtempSync(join(tmpdir(), 'orderctl-'))
  try {
    const copy = join(folder, 'copy.sqlite')
    copyFileSync(path, copy, constants.COPYFILE_FICLONE)
    chmodSync(copy, 0o600)
    const file = openSync(copy, 'r+')
    writeSync(file, JOURNAL_MODE_BYTES.none, 0, 2, JOURNAL_MODE_BYTES.at)
    closeSync(file)
    const sqlite = keep(new SqliteDatabase(copy, { readonly: true }))
    // SQLite opens the file at the first read.
    sqlite.exec('pragma schema_version')
    return sqlite
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK)
    return true
  } catch {
    return false
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}

function identityOf(path: string): string | undefined {
  const stats = path === '' ? undefined : statSync(path, { bigint: true, throwIfNoEntry: false })
  return stats && `${stats.dev}:${stats.ino}`
}
