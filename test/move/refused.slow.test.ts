// What is no copy: wrong words, a file that is none of ours, and databases that somebody works on.
import { writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import SqliteDatabase from 'better-sqlite3'
import { describe, expect } from 'vitest'
import { type Shop, test as shopTest } from '../support/commands-shop.js'
import { describeOnServers } from '../support/database-servers.js'
import { done } from '../support/move-scene.js'
import { newDatabase, type ServerDatabase } from '../support/server-database.js'
import { until } from '../support/until.js'
import { csv, line } from '../support/workplace.js'

const NOWHERE = { ORDERCTL_DATABASE_URL: 'postgres://shop:geheim@127.0.0.1:1/shop' }

function refused(code: string, message: RegExp | string, fix: RegExp | string) {
  const matching = (text: RegExp | string) => expect.stringMatching(text)
  return { error: expect.objectContaining({ code, message: matching(message), fix: matching(fix) }) }
}

describe.concurrent('migrate --from is told what cannot be meant', () => {
  shopTest('file to file', async ({ shop }) => {
    expect(await shop.json('migrate', '--from', 'sqlite:/tmp/other.sqlite')).toEqual({
      code: 2,
      result: refused('bad_copy', 'is a file, too', '--from sqlite:PATH'),
    })
  })

  shopTest.for(['postgres://shop:geheim@127.0.0.1/shop', 'orders.sqlite', 'sqlite:'])(
    'from %s',
    async (from, { shop }) => {
      for (const environment of [NOWHERE, {}]) {
        const { code, result } = await shop.jsonWith(environment, 'migrate', '--from', from)
        expect({ code, result }).toEqual({
          code: 2,
          result: refused('bad_copy', 'names no file', '--from sqlite:PATH'),
        })
        expect(JSON.stringify(result)).not.toContain('geheim')
      }
    },
  )

  shopTest('with --status', async ({ shop }) => {
    const { code } = await shop.jsonWith(NOWHERE, 'migrate', '--from', `sqlite:${shop.databasePath}`, '--status')
    expect(code).toBe(2)
  })

  shopTest('to a server that is away', async ({ shop }) => {
    const { code, result } = await shop.jsonWith(NOWHERE, 'migrate', '--from', `sqlite:${shop.databasePath}`)
    expect({ code, result }).toEqual({
      code: 4,
      result: refused('database_unreachable', '127.0.0.1:1', 'run the command'),
    })
  })
})

describeOnServers('migrate --from refuses', (engine) => {
  const test = shopTest.extend<{ server: ServerDatabase }>({
    // biome-ignore lint/correctness/noEmptyPattern: Vitest reads from it that the fixture needs no other.
    server: async ({}, use) => {
      await use(await newDatabase(engine))
    },
  })

  const migrate = (shop: Shop, environment: Record<string, string>, path = shop.databasePath) =>
    shop.jsonWith(environment, 'migrate', '--from', `sqlite:${path}`)

  test('files that hold no shop of this release, and leaves the new database empty', async ({ shop, server }) => {
    const missing = `${shop.folder}/missing.sqlite`
    const notes = `${shop.folder}/notes.sqlite`
    const other = new SqliteDatabase(notes)
    other.exec('create table notes (text)')
    other.close()
    const text = `${shop.folder}/text.sqlite`
    writeFileSync(text, 'this is no database, but it is longer than a header of SQLite '.repeat(100))
    const name = '--from sqlite:PATH'
    const cases = [
      [missing, 2, refused('database_missing', missing, name)],
      [notes, 2, refused('database_not_ours', 'another program', name)],
      [text, 2, refused('database_unreadable', 'no SQLite database', name)],
      [shop.folder, 2, refused('database_is_folder', shop.folder, name)],
    ] as const
    for (const [path, code, result] of cases) {
      expect(await migrate(shop, server.environment, path), path).toEqual({ code, result })
    }
    shop.db.exec('delete from orderctl_migrations')
    expect(await migrate(shop, server.environment)).toEqual({
      code: 1,
      result: refused('database_outdated', 'not at this release', `ORDERCTL_DATABASE_URL=sqlite:.* orderctl migrate`),
    })
    shop.db.exec("insert into orderctl_migrations values (99, 'to-come', 1)")
    expect(await migrate(shop, server.environment)).toEqual({
      code: 1,
      result: refused('database_newer', 'newer orderctl', 'Update orderctl'),
    })
    const tables = engine === 'postgres' ? `schemaname = 'public'` : `schemaname = '${server.name}'`
    const catalogue =
      engine === 'postgres'
        ? 'pg_tables'
        : '(select table_schema as schemaname, table_name from information_schema.tables) as all_tables'
    expect(await server.ask(`select * from ${catalogue} where ${tables}`)).toEqual([])
  })

  test('a file at which a worker is at work, until it has gone', async ({ shop, server }) => {
    const worker = shop.start({}, 'work')
    await until(async () => shop.value('select count(*) from workers') === 1)
    expect(await migrate(shop, server.environment)).toEqual({
      code: 1,
      result: refused('database_in_use', `Process ${worker.child.pid} on .* works on ${shop.databasePath}`, 'Stop all'),
    })
    worker.child.kill('SIGTERM')
    await worker.ended
    expect(await migrate(shop, server.environment)).toMatchObject({ code: 0 })
  })

  test('a file that an import writes to, and not one whose import was cut off', async ({ shop, server }) => {
    const run = { status: 'reading', host: hostname(), leaseUntil: Date.now() + 600_000 }
    const id = shop.importRun({ ...run, pid: process.pid })
    expect(await migrate(shop, server.environment)).toEqual({
      code: 1,
      result: refused('database_in_use', `Process ${process.pid} `, 'Stop all'),
    })
    // No process has this number.
    shop.db.prepare('update imports set pid = ? where id = ?').run(2 ** 22 + 1, id)
    expect(await migrate(shop, server.environment)).toMatchObject({ code: 0 })
  })

  test('a database that holds orders, products or history, or that a worker waits at', async ({ shop, server }) => {
    shop.order('1')
    await done(shop, server.environment, ['migrate'])
    const period = 'insert into queue_snapshots values (0, 60000, 1, 1, null, null, null, 0, 0, 0, null, null)'
    const product = "insert into products (sku, name, on_hand) values ('S-1', 'One', 0)"
    for (const [table, statement] of [
      ['queue_snapshots', period],
      ['products', product],
    ] as const) {
      await server.ask(statement)
      expect(await migrate(shop, server.environment)).toEqual({
        code: 1,
        result: refused('database_not_empty', `rows in its table ${table}`, 'Name an empty database'),
      })
      await server.ask(`delete from ${table}`)
    }

    const worker = shop.start(server.environment, 'work')
    await until(async () => (await server.count('workers')) === 1)
    expect(await migrate(shop, server.environment)).toEqual({
      code: 1,
      result: refused('database_in_use', `works on 127.*${server.name}`, 'Stop all'),
    })
    worker.child.kill('SIGTERM')
    await worker.ended

    await done(shop, server.environment, ['import', shop.file('orders.csv', csv(line()))])
    expect(await migrate(shop, server.environment)).toEqual({
      code: 1,
      result: refused('database_not_empty', 'rows in its table imports', 'Name an empty database'),
    })
    // It is as usable as before.
    await done(shop, server.environment, ['work', '--drain'])
    expect(await server.ask('select reference, status from orders')).toEqual([
      { reference: 'A-1', status: 'completed' },
    ])
  })
})
