// Moves a shop from a file to a server: everything is copied, then both are audited and must tell the same figures.
import { type Database, type DatabaseAddress, openReadOnly, placeOf } from '../database/connection.js'
import { type CopyProgress, copyTables } from '../database/copy.js'
import { sql } from '../database/kysely.js'
import { readSetting, writeSetting } from '../database/settings.js'
import type { SqliteAddress } from '../database/sqlite.js'
import { atOneMoment } from '../database/transaction.js'
import { UserError } from '../errors.js'
import { isAlive } from '../import/runs.js'
import { type Audit, auditDatabase } from './audit.js'

/** A worker that was not seen for so long is gone. */
const WORKER_SILENT_MS = 30_000

export interface Move {
  /** Rows that were copied in this run. */
  readonly rows: number
  readonly before: Audit
  readonly after: Audit
}

/**
 * Copies the shop in the file `from` into the empty database `to`, or goes on with a copy that was cut short. Nothing is
 * written to the file. Until the copy is whole, other commands refuse `to`.
 *
 * @throws UserError where somebody works on the file, where it changes meanwhile, or where `to` holds another shop
 */
export async function moveShop(
  from: SqliteAddress,
  to: Database,
  place: string,
  onProgress: (progress: CopyProgress) => void,
): Promise<Move> {
  const source = await openReadOnly(from)
  try {
    await refuseAtWork(source, from)
    await claimTarget(to, from, place)
    const version = await dataVersion(source)
    const rows = await atOneMoment(source, (snapshot) => copyTables(snapshot, to, onProgress))
    for (const name of ['time_zone', 'sales_id', 'queue_paused'] as const) {
      const value = await readSetting(source, name)
      if (value !== undefined) await writeSetting(to, name, value)
    }
    const timeZone = (await readSetting(source, 'time_zone')) ?? 'UTC'
    const before = await auditDatabase(source, timeZone)
    if ((await dataVersion(source)) !== version) throw changedMeanwhile(from)
    const after = await auditDatabase(to, timeZone)
    await writeSetting(to, 'copying_from', '')
    return { rows, before, after }
  } finally {
    await source.destroy()
  }
}

/** Whether two audits tell the same figures, and find nothing wrong that the other does not. */
export function sameFigures(one: Audit, other: Audit): boolean {
  const figures = ({ checks }: Audit) =>
    JSON.stringify(checks.map(({ name, expected, actual }) => [name, expected, actual]))
  return one.differences === other.differences && figures(one) === figures(other)
}

/** Of the database, as this connection sees it: another number once somebody else has written to the file. */
async function dataVersion(db: Database): Promise<number | undefined> {
  const { rows } = await sql<{ data_version: number }>`pragma data_version`.execute(db)
  return rows[0]?.data_version
}

async function refuseAtWork(db: Database, { path }: SqliteAddress): Promise<void> {
  const now = Date.now()
  const workers = await db
    .selectFrom('workers')
    .select(['host', 'pid'])
    .where('stopped_at', 'is', null)
    .where('last_seen', '>', now - WORKER_SILENT_MS)
    .execute()
  const imports = await db
    .selectFrom('imports')
    .select(['host', 'pid', 'lease_until'])
    .where('status', 'in', ['reading', 'releasing'])
    .execute()
  const [busy] = [...workers, ...imports.filter((run) => isAlive(run, now))]
  if (!busy) return
  throw new UserError({
    code: 'database_in_use',
    message: `Process ${busy.pid} on ${busy.host} works on ${path}: what it does would be missing in the copy.`,
    fix: 'Stop all workers, imports and schedules of the old database, then run the command again.',
    retryable: true,
  })
}

async function claimTarget(to: Database, from: DatabaseAddress, place: string): Promise<void> {
  const begun = await readSetting(to, 'copying_from')
  if (begun === placeOf(from)) return
  const [order] = await to.selectFrom('imports').select('id').limit(1).execute()
  if (order || begun) {
    throw new UserError({
      code: 'database_not_empty',
      message: begun
        ? `${place} holds a part of ${begun}, of which a copy was begun.`
        : `${place} holds orders already.`,
      fix: 'Name an empty database in ORDERCTL_DATABASE_URL, or go on with the copy that was begun there.',
    })
  }
  await writeSetting(to, 'copying_from', placeOf(from))
}

function changedMeanwhile({ path }: SqliteAddress): UserError {
  return new UserError({
    code: 'database_changed',
    message: `${path} was written to while it was copied, so the copy may lack something.`,
    fix: 'Stop all that works on it, empty the new database, and run the command again.',
  })
}
