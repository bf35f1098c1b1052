// The file under a connection, and whether its path still names it.
import { statSync } from 'node:fs'
import SqliteDatabase from 'better-sqlite3'
import { errorCode } from '../errors.js'

/** SQLite's own code for a file that was moved while it was open; it looks only where it uses a rollback journal. */
const MOVED = 'SQLITE_READONLY_DBMOVED'

/** Whether the error says that the path names another file, or none. No later try can succeed. */
export function isReplaced(error: unknown): boolean {
  const code = errorCode(error)
  return code === MOVED || code === 'database_replaced'
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
    // Replaced while it was opened, or copied by a layered file system because it is opened for writing.
    this.sqlite.close()
    this.sqlite = new SqliteDatabase(path, options)
    this.check()
  }

  /**
   * Called for each use of the connection, so that nothing is read or written once the path names another file.
   *
   * @throws SqliteError that `isReplaced` recognises
   */
  check(): void {
    if (this.sqlite.open && identityOf(this.#path) === this.#identity) return
    this.close()
    throw new SqliteDatabase.SqliteError(`${this.#path} was moved, removed or replaced`, MOVED)
  }

  /**
   * After a move, SQLite leaves the log as it is when it closes, because the log has the name of another file: the moved
   * file would miss what is in it, and a new file under the old name would be mixed with it.
   */
  close(): void {
    const { sqlite } = this
    if (sqlite.open && !sqlite.readonly && identityOf(this.#path) !== this.#identity) {
      try {
        sqlite.pragma('wal_checkpoint(truncate)')
      } catch {
        // The move is the fault to report.
      }
    }
    sqlite.close()
  }
}

function identityOf(path: string): string | undefined {
  const stats = path === '' ? undefined : statSync(path, { bigint: true, throwIfNoEntry: false })
  return stats && `${stats.dev}:${stats.ino}`
}
