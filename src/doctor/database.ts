// Checks of the database, in a file or on a server: configuration, clock, queue and imports.
import type { Config } from '../config/config.js'
import { CLOCK_TOLERANCE_MS, newestEntry } from '../database/clocks.js'
import { type Database, databaseExists, placeOf, readMigrations } from '../database/connection.js'
import { databaseTime } from '../database/engine.js'
import { refuseOtherTimeZone, refuseUnfinishedCopy } from '../database/refusals.js'
import { findRelocation, readShop } from '../database/shop.js'
import { createQueue } from '../queue/create-queue.js'
import { readOpenImports } from '../reports/status.js'
import type { DatabaseAddress } from '../servers/addresses.js'
import { countOf } from '../terminal/text.js'
import { type CheckResult, checkClockOf, type DatabaseCheck, seconds } from './check.js'

/** @throws UserError if the database belongs to another program or a newer release, or cannot be read */
export async function checkDatabase(address: DatabaseAddress): Promise<CheckResult> {
  const place = placeOf(address)
  if (!(await databaseExists(address))) {
    return {
      message: `No database at ${place} yet.`,
      fix: 'Create it by importing orders (`orderctl import FILE`), or empty with `orderctl migrate`.',
    }
  }
  const migrations = await readMigrations(address)
  const pending = migrations.filter(({ appliedAt }) => appliedAt === null).length
  if (pending === 0) return place
  return {
    message: `${countOf(pending, 'migration is', 'migrations are')} not applied.`,
    fix: 'Run `orderctl migrate`.',
  }
}

export const DATABASE_CHECKS: readonly DatabaseCheck[] = [
  { name: 'copy', run: async (db) => (await refuseUnfinishedCopy(db)) ?? 'no unfinished copy' },
  { name: 'time zone', run: async (db, { timeZone }) => (await refuseOtherTimeZone(db, timeZone)) ?? timeZone },
  { name: 'clock of the database', run: checkClock },
  { name: 'shop', run: checkShop },
]
export const QUEUE_CHECK: DatabaseCheck = { name: 'queue', run: checkQueue }
export const IMPORTS_CHECK: DatabaseCheck = { name: 'imports', run: checkImports }

/** A copy, such as a staging system, would charge under the keys of the original. */
async function checkShop(db: Database, config: Config): Promise<CheckResult> {
  const shop = await readShop(db)
  const moved = await findRelocation(db, config.database)
  if (!moved) return shop
  return {
    message: `Shop ${shop} was confirmed as ${moved.confirmed}, but this database is ${moved.place}. If both are in use, they charge under the same keys: one customer pays, and the orders of both complete.`,
    fix: 'Run `orderctl migrate --new-shop` if this is a copy. Run `orderctl migrate --keep-shop` if it was moved or restored and replaces the original.',
  }
}

/** Leases use the database server's clock; retries and reports use the local clock. */
async function checkClock(db: Database): Promise<CheckResult> {
  const asked = Date.now()
  const now = await databaseTime(db)
  const apart = checkClockOf('the database server', now, asked)
  const ahead = (await newestEntry(db)) - now
  if (ahead <= CLOCK_TOLERANCE_MS || typeof apart !== 'string') return apart
  return {
    message: `The newest entry in the database is ${seconds(ahead)} ahead of the clock.`,
    fix: 'Synchronize the clocks of all machines that use this database (timedatectl set-ntp true).',
  }
}

async function checkQueue(db: Database, config: Config): Promise<CheckResult> {
  const queue = await createQueue(db, config)
  try {
    if (!(await queue.isPaused())) return `open (${queue.driver})`
    return { message: 'The queue is paused, so workers claim no orders.', fix: 'Run `orderctl queue resume`.' }
  } finally {
    await queue.close()
  }
}

async function checkImports(db: Database): Promise<CheckResult> {
  const interrupted = (await readOpenImports(db, await databaseTime(db))).filter(({ abandoned }) => abandoned)
  const [first] = interrupted
  if (!first) return 'no interrupted imports'
  const files = interrupted.map(({ file }) => `"${file}"`).join(', ')
  return {
    message: `Interrupted imports: ${files}. Their orders are not due until the imports finish.`,
    fix: `Run \`${first.resume}\`.`,
  }
}
