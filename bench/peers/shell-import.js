// The peer of `import`: the sqlite3 shell reads the file into a staging table and fills the same tables from it, with
// the same indexes, foreign keys and durability. It checks no value, and a crash leaves nothing to resume.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const binary = fileURLToPath(new URL('../../bin/run.js', import.meta.url))

const COLUMNS =
  'order_id, customer_id, customer_name, product_sku, product_name, quantity, unit_price, currency, order_date'

/** Prices have two decimals, as writeOrders writes them. Their fourth digit behind the point is PRICE_DECIMALS. */
const pipeline = (file) => `
pragma synchronous = FULL;
pragma foreign_keys = ON;
pragma wal_autocheckpoint = 4096;
pragma cache_size = -32768;
create temp table staging (${COLUMNS});
.import --csv --skip 1 --schema temp '${file}' staging
begin immediate;
insert into imports (source, file, status, lease_token, lease_until, host, pid, started_at)
  values ('default', 'shell', 'reading', '', 0, '', 0, 0);
insert into customers (source, customer_id, name, import_id)
  select 'default', customer_id, customer_name, 1 from staging group by customer_id;
insert into products (sku, name, import_id, on_hand)
  select product_sku, product_name, 1, 100 from staging group by product_sku;
insert into stock_adjustments (product_id, delta, reason, adjusted_at) select id, on_hand, 'shell', 0 from products;
insert into orders (import_id, source, reference, customer_id, currency, total, ordered_at, business_day)
  select 1, 'default', order_id, customers.id, currency, sum(cast(round(unit_price * 100) as integer) * quantity),
    replace(order_date, ' ', 'T'), substr(order_date, 1, 10)
  from staging join customers using (customer_id) group by order_id;
insert into order_lines (order_id, line_number, product_id, quantity, total, unit_price)
  select orders.id, staging.rowid + 1, products.id, quantity, cast(round(staging.unit_price * 100) as integer) * quantity,
    cast(round(staging.unit_price * 10000) as integer)
  from staging join orders on source = 'default' and reference = order_id join products on sku = product_sku;
insert into customer_orders (customer_id, order_id) select customer_id, id from orders order by customer_id, id;
insert into due_orders (order_id, due_at) select id, 0 from orders;
commit;
`

/**
 * Imports the file of `writeOrders` into a new database in the folder.
 *
 * @param {string} file @param {string} folder
 * @returns the seconds, without those to create the tables; undefined if the shell is not installed
 */
export async function importByShell(file, folder) {
  if (spawnSync('sqlite3', ['--version']).error) return undefined
  const database = join(folder, 'shell.sqlite')
  const env = { ...process.env, ORDERCTL_DATABASE_URL: `sqlite:${database}` }
  ended(spawnSync(process.execPath, [binary, 'migrate'], { env, encoding: 'utf8' }))
  const began = performance.now()
  ended(spawnSync('sqlite3', ['-bail', database], { input: pipeline(file), encoding: 'utf8' }))
  return (performance.now() - began) / 1000
}

function ended({ status, stderr }) {
  if (status !== 0) throw new Error(`The peer's import failed: ${stderr}`)
}
