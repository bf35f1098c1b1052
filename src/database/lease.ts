// Leases on rows: one process at a time works on a row while it renews the lease. Its writes are fenced, so they
// change nothing once another process has taken the row over.
import { hostname } from 'node:os'
import type { Kysely, Updateable } from 'kysely'
import { MINUTE_MS } from '../domain/time.js'
import { databaseTime } from './engine.js'
import type { Schema } from './schema.js'

/** Tables whose rows are leased until they have ended. */
type LeasedTable = 'imports' | 'schedule_runs'

interface Lease {
  /** For messages only. */
  readonly host: string
  readonly pid: number
  /** Epoch milliseconds by the database's clock. A holder that has not renewed the lease by then has lost the row. */
  readonly lease_until: number
}

/** Returns the columns that make this process the holder. */
export async function takeLease(db: Kysely<Schema>, ms: number): Promise<Lease> {
  return { host: hostname(), pid: process.pid, ...(await renewal(db, ms)) }
}

/** Returns the column that renews the lease. */
export async function renewal(db: Kysely<Schema>, ms: number): Promise<Pick<Lease, 'lease_until'>> {
  return { lease_until: (await databaseTime(db)) + ms }
}

/** The column that releases the row. */
export const RELEASED = { lease_until: 0 } as const

/** Longer than any lease. A sign of life that is further ahead is that of a process whose clock was ahead. */
export const AHEAD_MS = 5 * MINUTE_MS

/**
 * Whether a process may still be working on the row: one is, or one ended less than a lease ago without releasing it.
 * Process ids are not compared, because two containers may have the same host name. `now` is the database's time. If
 * the clock was set back, a live process renews its lease within seconds, and the fence stops it if that was too late.
 */
export function isHeld({ lease_until }: Pick<Lease, 'lease_until'>, now: number): boolean {
  return lease_until >= now && lease_until <= now + AHEAD_MS
}

/**
 * Changes a row that has not ended.
 *
 * @param fence columns that name the row and its holder
 * @returns false, and changes nothing, if the holder has lost the row
 */
export async function writeHeld<Table extends LeasedTable>(
  db: Kysely<Schema>,
  table: Table,
  fence: Partial<Updateable<Schema[Table]>>,
  changes: Partial<Updateable<Schema[Table]>>,
): Promise<boolean> {
  const written = await db
    .updateTable<LeasedTable>(table)
    .set(changes)
    .where((eb) => eb.and({ ...fence }))
    .where('ended_at', 'is', null)
    .executeTakeFirst()
  return written.numUpdatedRows > 0n
}
