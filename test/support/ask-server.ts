// Statements on a database server, over a connection of their own.
import { sql } from 'kysely'
import { connect } from '../../src/database/connection.js'
import { readDatabaseAddress } from '../../src/servers/addresses.js'

/** @returns the rows of the last statement, by the names of their columns */
export async function askServer(url: string, ...statements: string[]): Promise<Record<string, unknown>[]> {
  const db = await connect(readDatabaseAddress(url), { connections: 1 })
  let rows: Record<string, unknown>[] = []
  try {
    for (const statement of statements) rows = (await sql.raw<Record<string, unknown>>(statement).execute(db)).rows
    return rows
  } finally {
    await db.destroy()
  }
}
