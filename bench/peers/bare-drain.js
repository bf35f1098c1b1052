// The limit for `work --drain`: the statements that the workflow must run, and nothing else. One thread in a process of
// its own, statements prepared once, batches and durability like orderctl's, but no queue, threads, heartbeats, gateway
// or lease to renew: every charge is captured at once.
import { execFile } from 'node:child_process'
import { copyFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import SqliteDatabase from 'better-sqlite3'

const program = fileURLToPath(import.meta.url)

/**
 * @param {{ database: string, folder: string }} options an imported database, which is copied into the folder
 * @returns the seconds of the whole process, as for the drain that it is compared with
 */
export async function bareDrain({ database, folder }) {
  const copy = join(folder, 'bare-drain.sqlite')
  const remove = () => ['', '-wal', '-shm'].map((suffix) => rmSync(copy + suffix, { force: true }))
  remove()
  copyFileSync(database, copy)
  const began = performance.now()
  await promisify(execFile)(process.execPath, [program, copy])
  const seconds = (performance.now() - began) / 1000
  remove()
  return seconds
}

const BATCH = 2000
const AHEAD = 10 * BATCH
const IDS = '(select value from json_each(@ids))'

/** @param {string} path */
function drain(path) {
  const db = new SqliteDatabase(path)
  for (const pragma of ['journal_mode = WAL', 'synchronous = FULL', 'foreign_keys = ON']) db.pragma(pragma)
  db.pragma('wal_autocheckpoint = 4096')
  db.pragma('cache_size = -32768')
  const due = db.prepare('select order_id from due_orders order by due_at, order_id limit ?').pluck()
  const run = (...texts) => {
    const statements = texts.map((text) => db.prepare(text))
    return db.transaction((values) => statements.map((statement) => statement.run(values))).immediate
  }
  const claim = run(
    `update due_orders set lease_token = 'bare-drain', due_at = @now, claims = claims + 1 where order_id in ${IDS}`,
    `update orders set status = 'payment_processing' where id in ${IDS}`,
    `insert into payments (order_id, attempt, idempotency_key, amount, currency, status, created_at)
     select id, attempt, 'shop:' || source || ':' || reference || ':' || attempt, total, currency, 'pending', @now
     from orders where id in ${IDS}`,
    `insert into stock_reservations (order_id, attempt, product_id, quantity, expires_at)
     select order_id, 1, product_id, sum(quantity), @now from order_lines where order_id in ${IDS} group by 1, 3`,
    `update products set reserved = reserved + held.units from (
       select product_id, sum(quantity) as units from order_lines where order_id in ${IDS} group by 1
     ) as held where id = held.product_id`,
  )
  const settle = run(
    `update payments set status = 'captured', gateway_reference = 'sim_' || idempotency_key, answered_at = @now
     where order_id in ${IDS} and attempt = 1`,
    `update orders set status = 'completed', settled_at = @now where id in ${IDS}`,
    `delete from due_orders where order_id in ${IDS} and lease_token = 'bare-drain'`,
    `insert into sales_by_customer
     select business_day, currency, customer_id, count(*), sum(total) from orders where id in ${IDS} group by 1, 2, 3
     on conflict do update set orders = orders + excluded.orders, revenue = revenue + excluded.revenue`,
    `insert into sales_by_product
     select business_day, currency, product_id, count(distinct orders.id), sum(quantity), sum(order_lines.total)
     from orders join order_lines on order_id = orders.id where orders.id in ${IDS} group by 1, 2, 3
     on conflict do update set
       orders = orders + excluded.orders, units = units + excluded.units, revenue = revenue + excluded.revenue`,
    `update products set on_hand = on_hand - sold.units, reserved = reserved - sold.units from (
       select product_id, sum(quantity) as units from order_lines where order_id in ${IDS} group by 1
     ) as sold where id = sold.product_id`,
  )
  for (let ids = due.all(AHEAD); ids.length > 0; ids = due.all(AHEAD)) {
    for (let at = 0; at < ids.length; at += BATCH) {
      const values = { ids: JSON.stringify(ids.slice(at, at + BATCH)), now: Date.now() }
      claim(values)
      settle(values)
    }
  }
  db.close()
}

if (process.argv[1] === program) drain(process.argv[2])
