// What `migrate --from` refuses: wrong words, files that hold no shop, and databases that are in use.
import { writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import SqliteDatabase from 'better-sqlite3'
import { expect } from 'vitest'
import { type Shop, test as shopTest } from '../support/commands-shop.js'
import { describeOnServers } from '../support/database-servers.js'
import { done, newDatabase, type ServerDatabase } from '../support/move-scene.js'
import { until } from '../support/until.js'
import { csv, line } from '../support/workplace.js'

const NOWHERE = { ORDERCTL_DATABASE_URL: 'postgres://shop:geheim@127.0.0.1:1/shop' }

function migrate(shop: Shop, environment: Record<string, string>, from = `sqlite:${shop.databasePath}`) {
  return shop.jsonWith(environment, 'migrate', '--from', from)
}

function refused(exit: number, code: string, message: string, fix: string) {
  const matching = (text: string) => expect.stringMatching(text)
  const error = expect.objectContaining({ code, message: matching(message), fix: matching(fix) })
  return { code: exit, result: { error } }
}

shopTest.for([
  ['sqlite:/tmp/other.sqlite', {}, refused(2, 'bad_copy', 'is a file, too', '--from sqlite:PATH')],
  ['postgres://shop:geheim@127.0.0.1/shop', {}, refused(2, 'bad_copy', 'names no file', '--from sqlite:PATH')],
  ['orders.sqlite', NOWHERE, refused(2, 'bad_copy', 'names no file', '--from sqlite:PATH')],
  ['sqlite:', NOWHERE, refused(2, 'bad_copy', 'names no file', '--from sqlite:PATH')],
  ['sqlite://host/orders', NOWHERE, refused(2, 'bad_copy', 'names no file', '--from sqlite:PATH')],
  [undefined, NOWHERE, refused(4, 'database_unreachable', '127.0.0.1:1', 'run the command')],
] as const)('migrate --from %s is refused', async ([from, environment, refusal], { shop }) => {
  const outcome = await migrate(shop, environment, from)
  expect(outcome).toEqual(refusal)
  expect(JSON.stringify(outcome)).not.toContain('geheim')
})

shopTest('migrate --from is refused with --status', async ({ shop }) => {
  const { code } = await shop.jsonWith(NOWHERE, 'migrate', '--from', `sqlite:${shop.databasePath}`, '--status')
  expect(code).toBe(2)
})

describeOnServers('migrate --from refuses', (engine) => {
  const test = shopTest.extend<{ server: ServerDatabase }>({
    // biome-ignore lint/correctness/noEmptyPattern: Vitest reads from it that the fixture needs no other.
    server: async ({}, use) => {
      await use(await newDatabase(engine))
    },
  })

  test('files that hold no shop of this release, and makes no tables', async ({ shop, server }) => {
    const notes = `${shop.folder}/notes.sqlite`
    new SqliteDatabase(notes).exec('create table notes (text)').close()
    const text = `${shop.folder}/text.sqlite`
    writeFileSync(text, 'this is no database, but it is longer than a header of SQLite '.repeat(100))
    const missing = `${shop.folder}/missing.sqlite`
    for (const [path, code, message] of [
      [missing, 'database_missing', missing],
      [notes, 'database_not_ours', 'another program'],
      [text, 'database_unreadable', 'not a SQLite database'],
      [shop.folder, 'database_is_folder', shop.folder],
    ] as const) {
      const refusal = refused(2, code, message, '--from sqlite:PATH')
      expect(await migrate(shop, server.environment, `sqlite:${path}`)).toEqual(refusal)
    }
    shop.db.exec('delete from orderctl_migrations')
    const fix = 'ORDERCTL_DATABASE_URL=sqlite:.* orderctl migrate'
    expect(await migrate(shop, server.environment)).toEqual(refused(1, 'database_outdated', 'not at this release', fix))
    shop.db.exec("insert into orderctl_migrations values (99, 'to-come', 1)")
    expect(await migrate(shop, server.environment)).toEqual(
      refused(1, 'database_newer', 'newer orderctl', 'Update orderctl'),
    )
    const schema = engine === 'postgres' ? 'public' : server.name
    const tables = `select table_name from information_schema.tables where table_schema = '${schema}'`
    expect(await server.ask(tables)).toEqual([])
  })

  test('a file or a database on which a worker is at work', async ({ shop, server }) => {
    await done(shop, server.environment, ['migrate'])
    for (const [environment, place, count] of [
      [{}, shop.databasePath, () => Number(shop.value('select count(*) from workers'))],
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

  test('a file that an import writes to, and not one whose import was killed', async ({ shop, server }) => {
    const run = { status: 'reading', host: hostname(), leaseUntil: Date.now() + 600_000 }
    const id = shop.importRun({ ...run, pid: process.pid })
    expect(await migrate(shop, server.environment)).toEqual(
      refused(1, 'database_in_use', `Process ${process.pid} `, 'Stop all'),
    )
    // No process has this number.
    shop.db.prepare('update imports set pid = ? where id = ?').run(2 ** 22 + 1, id)
    expect(await migrate(shop, server.environment)).toMatchObject({ code: 0 })
  })

  test('a database that holds orders, products or history, and leaves it as it is', async ({ shop, server }) => {
    shop.order('1')
    await done(shop, server.environment, ['migrate'])
    const period = 'insert into queue_snapshots values (0, 60000, 1, 1, null, null, null, 0, 0, 0, null, null)'
    const product = "insert into products (sku, name, on_hand) values ('S-1', 'One', 0)"
    for (const [table, statement] of [
      ['queue_snapshots', period],
      ['products', product],
    ] as const) {
      await server.ask(statement)
      const refusal = refused(1, 'database_not_empty', `rows in its table ${table}`, 'Name an empty database')
      expect(await migrate(shop, server.environment)).toEqual(refusal)
      await server.ask(`delete from ${table}`)
    }
    await done(shop, server.environment, ['import', shop.file('orders.csv', csv(line()))])
    expect(await migrate(shop, server.environment)).toMatchObject({ code: 1 })
    await done(shop, server.environment, ['work', '--drain'])
    expect(await server.ask('select reference, status from orders')).toEqual([
      { reference: 'A-1', status: 'completed' },
    ])
  })
})
