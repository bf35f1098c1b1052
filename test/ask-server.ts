// One statement on a database server, over a connection of its own.
import { sql } from 'kysely'
import { readDatabase } from '../src/config-values.js'
import { connect } from '../src/database/connection.js'

/** @returns the rows, by the names of their columns */
export async function askServer(url: string, statement: string): Promise<Record<string, unknown>[]> {
  const db = await connect(readDatabase(url), { connections: 1 })
  try {
    return (await sql.raw<Record<string, unknown>>(statement).execute(db)).rows
  } finally {
    await db.destroy()
  }
}
