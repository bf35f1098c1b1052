// The SQLite file of a connection, with a check that its path still names the same file.
import { statSync } from 'node:fs'
import SqliteDatabase from 'better-sqlite3'
import { errorCode } from '../errors.js'

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
    this.sqlite = new SqliteDatabase(path, options)
    this.#identity = identityOf(path)
    if (before === undefined || before === this.#identity) return
    // The file was replaced while it was opened, or a layered file system copied it to open it for writing.
    this.sqlite.close()
    this.sqlite = new SqliteDatabase(path, options)
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
        sqlite.pragma('wal_checkpoint(truncate)')
      } catch {
        // The move is the error to report.
      }
    }
    sqlite.close()
  }
}

function identityOf(path: string): string | undefined {
  const stats = path === '' ? undefined : statSync(path, { bigint: true, throwIfNoEntry: false })
  return stats && `${stats.dev}:${stats.ino}`
}
