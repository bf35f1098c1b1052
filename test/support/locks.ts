// For tests that hold a lock which others need.

import type { Transaction } from 'kysely'
import type { Schema } from '../../src/database/schema.js'
import type { EngineShop } from './engine-shop.js'
import { until } from './until.js'

/** Starts `second` while the first transaction is open, and commits the first once the second waits for it. */
export async function whileInHand<Result>(
  shop: EngineShop,
  first: (trx: Transaction<Schema>) => Promise<unknown>,
  second: () => Promise<Result>,
): Promise<Result> {
  const { done } = await shop.db.transaction().execute(async (trx) => {
    await first(trx)
    const done = second()
    await until(() => someoneWaits(shop))
    return { done }
  })
  return done
}

/** Whether a transaction in the shop's database waits for a lock of another. */
function someoneWaits(shop: EngineShop): Promise<boolean> {
  return shop.engine === 'postgres' ? someoneWaitsOnPostgres(shop) : someoneWaitsOnMysql(shop)
}

async function someoneWaitsOnPostgres(shop: EngineShop): Promise<boolean> {
  const waiting = "select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
  return (await shop.rows(waiting)).length > 0
}

/** From the engine's report: innodb_trx is a copy that is not refreshed while it is polled. */
async function someoneWaitsOnMysql(shop: EngineShop): Promise<boolean> {
  const [report] = await shop.rows('show engine innodb status')
  const waiting = [...String(report?.['Status']).matchAll(/LOCK WAIT[\s\S]*?thread id (\d+)/g)].map(([, id]) => id)
  const ours = await shop.rows('select id from information_schema.processlist where db = database()')
  return ours.some((row) => waiting.includes(String(row['id'] ?? row['ID'])))
}

/** Runs `second` while the first transaction is open. @throws if it waits for the first */
export async function besideInHand<Result>(
  shop: EngineShop,
  first: (trx: Transaction<Schema>) => Promise<unknown>,
  second: () => Promise<Result>,
): Promise<Result> {
  let ended = false
  const { done, waited } = await shop.db.transaction().execute(async (trx) => {
    await first(trx)
    const done = second()
    const end = () => {
      ended = true
    }
    done.then(end, end)
    await until(async () => ended || (await someoneWaits(shop)))
    return { done, waited: !ended }
  })
  const result = await done
  if (waited) throw new Error('it waited for the other transaction')
  return result
}
