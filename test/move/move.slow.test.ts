// A shop moves from a file to a server, where work goes on; and what `migrate --from` refuses.

import { copyFileSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import SqliteDatabase from 'better-sqlite3'
import { beforeAll, expect } from 'vitest'
import { failuresOf } from '../support/doctor.js'
import { csv, line } from '../support/lines.js'
import { done, hashOf, makeFile, makeOldShop, newDatabase, ODD, rowsOf, testOn } from '../support/move-scene.js'
import { describeOnServers } from '../support/servers.js'
import { type Shop, test as shopTest } from '../support/shop.js'
import { until } from '../support/until.js'

let old: string
beforeAll(async () => {
  old = await makeFile(makeOldShop)
  return () => rmSync(dirname(old), { recursive: true })
})

const BERLIN = { ORDERCTL_TIME_ZONE: 'Europe/Berlin' }

describeOnServers('migrate --from', (engine) => {
  const test = testOn(engine)

  test('copies every row without writing to the file, and work goes on in the copy', async ({ shop, database }) => {
    copyFileSync(old, shop.path)
    const server = { ...BERLIN, ...database.environment }
    // Left by a killed process: part of it is only in the write-ahead log.
    shop.sqlite.pragma('wal_autocheckpoint = 0')
    shop.sqlite.prepare("update customers set name = ? where customer_id = 'C-3'").run(ODD)
    const left = join(shop.folder, 'left.sqlite')
    for (const part of ['', '-wal']) copyFileSync(`${shop.path}${part}`, `${left}${part}`)
    expect(statSync(`${left}-wal`).size).toBeGreaterThan(0)
    const before = hashOf(left)

    const { code, result } = await shop.jsonWith(server, 'migrate', '--from', `sqlite:${left}`)

    const rows = await rowsOf(shop, (statement) => shop.rows(statement))
    for (const [table, { length }] of Object.entries(rows)) expect(length, table).toBeGreaterThan(0)
    const total = Object.values(rows).reduce((sum, { length }) => sum + length, 0)
    const copied = { from: left, rows: total, differences: 0 }
    expect({ code, result }).toEqual({ code: 0, result: { applied: [], current: 1, copied } })
    expect(hashOf(left)).toBe(before)
    expect(await rowsOf(shop, database.ask)).toEqual(rows)
    const kept = "select name, value from settings where name in ('restored', 'settled_until') order by name"
    expect(await database.ask(kept)).toEqual(shop.rows(kept))
    expect(rows['customers']?.filter((row) => row.includes(JSON.stringify(ODD)))).toHaveLength(2)
    await done(shop, server, ['rebuild', '--check'])

    // The queue is paused as it was.
    expect(await shop.jsonWith(server, 'status')).toMatchObject({ result: { queue: { paused: true } } })
    await done(shop, server, ['queue', 'resume'])
    const latest = Number((await database.ask('select max(id) as id from orders'))[0]?.['id'])
    const more = csv(
      line({ order: 'N-1', customer: 'C-NEW', sku: 'S-NEW' }),
      line({ order: 'N-2', customer: 'C-2', name: 'Ann', sku: 'S-1' }),
      line({ order: 'P-2', sku: 'S-2' }),
    )
    await done(shop, server, ['import', shop.file('more.csv', more), '--source', 'shop'])
    await done(shop, { ...server, ORDERCTL_PAYMENT_SUCCESS_RATE: '1' }, ['work', '--drain'])
    await done(shop, server, ['products', 'adjust', 'S-1', '+1', '--reason', 'found'])
    const orders = await database.ask(`select id, reference, status from orders where id > ${latest} order by id`)
    expect(orders).toEqual([
      { id: latest + 1, reference: 'N-1', status: 'completed' },
      { id: latest + 2, reference: 'N-2', status: 'completed' },
    ])
    expect(await database.ask("select id from orders where status = 'pending'")).toEqual([])
    await done(shop, server, ['rebuild', '--check'])

    // Servers have no foreign keys, so the audit finds an order without its customer.
    await database.ask("delete from customers where customer_id = 'C-NEW'")
    const { stdout } = await done(shop, server, ['rebuild', '--check'], [6])
    expect(stdout).toMatch(/references.*N-1/)
  })

  test('keeps the identity; a file that is a copy of another stays one', async ({ shop, database }) => {
    await shop.migrate()
    const { environment } = database
    await done(shop, environment, ['migrate', '--from', `sqlite:${shop.path}`])
    expect(await shop.jsonWith(environment, 'config')).toMatchObject({ result: { shop: shop.identity } })
    expect(await failuresOf(shop, environment)).toEqual([])

    const copy = join(shop.folder, 'copy.sqlite')
    shop.sqlite.exec(`vacuum into '${copy}'`)
    const { environment: second } = await newDatabase(engine)
    await done(shop, second, ['migrate', '--from', `sqlite:${copy}`])
    expect(await failuresOf(shop, second)).toMatchObject([{ name: 'shop' }])
    await done(shop, second, ['migrate', '--new-shop', '--yes'])
    expect(await failuresOf(shop, second)).toEqual([])
    expect(await failuresOf(shop, environment)).toEqual([])
  })

  test('prints the copied rows, the differences, and the time zone to set', async ({ shop, database }) => {
    copyFileSync(old, shop.path)
    shop.sqlite.exec("update products set on_hand = on_hand + 1 where sku = 'S-1'")
    const args = ['migrate', '--from', `sqlite:${shop.path}`]
    const { stdout, stderr } = await done(shop, database.environment, args)
    expect(stdout).toMatch(new RegExp(`orders +${shop.value('select count(*) from orders')}\n`))
    expect(stderr).toMatch(/ rows copied and compared\. Next: orderctl rebuild queue/)
    expect(stderr).toContain('The file already had 1 difference.')
    expect(stderr).toContain('Set ORDERCTL_TIME_ZONE=Europe/Berlin')
    expect(await shop.runWith(database.environment, 'status')).toMatchObject({ code: 2 })
    await done(shop, { ...database.environment, ...BERLIN }, ['status'])
  })

  test('says what ends an interrupted change of the time zone', async ({ shop, database }) => {
    copyFileSync(old, shop.path)
    shop.sqlite.exec("update settings set value = 'recalculating' where name = 'time_zone'")
    const server = { ...BERLIN, ...database.environment }
    const { stderr } = await done(shop, server, ['migrate', '--from', `sqlite:${shop.path}`])
    expect(stderr).toMatch(/Next: orderctl rebuild\n/)
    expect(stderr).toContain('The rebuild ends it, in Europe/Berlin.')
    expect(stderr).not.toContain('recalculating')
    expect(await shop.runWith(server, 'status')).toMatchObject({ code: 2 })
    await done(shop, server, ['rebuild'])
    await done(shop, server, ['status'])
  })
})

function migrate(shop: Shop, environment: Record<string, string>, from = `sqlite:${shop.path}`, ...flags: string[]) {
  return shop.jsonWith(environment, 'migrate', '--from', from, ...flags)
}

function refused(exit: number, code: string, says: string, fix: string) {
  const error = { code, message: expect.stringMatching(says), fix: expect.stringMatching(fix) }
  return { code: exit, result: { error: expect.objectContaining(error) } }
}

const DATABASE = { ORDERCTL_DATABASE_URL: 'postgres://shop:geheim@127.0.0.1:1/shop' }

shopTest.for([
  [['sqlite:/tmp/other.sqlite'], {}, refused(2, 'bad_copy', 'Cannot copy to a file', 'sqlite:PATH')],
  [['postgres://shop:geheim@127.0.0.1/shop'], {}, refused(2, 'bad_copy', 'not a SQLite database', 'sqlite:PATH')],
  [['orders.sqlite'], DATABASE, refused(2, 'bad_copy', 'not a SQLite database', 'sqlite:PATH')],
  [['sqlite://host/orders'], DATABASE, refused(2, 'bad_copy', 'not a SQLite database', 'sqlite:PATH')],
  [[undefined, '--status'], DATABASE, refused(2, 'usage', 'status', '--help')],
  [[undefined], DATABASE, refused(4, 'database_unreachable', '127.0.0.1:1', 'run the command')],
] as const)('migrate --from %s is refused', async ([args, environment, refusal], { shop }) => {
  const outcome = await migrate(shop, environment, ...args)
  expect(outcome).toEqual(refusal)
  expect(JSON.stringify(outcome)).not.toContain('geheim')
})

describeOnServers('migrate --from refuses', (engine) => {
  const test = testOn(engine)

  test('files that hold no shop of this release, and creates no tables', async ({ shop, database }) => {
    await shop.migrate()
    const [missing, notes] = ['missing', 'notes'].map((name) => `${shop.folder}/${name}.sqlite`)
    new SqliteDatabase(notes).exec('create table notes (text)').close()
    const text = shop.file('text.sqlite', 'this is no database, but it is longer than a header of SQLite '.repeat(100))
    for (const [path, code, says] of [
      [missing, 'database_missing', missing],
      [notes, 'database_not_ours', 'another program'],
      [text, 'database_unreadable', 'not a SQLite database'],
      [shop.folder, 'database_is_folder', shop.folder],
    ] as const) {
      const refusal = refused(2, code, String(says), 'sqlite:PATH')
      expect(await migrate(shop, database.environment, `sqlite:${path}`)).toEqual(refusal)
    }
    shop.sqlite.exec('delete from orderctl_migrations')
    const outdated = refused(1, 'database_outdated', 'not been migrated to this release', 'sqlite:.* orderctl migrate')
    expect(await migrate(shop, database.environment)).toEqual(outdated)
    shop.sqlite.exec("insert into orderctl_migrations values (99, 'to-come', 1)")
    const newer = refused(1, 'database_newer', 'newer orderctl', 'Update orderctl')
    expect(await migrate(shop, database.environment)).toEqual(newer)
    await expect(database.ask('select id from orders')).rejects.toThrow()
  })

  test('a file or a database in use by a live worker, and a file in use by a live import', async ({
    shop,
    database,
  }) => {
    await shop.migrate()
    await done(shop, database.environment, ['migrate'])
    for (const [environment, place, count] of [
      [{}, shop.path, () => Number(shop.value('select count(*) from workers'))],
      [database.environment, `127.*${database.name}`, () => database.count('workers')],
    ] as const) {
      const worker = shop.start(environment, 'work')
      await until(async () => (await count()) === 1)
      const message = `Process ${worker.child.pid} on .* uses ${place}`
      expect(await migrate(shop, database.environment)).toEqual(refused(1, 'database_in_use', message, 'Stop all'))
      worker.child.kill('SIGTERM')
      await worker.ended
    }
    shop.import({ status: 'reading', pid: process.pid, leaseUntil: Date.now() + 60_000 })
    const inUse = refused(1, 'database_in_use', `Process ${process.pid} `, 'Stop all')
    expect(await migrate(shop, database.environment)).toEqual(inUse)
    await shop.endLeases()
    expect(await migrate(shop, database.environment)).toMatchObject({ code: 0 })
  })

  test('a database with orders, products or history, and leaves it as it is', async ({ shop, database }) => {
    await shop.migrate()
    await done(shop, database.environment, ['migrate'])
    const rows = {
      queue_snapshots: 'insert into queue_snapshots values (0, 60000, 1, 1, null, null, null, 0, 0, 0, null, null)',
      products: "insert into products (sku, name, on_hand) values ('S-1', 'One', 0)",
    }
    for (const [table, statement] of Object.entries(rows)) {
      await database.ask(statement)
      const refusal = refused(1, 'database_not_empty', `its table ${table} has rows`, 'an empty database')
      expect(await migrate(shop, database.environment)).toEqual(refusal)
      await database.ask(`delete from ${table}`)
    }
    await done(shop, database.environment, ['import', shop.file('orders.csv', csv(line()))])
    expect(await migrate(shop, database.environment)).toMatchObject({ code: 1 })
    await done(shop, database.environment, ['work', '--drain'])
    const orders = await database.ask('select reference, status from orders')
    expect(orders).toEqual([{ reference: 'A-1', status: 'completed' }])
  })
})
