// Disks that are full, databases that are not ours: nothing is lost, and the way on is named.
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import SqliteDatabase from 'better-sqlite3'
import { describe, expect } from 'vitest'
import { importJson, moreThanABlock, orders, shell, stored } from '../support/orders-file.js'
import { csv, line, test, type Workplace } from '../support/workplace.js'
import { expectRefusal, type Refusal } from './refusal.js'

describe.concurrent('a place that cannot be written', () => {
  test('stops an import at its first bad line; --resume goes on', async ({ place }) => {
    place.file('orders.csv', csv(line({ order: 'A-1' }), line({ order: 'A-2', quantity: 0 })))
    await expectRefusal(place, ['orders.csv', '--rejects', 'none/rejects.csv'], {
      exit: 1,
      code: 'rejects_unwritable',
      says: /none\/rejects\.csv \(ENOENT\)/,
      fix: '--resume',
    })
    mkdirSync(join(place.folder, 'none'))
    const { code, told } = await importJson(place, 'orders.csv', '--rejects', 'none/rejects.csv', '--resume')
    expect({ code, ...told }).toMatchObject({ code: 3, rows: 2, imported: 1, rejected: 1, published: 1 })
  })

  test('a full disk stops it with what was committed safe; --resume goes on', async ({ place }) => {
    const filler = [...moreThanABlock('F'), ...moreThanABlock('G'), ...moreThanABlock('H')]
    place.file('orders.csv', csv(...filler))
    // The largest file that a process may write, in KiB, stands in for the disk.
    const limited = 'trap "" XFSZ; ulimit -f 600; exec "$@"'
    const full = await shell(place, limited, 'import', 'orders.csv', '--json').ended
    expect(full).toMatchObject({ code: 1, stderr: '' })
    expect(JSON.parse(full.stdout)).toMatchObject({
      error: { code: 'disk_full', message: expect.stringContaining(place.databasePath), retryable: true },
    })
    expect(place.value('select count(*) from due_orders')).toBe(0)

    expect((await importJson(place, 'orders.csv', '--resume')).told).toMatchObject({
      rows: filler.length,
      imported: filler.length,
      published: filler.length,
    })
    expect(orders(place)).toHaveLength(filler.length)
  })
})

describe.concurrent('a database that is not ours to use', () => {
  const refuse = async (place: Workplace, url: string, refusal: Refusal) => {
    place.file('orders.csv', csv(line()))
    await expectRefusal(place, ['orders.csv'], { exit: 1, environment: { ORDERCTL_DATABASE_URL: url }, ...refusal })
  }

  test('another program’s tables stay as they are', async ({ place }) => {
    const path = join(place.folder, 'notes.sqlite')
    const notes = new SqliteDatabase(path)
    notes.exec("create table notes (text); insert into notes values ('mine')")
    notes.close()
    const before = readFileSync(path)
    await refuse(place, `sqlite:${path}`, {
      code: 'database_not_ours',
      says: /notes\.sqlite.*tables notes/,
      fix: 'another one',
    })
    expect(readFileSync(path).equals(before)).toBe(true)
  })

  test('a newer release’s database is left to the newer release', async ({ place }) => {
    place.file('orders.csv', csv(line()))
    await importJson(place, 'orders.csv')
    place.db.exec("insert into orderctl_migrations values (999, 'from-the-future', 0)")
    await refuse(place, `sqlite:${place.databasePath}`, {
      code: 'database_newer',
      says: /newer orderctl.*999/,
      fix: 'Update orderctl',
    })
  })

  test('a text file', async ({ place }) => {
    const path = place.file('notes.txt', 'Dear diary, this is no database. '.repeat(200))
    await refuse(place, `sqlite:${path}`, {
      code: 'database_unreadable',
      says: /notes\.txt is not a SQLite database/,
      fix: 'another file',
    })
    expect(readFileSync(path, 'utf8')).toMatch(/^Dear diary/)
  })

  test('a folder', async ({ place }) => {
    await refuse(place, `sqlite:${place.folder}`, {
      code: 'database_is_folder',
      says: 'is a folder',
      fix: 'Name a file',
    })
  })

  test('a file below a file', async ({ place }) => {
    const path = place.file('file', '')
    await refuse(place, `sqlite:${path}/orders.sqlite`, {
      code: 'database_unwritable',
      says: /file\/orders\.sqlite/,
      fix: 'permissions',
    })
  })

  test('one that another process holds for longer than the patience lasts', async ({ place }) => {
    place.file('orders.csv', csv(line()))
    await importJson(place, 'orders.csv')
    place.file('more.csv', csv(line({ order: 'A-2' })))
    const before = stored(place)
    place.db.exec('begin exclusive')
    // In a process of its own: SQLite waits without the event loop.
    const { code, result } = await place.startJson({}, 'import', 'more.csv')
    place.db.exec('rollback')
    expect({ code, result }).toMatchObject({
      code: 1,
      result: {
        error: { code: 'database_locked', message: expect.stringContaining(place.databasePath), retryable: true },
      },
    })
    expect(stored(place)).toEqual(before)
    expect((await importJson(place, 'more.csv')).told).toMatchObject({ orders: 1 })
  })
})
