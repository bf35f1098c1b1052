// Checks of the database, whether a file or a server holds it: does it agree with the configuration, and does its work
// need a person where no alarm says so?
import type { Config } from '../config/config.js'
import { CLOCK_TOLERANCE_MS, newestEntry } from '../database/clocks.js'
import { type Database, databaseExists, placeOf, readMigrations } from '../database/connection.js'
import { databaseTime } from '../database/engine.js'
import { refuseOtherTimeZone, refuseUnfinishedCopy } from '../database/refusals.js'
import { createQueue } from '../queue/create-queue.js'
import { readOpenImports } from '../reports/status.js'
import type { DatabaseAddress } from '../servers/addresses.js'
import { checkClockOf, type DatabaseCheck, type Found, seconds } from './check.js'

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
  { name: 'copy', look: async (db) => (await refuseUnfinishedCopy(db)) ?? 'none is unfinished' },
  { name: 'time zone', look: async (db, { timeZone }) => (await refuseOtherTimeZone(db, timeZone)) ?? timeZone },
  { name: 'clock of the database', look: checkClock },
]
export const QUEUE_CHECK: DatabaseCheck = { name: 'queue', look: checkQueue }
export const IMPORTS_CHECK: DatabaseCheck = { name: 'imports', look: checkImports }

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

async function checkQueue(db: Database, config: Config): Promise<Found> {
  const queue = await createQueue(db, config)
  try {
    if (!(await queue.isPaused())) return `open (${queue.driver})`
    return { message: 'The queue is paused: no worker takes orders.', fix: 'Run `orderctl queue resume`.' }
  } finally {
    await queue.close()
  }
}

async function checkImports(db: Database): Promise<Found> {
  const interrupted = (await readOpenImports(db, await databaseTime(db))).filter(({ abandoned }) => abandoned)
  const [first] = interrupted
  if (!first) return 'none was interrupted'
  const files = interrupted.map(({ file }) => `"${file}"`).join(', ')
  return {
    message: `Imports that were interrupted: ${files}. Their orders are held back.`,
    fix: `Run \`${first.resume}\`.`,
  }
}
