// Lists what people changed: the audit log, and the history of an order. Rows have the names of the JSON output.
import type { Database } from '../database/connection.js'
import { countRows } from '../database/count-rows.js'
import { isAmong } from '../database/row-source.js'
import { inSnapshot } from '../database/transaction.js'

/** Newest first. `total` also counts actions beyond the limit. */
export function listActions(db: Database, limit: number) {
  return inSnapshot(db, async (trx) => {
    const total = await countRows(trx.selectFrom('actions'))
    const actions = await trx
      .selectFrom('actions')
      .select(['at', 'command', 'subject', 'os_user', 'host', 'reason', 'details'])
      .orderBy('at', 'desc')
      .orderBy('id')
      .limit(limit)
      .execute()
    return { total, actions: actions.map((action) => ({ ...action, at: new Date(action.at) })) }
  })
}

/** What people changed about the orders, oldest first. @param ids as packIds returns them */
export async function actionsOn(db: Database, ids: string) {
  const actions = await db
    .selectFrom('action_orders')
    .innerJoin('actions', 'actions.id', 'action_orders.action_id')
    .select(['at', 'command', 'os_user', 'host', 'reason', 'details'])
    .where(isAmong(db, 'action_orders.order_id', ids))
    .orderBy('at')
    .execute()
  return actions.map((action) => ({ ...action, at: new Date(action.at) }))
}
