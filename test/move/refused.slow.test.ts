// What `migrate --from` refuses: wrong arguments, files that hold no shop, and databases that are in use.

import { hostname } from 'node:os'
import SqliteDatabase from 'better-sqlite3'
import { expect } from 'vitest'
import { describeOnServers } from '../support/database-servers.js'
import { csv, line } from '../support/lines.js'
import { done, newDatabase, type ServerDatabase } from '../support/move-scene.js'
import { type Shop, test as shopTest } from '../support/shop.js'
import { until } from '../support/until.js'

const NOWHERE = { ORDERCTL_DATABASE_URL: 'postgres://shop:geheim@127.0.0.1:1/shop' }

function migrate(shop: Shop, environment: Record<string, string>, from = `sqlite:${shop.path}`) {
  return shop.jsonWith(environment, 'migrate', '--from', from)
}

function refused(exit: number, code: string, says: string, fix: string) {
  const error = { code, message: expect.stringMatching(says), fix: expect.stringMatching(fix) }
  return { code: exit, result: { error: expect.objectContaining(error) } }
}

shopTest.for([
  ['sqlite:/tmp/other.sqlite', {}, refused(2, 'bad_copy', 'is a file, too', '--from sqlite:PATH')],
  ['postgres://shop:geheim@127.0.0.1/shop', {}, refused(2, 'bad_copy', 'names no file', '--from sqlite:PATH')],
  ['orders.sqlite', NOWHERE, refused(2, 'bad_copy', 'names no file', '--from sqlite:PATH')],
  ['sqlite:', NOWHERE, refused(2, 'bad_copy', 'names no file', '--from sqlite:PATH')],
  ['sqlite://host/orders', NOWHERE, refused(2, 'bad_copy', 'names no file', '--from sqlite:PATH')],
  [undefined, NOWHERE, refused(4, 'database_unreachable', '127.0.0.1:1', 'run the command')],
] as const)(
  'migrate --from %s is refused, without showing a password',
  async ([from, environment, refusal], { shop }) => {
    const outcome = await migrate(shop, environment, from)
    expect(outcome).toEqual(refusal)
    expect(JSON.stringify(outcome)).not.toContain('geheim')
  },
)

shopTest('migrate --from is refused with --status', async ({ shop }) => {
  const outcome = await shop.jsonWith(NOWHERE, 'migrate', '--from', `sqlite:${shop.path}`, '--status')
  expect(outcome).toMatchObject({ code: 2 })
})

describeOnServers('migrate --from refuses', (engine) => {
  const test = shopTest.extend<{ server: ServerDatabase }>({
    // biome-ignore lint/correctness/noEmptyPattern: Vitest reads from it that the fixture needs no other.
    server: async ({}, use) => {
      await use(await newDatabase(engine))
    },
  })

  test('files that hold no shop of this release, and creates no tables', async ({ shop, server }) => {
    const [missing, notes] = ['missing', 'notes'].map((name) => `${shop.folder}/${name}.sqlite`)
    new SqliteDatabase(notes).exec('create table notes (text)').close()
    const text = shop.file('text.sqlite', 'this is no database, but it is longer than a header of SQLite '.repeat(100))
    for (const [path, code, says] of [
      [missing, 'database_missing', missing],
      [notes, 'database_not_ours', 'another program'],
      [text, 'database_unreadable', 'not a SQLite database'],
      [shop.folder, 'database_is_folder', shop.folder],
    ] as const) {
      const refusal = refused(2, code, String(says), '--from sqlite:PATH')
      expect(await migrate(shop, server.environment, `sqlite:${path}`)).toEqual(refusal)
    }
    shop.sqlite.exec('delete from orderctl_migrations')
    const outdated = refused(1, 'database_outdated', 'not at this release', 'sqlite:.* orderctl migrate')
    expect(await migrate(shop, server.environment)).toEqual(outdated)
    shop.sqlite.exec("insert into orderctl_migrations values (99, 'to-come', 1)")
    const newer = refused(1, 'database_newer', 'newer orderctl', 'Update orderctl')
    expect(await migrate(shop, server.environment)).toEqual(newer)
    const schema = engine === 'postgres' ? 'public' : server.name
    const tables = `select table_name from information_schema.tables where table_schema = '${schema}'`
    expect(await server.ask(tables)).toEqual([])
  })

  test('a file or a database with a live worker', async ({ shop, server }) => {
    await done(shop, server.environment, ['migrate'])
    for (const [environment, place, count] of [
      [{}, shop.path, () => Number(shop.value('select count(*) from workers'))],
      [server.environment, `127.*${server.name}`, () => server.count('workers')],
    ] as const) {
      const worker = shop.start(environment, 'work')
      await until(async () => (await count()) === 1)
      const message = `Process ${worker.child.pid} on .* works on ${place}`
      expect(await migrate(shop, server.environment)).toEqual(refused(1, 'database_in_use', message, 'Stop all'))
      worker.child.kill('SIGTERM')
      await worker.ended
    }
    expect(await migrate(shop, server.environment)).toMatchObject({ code: 0 })
  })

  test('a file that an import writes to, unless its process is gone', async ({ shop, server }) => {
    const run = { status: 'reading', host: hostname(), leaseUntil: Date.now() + 600_000 }
    const id = shop.import({ ...run, pid: process.pid })
    const inUse = refused(1, 'database_in_use', `Process ${process.pid} `, 'Stop all')
    expect(await migrate(shop, server.environment)).toEqual(inUse)
    // No process has this number.
    shop.sqlite.prepare('update imports set pid = ? where id = ?').run(2 ** 22 + 1, id)
    expect(await migrate(shop, server.environment)).toMatchObject({ code: 0 })
  })

  test('a database with orders, products or history, and leaves it as it is', async ({ shop, server }) => {
    shop.order('1')
    await done(shop, server.environment, ['migrate'])
    const rows = {
      queue_snapshots: 'insert into queue_snapshots values (0, 60000, 1, 1, null, null, null, 0, 0, 0, null, null)',
      products: "insert into products (sku, name, on_hand) values ('S-1', 'One', 0)",
    }
    for (const [table, statement] of Object.entries(rows)) {
      await server.ask(statement)
      const refusal = refused(1, 'database_not_empty', `rows in its table ${table}`, 'Name an empty database')
      expect(await migrate(shop, server.environment)).toEqual(refusal)
      await server.ask(`delete from ${table}`)
    }
    await done(shop, server.environment, ['import', shop.file('orders.csv', csv(line()))])
    expect(await migrate(shop, server.environment)).toMatchObject({ code: 1 })
    await done(shop, server.environment, ['work', '--drain'])
    const orders = await server.ask('select reference, status from orders')
    expect(orders).toEqual([{ reference: 'A-1', status: 'completed' }])
  })
})
