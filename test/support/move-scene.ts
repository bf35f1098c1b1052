// A shop in a file with everything that a copy must handle, and the database that it is copied to.

import { createHash } from 'node:crypto'
import { copyFileSync, existsSync, mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test as plainTest } from 'vitest'
import { askServer } from './ask-server.js'
import { opened } from './cli.js'
import { csv, line } from './lines.js'
import { recount } from './recount.js'
import { makeDatabase, type ServerEngine } from './servers.js'
import { Shop } from './shop.js'

/** Quotes, backslashes, placeholders, wildcards, letters of four bytes, and control characters. */
export const ODD = `O'Hara "Ännä" \\ \\n %_ $1 ? {} 😀 \u0001\u001b[31m\u007f\t\u2028 end`

/** @returns the path of a database that is made once, to be copied for each test */
export async function makeFile(make: (shop: Shop) => Promise<void>): Promise<string> {
  const path = join(mkdtempSync(join(tmpdir(), 'orderctl-move-')), 'made.sqlite')
  const shop = new Shop()
  try {
    await make(shop)
    shop.sqlite.pragma('wal_checkpoint(truncate)')
    copyFileSync(shop.path, path)
    return path
  } finally {
    await shop.close()
  }
}

/** Expects one of the exit codes. */
export async function done(shop: Shop, environment: Record<string, string>, args: string[], codes = [0]) {
  const outcome = await shop.runWith(environment, ...args)
  expect(codes, `orderctl ${args.join(' ')}: ${outcome.stderr}${outcome.stdout}`).toContain(outcome.code)
  return outcome
}

export async function makeOldShop(shop: Shop): Promise<void> {
  const orders = Array.from({ length: 60 }, (_, index) => [
    line({ order: `A-${index}`, customer: `C-${index % 7}`, name: 'Zoë', sku: `S-${index % 5}`, quantity: 3 }),
    line({ order: `A-${index}`, customer: `C-${index % 7}`, name: 'Zoë', sku: 'RARE', price: '0.125' }),
  ]).flat()
  const euros = line({ order: 'E-1', currency: 'EUR', date: '2025-02-01 23:30:00', sku: 'S-9' })
  const bad = [line({ order: 'A-3', quantity: 'none' }), line({ order: 'B-1', price: '1,2,3' }), line({ order: 'A-4' })]
  const web = shop.file('web.csv', csv(...orders, euros, ...bad))
  const zone = { ORDERCTL_TIME_ZONE: 'Europe/Berlin' }
  const stock = { ...zone, ORDERCTL_INITIAL_STOCK: '40' }
  await done(shop, stock, ['import', web, '--source', 'web'], [3])
  // Some are declined, and some find no stock.
  await done(shop, { ...zone, ORDERCTL_PAYMENT_SUCCESS_RATE: '0.5' }, ['work', '--drain'])
  await done(shop, zone, ['failed', 'retry', '--reason', 'declined', '--limit', '4', '--yes'])
  await done(shop, { ...zone, ORDERCTL_PAYMENT_SUCCESS_RATE: '1' }, ['work', '--drain'])
  await done(shop, zone, ['products', 'adjust', 'S-1', '+25', '--reason', `it's "odd" \\ 😀`])
  for (const task of ['snapshots', 'kpis', 'alarms']) await done(shop, zone, ['schedule', 'run', task], [0, 1])
  // These stay pending. The second import finds only duplicates, and a conflict, which the third applies.
  const orderLines = csv(
    ...Array.from({ length: 30 }, (_, index) => line({ order: `P-${index}`, sku: `S-${index % 5}` })),
  )
  await done(shop, stock, ['import', shop.file('shop.csv', orderLines), '--source', 'shop'])
  const other = orderLines.replace('P-7,C-1,Ann,S-2,Widget,1', 'P-7,C-1,Ann,S-2,Widget,2')
  await done(shop, stock, ['import', shop.file('shop.csv', other), '--source', 'shop'], [3])
  await done(shop, stock, ['import', shop.file('shop.csv', other), '--source', 'shop', '--update'])
  await done(shop, zone, ['failed', 'clear', '--limit', '1', '--reason', 'declined', '--yes'])
  const sold = String(shop.value("select reference from orders where status = 'completed' and source = 'web'"))
  await done(shop, zone, ['orders', 'refund', sold, '--amount', '0.01'])
  shop.sqlite.prepare("update orders set settled_at = 1000 where reference in (?, 'E-1')").run(sold)
  await shop.migrate()
  await recount(shop.db)
  await done(shop, zone, ['orders', 'archive', '--before', '2000-01-01', '--to', 'old.jsonl', '--yes'])
  addWhatNoCommandLeaves(shop)
  await recount(shop.db)
  await done(shop, zone, ['rebuild', '--check'])
}

/** A charge without an answer, an unfinished import, old history, and odd texts. */
function addWhatNoCommandLeaves({ sqlite: db }: Shop): void {
  db.exec(`
    update orders set status = 'payment_processing', reason = 'payment_unknown' where reference = 'P-1';
    delete from due_orders where order_id = (select id from orders where reference = 'P-1');
    insert into stock_reservations (order_id, attempt, product_id, quantity, expires_at)
      select order_id, 1, product_id, quantity, 1750000000000 from order_lines
      where order_id = (select id from orders where reference = 'P-1');
    update products set reserved = reserved + 1 where id =
      (select product_id from order_lines where order_id = (select id from orders where reference = 'P-1'));
    insert into payments (order_id, attempt, idempotency_key, amount, currency, status, unanswered, created_at, message)
      select id, 1, 'shop:P-1:1', total, currency, 'unknown', 3, 1750000000000, 'a time-out' from orders
      where reference = 'P-1';
    insert into imports (source, file, status, lease_token, lease_until, host, pid, started_at, rows, rejected,
        byte_offset, line_number, begun_sha256)
      values ('cut', '/data/cut.csv', 'reading', 'a-lease', 0, 'elsewhere', 1, 1, 5, 2, 300, 6, 'abc');
    insert into import_spoiled select max(id), 'X-1', 3 from imports;
    insert into queue_snapshots values (60000, 120000, 5, 1, 9.595494048657045, 12.345678901234567, null, 1, 2, 3, 9.867153171411399, null);
    insert or replace into alarms values
      ('odd', 1, 2, 0, 'cleared', 'nothing', 0.30000000000000004, 1e-7);
    insert into settings (name, value) values ('queue_paused', 'yes'), ('restored', '{"taken_at":5,"at":6}');
    update settings set value = '7' where name = 'settled_until';
  `)
  // Written as JSON in SQL, these take 20 MB, more than MariaDB accepts in one statement.
  const wide = db.prepare(`insert into order_changes
    select (select max(id) from imports), id, 1, 'someone', ? from orders limit 10`)
  wide.run(JSON.stringify('\\'.repeat(250_000)))
  const set = (statement: string) => db.prepare(statement).run(ODD)
  set("update customers set name = ? where customer_id = 'C-2'")
  set("update products set name = ? where sku = 'S-2'")
  set("update orders set message = ? where reference = 'A-5'")
  set("update payments set message = ?, gateway_reference = '' where order_id = 2")
  set("update schedule_runs set message = ? where task = 'kpis'")
  set("update alarms set message = ? where name = 'odd'")
  set("update imports set file = ? where source = 'cut'")
  const aside = db.prepare('insert into import_asides select max(id), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, null from imports')
  for (const [at, reference] of ['a', 'B', 'Ä', '😀', `it's \\`].entries())
    aside.run(at + 2, reference, 'C-2', ODD, '2025-01-15T10:00:00Z', 'JPY', 'S-2', ODD, 9007199254740991, 12345)
  set(
    `insert into events (order_id, destination, number, token, kind, attempt, message, occurred_at, amount, state, next_at)
     select min(id), 'url', 1, 'token', 'completed', 1, ?, 1, 2, 'waiting', 3 from orders`,
  )
  db.exec("insert into payment_references (reference, order_id) select 'ch_1', min(id) from orders")
  set(
    `insert into refunds (order_id, number, customer_id, idempotency_key, amount, currency, status, restock, message, created_at)
     select id, 1, customer_id, 'a key', 1, currency, 'declined', 0, ?, 1 from orders where status = 'completed' limit 1`,
  )
}

export function hashOf(databasePath: string): string {
  const files = [databasePath, `${databasePath}-wal`].filter((path) => existsSync(path))
  return files.map((path) => createHash('sha256').update(readFileSync(path)).digest('hex')).join()
}

type Row = Record<string, unknown>

export type ServerDatabase = Awaited<ReturnType<typeof newDatabase>>

export async function newDatabase(engine: ServerEngine) {
  const url = await makeDatabase(engine)
  const ask = (statement: string): Promise<Row[]> => askServer(url, statement)
  const counted = async (table: string) => Number((await ask(`select count(*) as n from ${table}`))[0]?.['n'])
  return {
    name: new URL(url).pathname.slice(1),
    environment: { ORDERCTL_DATABASE_URL: url },
    ask,
    /** 0 if there is no such table. */
    count: (table: string) => counted(table).catch(() => 0),
  }
}

/** The rows of each table that is copied, as sorted text: drivers differ in the types of numbers. */
export async function rowsOf(shop: Shop, ask: (statement: string) => Promise<Row[]> | unknown[]) {
  const tables = shop.rows(`select t.name as "table", group_concat('t.' || c.name) as columns
    from sqlite_master as t join pragma_table_info(t.name) as c where t.type = 'table' and t.name not like 'sqlite_%'
      and t.name not in ('workers', 'settings', 'orderctl_migrations') group by t.name`) as Record<string, string>[]
  const rows: Record<string, string[]> = {}
  for (const { table = '', columns } of tables) {
    const found = (await ask(`select ${columns} from ${table} as t`)) as Row[]
    rows[table] = found
      .map((row) => JSON.stringify(Object.values(row).map((value) => (value === null ? null : String(value)))))
      .sort()
  }
  return rows
}

export function testOn(engine: ServerEngine) {
  return plainTest.extend<{ shop: Shop; database: ServerDatabase }>({
    shop: opened(() => new Shop()),
    // biome-ignore lint/correctness/noEmptyPattern: Vitest reads from it that the fixture needs no other.
    database: async ({}, use) => {
      await use(await newDatabase(engine))
    },
  })
}
