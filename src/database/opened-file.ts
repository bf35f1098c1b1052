// The file of a connection, and whether its path still names it.
import { statSync } from 'node:fs'
import SqliteDatabase from 'better-sqlite3'
import { errorCode } from '../errors.js'

/** SQLite's own code for a file that was moved while open; SQLite checks that only with a rollback journal. */
const MOVED = 'SQLITE_READONLY_DBMOVED'

/** Whether the error says that the path names another file, or none. No retry can succeed. */
export function isReplaced(error: unknown): boolean {
  return [MOVED, 'database_replaced'].includes(errorCode(error) ?? '')
}

export class OpenedFile {
  readonly sqlite: SqliteDatabase.Database
  readonly #path: string
  readonly #identity: string | undefined

  /** @param path empty for a private file, which has no name to lose */
  constructor(path: string, options: SqliteDatabase.Options) {
    this.#path = path
    const before = identityOf(path)
    this.sqlite = new SqliteDatabase(path, options)
    this.#identity = identityOf(path)
    if (before === undefined || before === this.#identity) return
    // Replaced while it was opened, or copied by a layered file system that opens it for writing.
    this.sqlite.close()
    this.sqlite = new SqliteDatabase(path, options)
    this.check()
  }

  /**
   * Called before each use of the connection, so that nothing is read or written once the path names another file.
   *
   * @throws SqliteError that `isReplaced` recognises
   */
  check(): void {
    if (this.sqlite.open && identityOf(this.#path) === this.#identity) return
    this.close()
    throw new SqliteDatabase.SqliteError(`${this.#path} was moved, removed or replaced`, MOVED)
  }

  /** Copies the log into a moved file. SQLite would not, and a new file under the old name would be mixed with that log. */
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
