// Lists imports. Rows have the names of the JSON output.
import type { Database } from '../database/connection.js'
import { countRows } from '../database/count-rows.js'
import { databaseTime } from '../database/engine.js'
import { isHeld } from '../database/lease.js'
import { inSnapshot } from '../database/transaction.js'

/** Newest first. `total` counts all imports, including those beyond the limit. */
export function listImports(db: Database, limit: number) {
  return inSnapshot(db, async (trx) => {
    const all = trx.selectFrom('imports')
    const total = await countRows(all)
    const newest = await all.selectAll().orderBy('id', 'desc').limit(limit).execute()
    const now = await databaseTime(trx)
    const imports = newest.map((run) => ({
      import_id: String(run.id),
      file: run.file,
      source: run.source,
      state: stateOf(run.status, isHeld(run, now)),
      /** Lines stored so far. */
      rows: run.rows,
      orders: run.orders,
      started_at: new Date(run.started_at),
      ended_at: run.ended_at === null ? null : new Date(run.ended_at),
      host: run.host,
      pid: run.pid,
    }))
    return { total, imports }
  })
}

function stateOf(status: 'reading' | 'releasing' | 'finished' | 'undoing' | 'undone', isRunning: boolean) {
  if (status === 'finished' || status === 'undone') return status
  if (!isRunning) return 'interrupted'
  return status === 'undoing' ? 'undoing' : 'running'
}
