// For tests that hold a lock which others need. On the servers alone: on SQLite, one transaction writes at a time.

import type { Transaction } from 'kysely'
import type { Schema } from '../../src/database/schema.js'
import type { EngineShop } from './engine-shop.js'
import { until } from './until.js'

type First = (trx: Transaction<Schema>) => Promise<unknown>

/**
 * Runs `second` while the first transaction is open, which commits once the second waits for it or has ended.
 *
 * @param last what the first transaction does before it commits
 * @throws unless it waits, or does not, as expected
 */
export async function whileLocked<Result>(
  shop: EngineShop,
  first: First,
  second: () => Promise<Result>,
  { waits = true, last }: { readonly waits?: boolean; readonly last?: First } = {},
) {
  let hasEnded = false
  const { running, hasWaited } = await shop.db.transaction().execute(async (trx) => {
    await first(trx)
    const running = second()
    const end = () => {
      hasEnded = true
    }
    running.then(end, end)
    await until(async () => hasEnded || (await someoneWaits(shop)))
    const hasWaited = !hasEnded
    await last?.(trx)
    return { running, hasWaited }
  })
  const result = await running
  if (hasWaited !== waits) throw new Error(`it ${waits ? 'did not wait' : 'waited'} for the other transaction`)
  return result
}

/** Whether a transaction in the shop's database waits for a lock of another. */
async function someoneWaits(shop: EngineShop): Promise<boolean> {
  if (shop.engine === 'postgres') {
    const waiting = "select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
    return (await shop.rows(waiting)).length > 0
  }
  // InnoDB's report: the table innodb_trx is a copy that is not refreshed while it is polled.
  const [report] = await shop.rows('show engine innodb status')
  const waiting = [...String(report?.['Status']).matchAll(/LOCK WAIT[\s\S]*?thread id (\d+)/g)].map(([, id]) => id)
  const ours = await shop.rows('select id from information_schema.processlist where db = database()')
  return ours.some((row) => waiting.includes(String(row['id'] ?? row['ID'])))
}
