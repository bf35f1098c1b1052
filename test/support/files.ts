// SQLite files of a test, read and changed without leaving them open.
import { readdirSync } from 'node:fs'
import SqliteDatabase from 'better-sqlite3'

/** Opens the file, passes it to `use`, and closes it. */
export function inFile<Result>(path: string, use: (sqlite: SqliteDatabase.Database) => Result): Result {
  const sqlite = new SqliteDatabase(path)
  try {
    return use(sqlite)
  } finally {
    sqlite.close()
  }
}

/** The first column of the first row. */
export function valueIn(path: string, query: string): unknown {
  return inFile(path, (sqlite) => sqlite.prepare(query).pluck().get())
}

export function namesIn(folder: string, start = ''): string[] {
  return readdirSync(folder)
    .filter((name) => name.startsWith(start))
    .sort()
}
