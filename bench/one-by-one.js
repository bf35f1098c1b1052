// The peer of `work`: the same tables and the same durability, but a transaction for each step of each order, with
// prepared statements, as a queue of one job a step would do it (without the queue, so this flatters it).
import SqliteDatabase from 'better-sqlite3'

/**
 * @param {string} path a database with pending single-line orders
 * @param {number} count how many of them to process
 * @returns {number} orders a second
 */
export function processOneByOne(path, count) {
  const db = new SqliteDatabase(path)
  db.pragma('journal_mode = WAL')
  db.pragma('synchronous = FULL')
  db.pragma('foreign_keys = ON')
  const next = db.prepare(
    "select * from orders where status = 'pending' and due_at is not null order by due_at, id limit 1",
  )
  const items = db.prepare('select product_id, quantity, total from order_lines where order_id = ?')
  const reserve = db.prepare('update products set reserved = reserved + ? where id = ? and on_hand - reserved >= ?')
  const hold = db.prepare('insert into stock_reservations values (?, 1, ?, ?, 0)')
  const move = db.prepare('update orders set status = ?, due_at = ?, settled_at = ? where id = ?')
  const intend = db.prepare(
    "insert into payments (order_id, attempt, idempotency_key, amount, currency, status, created_at) values (?, 1, ?, ?, ?, 'pending', 0)",
  )
  const capture = db.prepare("update payments set status = 'captured' where order_id = ?")
  const commit = db.prepare('update products set reserved = reserved - ?, on_hand = on_hand - ? where id = ?')
  const sell = db.prepare(
    'insert into sales_by_customer values (?, ?, ?, 1, ?) on conflict do update set orders = orders + 1, revenue = revenue + excluded.revenue',
  )
  const sold = db.prepare(
    'insert into sales_by_product values (?, ?, ?, 1, ?, ?) on conflict do update set orders = orders + 1, units = units + excluded.units, revenue = revenue + excluded.revenue',
  )

  const began = performance.now()
  for (let done = 0; done < count; done++) {
    const order = next.get()
    const lines = items.all(order.id)
    db.transaction(() => {
      for (const line of lines) {
        reserve.run(line.quantity, line.product_id, line.quantity)
        hold.run(order.id, line.product_id, line.quantity)
      }
      move.run('reserved', 0, null, order.id)
    }).immediate()
    db.transaction(() => {
      intend.run(order.id, order.reference, order.total, order.currency)
      move.run('payment_processing', 0, null, order.id)
    }).immediate()
    db.transaction(() => {
      capture.run(order.id)
      move.run('completed', null, 1, order.id)
      sell.run(order.business_day, order.currency, order.customer_id, order.total)
      for (const line of lines) {
        commit.run(line.quantity, line.quantity, line.product_id)
        sold.run(order.business_day, order.currency, line.product_id, line.quantity, line.total)
      }
    }).immediate()
  }
  const rate = count / ((performance.now() - began) / 1000)
  db.close()
  return rate
}
