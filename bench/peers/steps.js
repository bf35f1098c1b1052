// The steps of an order, each as one transaction with prepared statements, on orderctl's tables and with its
// durability. The peers in one-by-one.js and bullmq-jobs.js use them.
import SqliteDatabase from 'better-sqlite3'

/** @param {string} path a database with pending single-line orders */
export function openSteps(path) {
  const db = new SqliteDatabase(path)
  db.pragma('journal_mode = WAL')
  db.pragma('synchronous = FULL')
  db.pragma('foreign_keys = ON')
  const one = db.prepare('select * from orders where id = ?')
  const next = db.prepare(
    'select orders.* from due_orders join orders on orders.id = order_id order by due_at, order_id limit 1',
  )
  const items = db.prepare('select product_id, quantity, total from order_lines where order_id = ?')
  const reserved = db.prepare('update products set reserved = reserved + ? where id = ? and on_hand - reserved >= ?')
  const hold = db.prepare('insert into stock_reservations values (?, 1, ?, ?, 0)')
  const move = db.prepare('update orders set status = ?, settled_at = ? where id = ?')
  const leave = db.prepare('delete from due_orders where order_id = ?')
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
  return {
    next: () => next.get(),
    find: (id) => one.get(id),
    pending: (count) =>
      db.prepare("select id from orders where status = 'pending' order by id limit ?").pluck().all(count),
    reserve(order) {
      db.transaction(() => {
        for (const line of items.all(order.id)) {
          reserved.run(line.quantity, line.product_id, line.quantity)
          hold.run(order.id, line.product_id, line.quantity)
        }
        move.run('reserved', null, order.id)
      }).immediate()
    },
    intend(order) {
      db.transaction(() => {
        intend.run(order.id, order.reference, order.total, order.currency)
        move.run('payment_processing', null, order.id)
      }).immediate()
    },
    settle(order) {
      db.transaction(() => {
        capture.run(order.id)
        move.run('completed', 1, order.id)
        leave.run(order.id)
        sell.run(order.business_day, order.currency, order.customer_id, order.total)
        for (const line of items.all(order.id)) {
          commit.run(line.quantity, line.quantity, line.product_id)
          sold.run(order.business_day, order.currency, line.product_id, line.quantity, line.total)
        }
      }).immediate()
    },
    close: () => db.close(),
  }
}
