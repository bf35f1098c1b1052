// Reads the tables of a shop by plain SQL, with the database drivers alone. Every value is a text, so no figure loses
// digits on its way to a BigInt.
import SqliteDatabase from 'better-sqlite3'
import mysql from 'mysql2/promise'
import pg from 'pg'

export type Row = Readonly<Record<string, string | null>>

/** Runs one statement. A connection serves one statement: servers are killed between two of them. */
export async function query(url: string, statement: string): Promise<Row[]> {
  const rows = await read(url, statement)
  return rows.map((row) =>
    Object.fromEntries(
      Object.entries(row).map(([name, value]) => [name, value === null || value === undefined ? null : String(value)]),
    ),
  )
}

async function read(url: string, statement: string): Promise<Record<string, unknown>[]> {
  if (url.startsWith('sqlite:')) {
    const db = new SqliteDatabase(url.slice('sqlite:'.length), { readonly: true, timeout: 30_000 })
    try {
      return db.prepare<[], Record<string, unknown>>(statement).safeIntegers().all()
    } finally {
      db.close()
    }
  }
  if (url.startsWith('postgres')) {
    const client = new pg.Client({ connectionString: url })
    client.on('error', () => undefined)
    await client.connect()
    try {
      return (await client.query<Record<string, unknown>>(statement)).rows
    } finally {
      await client.end()
    }
  }
  const connection = await mysql.createConnection({ uri: url, supportBigNumbers: true, bigNumberStrings: true })
  connection.on('error', () => undefined)
  try {
    // Servers of tests have unusual defaults, such as padded texts.
    await connection.query("set sql_mode = ''")
    const [rows] = await connection.query<mysql.RowDataPacket[]>(statement)
    return rows
  } finally {
    connection.destroy()
  }
}

/** A column that is never null. */
export function text(row: Row, column: string): string {
  const value = row[column]
  if (value === null || value === undefined) throw new Error(`${column} is null in ${JSON.stringify(row)}`)
  return value
}

export const figure = (row: Row, column: string) => BigInt(text(row, column))
