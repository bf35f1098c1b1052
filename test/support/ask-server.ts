// One statement on a database server, over a connection of its own.
import { sql } from 'kysely'
import { connect } from '../../src/database/connection.js'
import { readDatabaseAddress } from '../../src/servers/addresses.js'

/** @returns the rows, by the names of their columns */
export async function askServer(url: string, statement: string): Promise<Record<string, unknown>[]> {
  const db = await connect(readDatabaseAddress(url), { connections: 1 })
  try {
    return (await sql.raw<Record<string, unknown>>(statement).execute(db)).rows
  } finally {
    await db.destroy()
  }
}
