// Tells whether live processes use a database, for commands that need it to themselves.
import type { Kysely } from 'kysely'
import { databaseTime } from '../database/engine.js'
import { AHEAD_MS, isHeld } from '../database/lease.js'
import type { Schema } from '../database/schema.js'
import { WORKER_STALE_MS } from './status.js'

/** Names a process that works or imports, judging by its last sign of life. */
export async function findUser(db: Kysely<Schema>): Promise<string | undefined> {
  const now = await databaseTime(db)
  const workers = db.selectFrom('workers').select(['host', 'pid']).where('stopped_at', 'is', null)
  const imports = db.selectFrom('imports').select(['host', 'pid', 'lease_until']).where('ended_at', 'is', null)
  const busy =
    (await workers
      .where('last_seen', '>', now - WORKER_STALE_MS)
      .where('last_seen', '<=', now + AHEAD_MS)
      .executeTakeFirst()) ?? (await imports.execute()).find((run) => isHeld(run, now))
  return busy && `process ${busy.pid} on ${busy.host}`
}
