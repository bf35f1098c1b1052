// Which migrations a database has had, without changing it: opening it for work would apply the missing ones.
import type { DatabaseAddress } from '../servers/addresses.js'
import { connect, type Database, databaseExists, openDatabase, openScratchDatabase } from './connection.js'
import { type MigrationState, migrationStates, tableNames } from './migrations.js'

/** @throws UserError if the file belongs to another program or to a newer release */
export async function readMigrations(address: DatabaseAddress): Promise<MigrationState[]> {
  const waiting = (await databaseExists(address)) ? await readWaiting(address) : await allWaiting()
  if (waiting) return waiting
  // Nothing is missing, so opening changes nothing; and it refuses files that are not ours.
  const db = await openDatabase(address)
  return migrationStates(db).finally(() => db.destroy())
}

/** Undefined if nothing is missing, or if this is not our database: openDatabase says why. */
async function readWaiting(address: DatabaseAddress): Promise<MigrationState[] | undefined> {
  let db: Database | undefined
  try {
    db = await connect(address)
    if ((await tableNames(db)).length === 0) return await allWaiting()
    const states = await migrationStates(db)
    return states.some((state) => state.appliedAt === null) ? states : undefined
  } catch {
    return undefined
  } finally {
    await db?.destroy()
  }
}

async function allWaiting(): Promise<MigrationState[]> {
  const db = await openScratchDatabase()
  const states = await migrationStates(db).finally(() => db.destroy())
  return states.map((state) => ({ ...state, appliedAt: null }))
}
