// The tables on each database, and who creates them. `npx vitest run test/database/schema.test.ts --update` writes the
// dumps next to this file again, which show what a migration changes on each database.

import { sql } from 'kysely'
import { expect } from 'vitest'
import { connect } from '../../src/database/connection.js'
import type { Engine } from '../../src/database/engine.js'
import { readDatabaseAddress } from '../../src/servers/addresses.js'
import { askServer } from '../support/ask-server.js'
import { describeOnEngines, describeOnServerEngines, EngineShop } from '../support/engine-shop.js'
import { csv, line } from '../support/lines.js'
import type { ServerEngine } from '../support/servers.js'
import { test as plainTest } from '../support/shop.js'
import { until } from '../support/until.js'

const SEARCHED_FOR = `select distinct key."table" as "from" from sqlite_master as child
  join pragma_foreign_key_list(child.name) as key
  where child.type = 'table' and not exists (select 1 from pragma_index_list(child.name) as found
    join pragma_index_info(found.name) as part where part.seqno = 0 and part.name = key."from")
  and not exists (select 1 from pragma_table_info(child.name) as part where part.name = key."from" and part.pk = 1)
  order by 1`

plainTest('no delete in a SQLite file makes a foreign key search a table', async ({ shop }) => {
  await shop.migrate()
  // No row of these is ever deleted.
  expect(shop.rows(SEARCHED_FOR)).toEqual(['actions', 'archives', 'imports'].map((from) => ({ from })))
})

describeOnEngines(
  'the tables',
  (test, engine) => {
    test('match the dump', async ({ shop, expect }) => {
      const parts = await Promise.all(DUMPS[engine].map((query) => shop.rows(query)))
      const lines = parts.map((rows) => rows.map(lineOf).sort())
      await expect(`${lines.flat().join('\n')}\n`).toMatchFileSnapshot(`schema.${engine}.txt`)
    })

    test('refuse stock that does not exist, a second capture, and a second open refund', async ({ shop }) => {
      await shop.importing(csv(line()), { ORDERCTL_INITIAL_STOCK: '5' })
      const payment = (attempt: number) => `insert into payments (order_id, attempt, idempotency_key, amount, currency,
        status, created_at) values (1, ${attempt}, 'key-${attempt}', 1000, 'USD', 'captured', 1)`
      const refund = (number: number) => `insert into refunds (order_id, number, customer_id, idempotency_key, amount,
        currency, status, restock, created_at) values (1, ${number}, 1, 'key-${number}', 10, 'USD', 'unknown', 0, 1)`
      await shop.rows('update products set reserved = 5')
      await shop.rows(payment(1))
      await shop.rows(refund(1))
      for (const statement of [
        'update products set reserved = 6',
        'update products set reserved = -1',
        'update products set on_hand = 4',
        'update products set reserved = 0, on_hand = -1',
        payment(2),
        refund(2),
      ])
        await expect(shop.rows(statement), statement).rejects.toThrow()
      expect(await shop.rows('select on_hand, reserved from products')).toEqual([{ on_hand: 5, reserved: 5 }])
    })

    test('are not created in a database of another program, which stays unchanged', async ({ newShop: shop }) => {
      await askServer(shop.databaseUrl, 'create table posts (id int)')
      const error = { code: 'database_not_ours', message: expect.stringContaining('posts') }
      const refused = await shop.json('import', shop.file('orders.csv', csv(line())))
      expect(refused).toMatchObject({ code: 1, result: { error } })
      expect(await tables(shop)).toEqual(['posts'])
    })

    test('of a newer release are not changed', async ({ shop }) => {
      await shop.rows("insert into orderctl_migrations (number, name, applied_at) values (99, 'of the future', 1)")
      const refused = await shop.json('import', shop.file('orders.csv', csv(line())))
      expect(refused).toMatchObject({ code: 1, result: { error: { code: 'database_newer' } } })
      expect(await shop.value('select count(*) from imports')).toBe(0)
    })
  },
  { concurrent: true },
)

describeOnServerEngines('a migration', (test, engine) => {
  test('by four processes at once runs once, in a database with the longest name', async ({ onTestFinished }) => {
    // 63 letters on PostgreSQL, 64 on MySQL; the name without suffix has 33.
    const shop = await EngineShop.openEmpty(engine, 'x'.repeat(30))
    onTestFinished(() => shop.close())
    expect(new URL(shop.databaseUrl).pathname.length).toBe(64)
    const ended = await Promise.all([1, 2, 3, 4].map(() => shop.start({}, 'migrate').ended))
    for (const { code, stderr } of ended) expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(await askServer(shop.databaseUrl, 'select number, name from orderctl_migrations')).toEqual([
      { number: 1, name: 'first-release' },
    ])
    const turns = await askServer(shop.databaseUrl, "select name from settings where name like 'turn%' order by name")
    expect(turns).toEqual([{ name: 'turn_imports' }, { name: 'turn_names' }, { name: 'turn_schedule' }])
  })

  test('waits for one of another process', async ({ newShop: shop }) => {
    const { take, waiting, give } = LOCKS[engine]
    const other = await connect(readDatabaseAddress(shop.databaseUrl), { connections: 1 })
    const migration = await other.connection().execute(async (holder) => {
      await sql.raw(take).execute(holder)
      const migration = shop.run('migrate')
      await until(async () => (await sql.raw(waiting).execute(holder)).rows.length > 0)
      expect(await tables(shop)).toEqual([])
      await sql.raw(give).execute(holder)
      return { ended: migration }
    })
    await other.destroy()
    expect((await migration.ended).code).toBe(0)
    expect(await tables(shop)).toContain('orders')
  })

  if (engine === 'mysql') {
    test('that was cut short starts again', async ({ shop }) => {
      // As after a kill: some tables exist, and the migration is not recorded.
      await shop.rows('delete from orderctl_migrations')
      await shop.rows('drop table queue_snapshots, schedule_runs, sales_by_product')
      await shop.rows('alter table orders drop column cleared_at')
      expect(await shop.json('status')).toMatchObject({ code: 1, result: { error: { code: 'database_missing' } } })
      await shop.importing(csv(line()))
      expect(await shop.value('select count(*) from orders where cleared_at is null')).toBe(1)
      expect(await shop.value('select count(*) from orderctl_migrations')).toBe(1)
      await shop.expectAuditClean()
    })
  }
})

/** The lock that a migration holds. */
const LOCKS: Record<ServerEngine, { readonly take: string; readonly waiting: string; readonly give: string }> = {
  postgres: {
    take: `select pg_advisory_lock(${0x6f726463})`,
    waiting:
      "select 1 from pg_locks where locktype = 'advisory' and not granted and database = (select oid from pg_database where datname = current_database())",
    give: `select pg_advisory_unlock(${0x6f726463})`,
  },
  mysql: {
    take: "select get_lock(concat('orderctl ', sha1(database())), 1)",
    waiting: "select 1 from information_schema.processlist where state = 'User lock' and db = database()",
    give: "select release_lock(concat('orderctl ', sha1(database())))",
  },
}

async function tables(shop: EngineShop): Promise<unknown[]> {
  const query = {
    sqlite: "select name from sqlite_master where type = 'table'",
    postgres: "select table_name as name from information_schema.tables where table_schema = 'public'",
    mysql: 'select table_name as name from information_schema.tables where table_schema = database()',
  }
  return (await askServer(shop.databaseUrl, query[shop.engine])).map((row) => row['name'])
}

const lineOf = (row: object) =>
  Object.values(row)
    .filter((value) => value !== null && value !== '')
    .join(' ')

const DUMPS: Record<Engine, readonly string[]> = {
  sqlite: [
    `select 'column', t.name as t, c.name as c, c.type, case when c."notnull" then 'not null' else '' end, coalesce(c.dflt_value, '')
       from sqlite_master t join pragma_table_info(t.name) c where t.type = 'table' and t.name not like 'sqlite%'`,
    `select 'index', coalesce(i.sql, i.tbl_name || ' ' || i.name || ' ' ||
         (select group_concat(c.name, ', ') from pragma_index_info(i.name) c))
       from sqlite_master i where i.type = 'index'`,
    `select 'foreign key', t.name as t, f."from", f."table", f."to"
       from sqlite_master t join pragma_foreign_key_list(t.name) f where t.type = 'table'`,
  ],
  postgres: [
    `select 'column', table_name, column_name, data_type, character_maximum_length as length, collation_name,
         case when is_nullable = 'NO' then 'not null' end as nullable, column_default, identity_generation
       from information_schema.columns where table_schema = 'public'`,
    "select 'index', tablename, indexdef from pg_indexes where schemaname = 'public'",
    `select 'constraint', conrelid::regclass::text as of, conname, pg_get_constraintdef(oid) as is
       from pg_constraint where connamespace = 'public'::regnamespace and contype <> 'n'`,
  ],
  // MariaDB gives whole numbers a width, as MySQL no longer does; how they write conditions differs, too.
  mysql: [
    `select 'column', table_name as t, column_name as c, regexp_replace(column_type, 'int\\\\([0-9]+\\\\)', 'int') as type,
         collation_name, case when is_nullable = 'NO' then 'not null' end as nullable,
         nullif(replace(column_default, '''', ''), 'NULL') as value, replace(lower(extra), ' invisible', '') as extra
       from information_schema.columns where table_schema = database()`,
    `select case when non_unique then 'index' else 'unique index' end as kind, table_name as t, index_name as i,
         group_concat(column_name order by seq_in_index) as columns
       from information_schema.statistics where table_schema = database() group by non_unique, table_name, index_name`,
    `select 'foreign key', table_name as t, column_name as c, referenced_table_name as r, referenced_column_name as rc
       from information_schema.key_column_usage where table_schema = database() and referenced_table_name is not null`,
    `select 'check', constraint_name as name from information_schema.check_constraints
       where constraint_schema = database()`,
  ],
}
