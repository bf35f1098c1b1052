// For tests that hold a lock which others need. On the servers alone: on SQLite, one transaction writes at a time.

import type { Transaction } from 'kysely'
import type { Schema } from '../../src/database/schema.js'
import type { EngineShop } from './engine-shop.js'
import { until } from './until.js'

type First = (trx: Transaction<Schema>) => Promise<unknown>

/**
 * Runs `second` while the first transaction is open, which commits once the second waits for it. @throws if it does not
 */
export async function whileLocked<Result>(shop: EngineShop, first: First, second: () => Promise<Result>) {
  const { result, hasWaited } = await raceTransactions(shop, first, second)
  if (!hasWaited) throw new Error('it did not wait for the other transaction')
  return result
}

/** Runs `second` while the first transaction is open. @throws if it waits for the first */
export async function withoutWaiting<Result>(shop: EngineShop, first: First, second: () => Promise<Result>) {
  const { result, hasWaited } = await raceTransactions(shop, first, second)
  if (hasWaited) throw new Error('it waited for the other transaction')
  return result
}

async function raceTransactions<Result>(shop: EngineShop, first: First, second: () => Promise<Result>) {
  let hasEnded = false
  const { running, hasWaited } = await shop.db.transaction().execute(async (trx) => {
    await first(trx)
    const running = second()
    const end = () => {
      hasEnded = true
    }
    running.then(end, end)
    await until(async () => hasEnded || (await someoneWaits(shop)))
    return { running, hasWaited: !hasEnded }
  })
  return { result: await running, hasWaited }
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
