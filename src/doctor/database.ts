// Checks of the database, whether a file or a server holds it: is it there, and does it agree with the configuration?
import { CLOCK_TOLERANCE_MS, newestEntry } from '../database/clocks.js'
import { type Database, databaseExists, placeOf } from '../database/connection.js'
import { databaseTime } from '../database/engine.js'
import { readMigrations } from '../database/read-migrations.js'
import { refuseOtherTimeZone, refusePartOfCopy } from '../database/refusals.js'
import type { DatabaseAddress } from '../servers/addresses.js'
import type { DatabaseCheck, Found } from './check.js'
import { checkClockOf, seconds } from './server-vitals.js'

/** @throws UserError if it belongs to another program or a newer release, or cannot be read */
export async function checkDatabase(address: DatabaseAddress): Promise<Found> {
  const place = placeOf(address)
  if (!(await databaseExists(address))) {
    return {
      message: `There is no database at ${place} yet.`,
      fix: 'Run `orderctl import FILE`, which creates it, or `orderctl migrate` for an empty one.',
    }
  }
  const migrations = await readMigrations(address)
  const waiting = migrations.filter(({ appliedAt }) => appliedAt === null).length
  if (waiting === 0) return place
  return { message: `${waiting} of ${migrations.length} migrations are not applied.`, fix: 'Run `orderctl migrate`.' }
}

export const DATABASE_CHECKS: readonly DatabaseCheck[] = [
  { name: 'copy', look: async (db) => (await refusePartOfCopy(db)) ?? 'none is unfinished' },
  { name: 'time zone', look: async (db, { timeZone }) => (await refuseOtherTimeZone(db, timeZone)) ?? timeZone },
  { name: 'clock of the database', look: checkClock },
]

/** Leases go by the server's clock, retries and reports by the clock of this machine. */
async function checkClock(db: Database): Promise<Found> {
  const asked = Date.now()
  const now = await databaseTime(db)
  const apart = checkClockOf('the database server', now, asked)
  const ahead = (await newestEntry(db)) - now
  if (ahead <= CLOCK_TOLERANCE_MS || typeof apart !== 'string') return apart
  return {
    message: `The newest entry in the database is ${seconds(ahead)} ahead of its clock.`,
    fix: 'Set the clock of every machine that works on this database (timedatectl set-ntp true).',
  }
}
