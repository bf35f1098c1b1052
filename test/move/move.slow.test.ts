// A shop goes from a file to a server: all of it, and it goes on there as if nothing had been.
import { copyFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect } from 'vitest'
import { describeOnServers } from '../support/database-servers.js'
import { done, hashOf, MadeFile, makeOldShop, ODD, testOn } from '../support/move-scene.js'
import { rowsInFile, rowsOnServer } from '../support/server-database.js'
import { csv, line, type Workplace } from '../support/workplace.js'

let old: MadeFile
beforeAll(async () => {
  old = await MadeFile.from(makeOldShop)
})
afterAll(() => old.remove())

const BERLIN = { ORDERCTL_TIME_ZONE: 'Europe/Berlin' }

/** What people read, save how long something has taken until now. */
const REPORTS = [
  ['kpis', 'daily', '--date', '2025-01-15'],
  ['kpis', 'range', '--from', '2025-01-01', '--to', '2025-03-01'],
  ['leaderboard', 'customers'],
  ['leaderboard', 'products'],
  ['orders', 'list'],
  ['products', 'list'],
  ['failed', 'list'],
  ['status'],
]

async function reports(place: Workplace, environment: Record<string, string>): Promise<unknown[]> {
  const told: unknown[] = []
  for (const args of REPORTS) told.push(withoutAges((await place.jsonWith(environment, ...args)).result))
  return told
}

/** What differs at any two moments, and the address of the database. */
function withoutAges(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutAges)
  if (typeof value !== 'object' || value === null) return value
  const ofTheMoment = 'crossed' in value ? /message|value/ : /seconds|_at$|workers|database|rate/
  const kept = Object.entries(value).filter(([name]) => !ofTheMoment.test(name))
  return Object.fromEntries(kept.map(([name, inner]) => [name, withoutAges(inner)]))
}

describeOnServers('a shop is moved', (engine) => {
  const test = testOn(engine)

  test('row by row, and goes on with the next number', async ({ place, database }) => {
    old.copyTo(place)
    const server = { ...BERLIN, ...database.environment }
    // Not all of it is in the file itself: the log beside it belongs to it.
    place.db.pragma('wal_autocheckpoint = 0')
    place.db.prepare("update customers set name = ? where customer_id = 'C-3'").run(ODD)
    expect(statSync(`${place.databasePath}-wal`).size).toBeGreaterThan(0)
    const before = hashOf(place.databasePath)

    const { code, result } = await place.jsonWith(server, 'migrate', '--from', `sqlite:${place.databasePath}`)

    const rows = rowsInFile(place)
    for (const [table, { length }] of Object.entries(rows)) expect(length, table).toBeGreaterThan(0)
    const total = Object.values(rows).reduce((sum, { length }) => sum + length, 0)
    expect({ code, result }).toEqual({
      code: 0,
      result: {
        applied: [],
        current: 1,
        copied: { from: place.databasePath, rows: total, same_figures: true, differences: 0 },
      },
    })
    expect(hashOf(place.databasePath)).toBe(before)
    expect(await rowsOnServer(place, database)).toEqual(rows)
    expect(rows['customers']?.filter((row) => row.includes(ODD))).toHaveLength(2)

    for (const environment of [BERLIN, server]) await done(place, environment, ['rebuild', '--check'])
    expect(await reports(place, server)).toEqual(await reports(place, BERLIN))

    // It was paused, and is.
    await done(place, server, ['queue', 'resume'])
    const latest = Number((await database.ask('select max(id) as id from orders'))[0]?.['id'])
    const more = csv(
      line({ order: 'N-1', customer: 'C-NEW', sku: 'S-NEW' }),
      line({ order: 'N-2', customer: 'C-2', name: 'Ann', sku: 'S-1' }),
      line({ order: 'P-2', sku: 'S-2' }),
    )
    await done(place, server, ['import', place.file('more.csv', more), '--source', 'shop'])
    await done(place, { ...server, ORDERCTL_PAYMENT_SUCCESS_RATE: '1' }, ['work', '--drain'])
    await done(place, server, ['products', 'adjust', 'S-1', '+1', '--reason', 'found'])
    const orders = await database.ask(`select id, reference, status from orders where id > ${latest} order by id`)
    expect(orders.map((row) => ({ ...row, id: Number(row['id']) }))).toEqual([
      { id: latest + 1, reference: 'N-1', status: 'completed' },
      { id: latest + 2, reference: 'N-2', status: 'completed' },
    ])
    const waiting = await database.ask("select count(*) as n from orders where status = 'pending'")
    expect(Number(waiting[0]?.['n'])).toBe(0)
    await done(place, server, ['rebuild', '--check'])
  })

  test('a file stays as a killed process has left it', async ({ place, database }) => {
    old.copyTo(place)
    place.db.pragma('wal_autocheckpoint = 0')
    place.db.exec("update customers set name = 'Anna' where customer_id = 'C-3'")
    // Whoever closes a database writes its log back into the file, unless it was killed.
    const left = join(place.folder, 'left.sqlite')
    for (const part of ['', '-wal']) copyFileSync(`${place.databasePath}${part}`, `${left}${part}`)
    const before = hashOf(left)
    const { stdout, stderr } = await done(place, database.environment, ['migrate', '--from', `sqlite:${left}`])
    expect(hashOf(left)).toBe(before)
    expect(statSync(`${left}-wal`).size).toBeGreaterThan(0)
    expect(await database.ask("select name from customers where customer_id = 'C-3'")).toEqual([{ name: 'Anna' }])
    expect(stdout).toMatch(/stock_on_hand +│ +(\d+) │ +\1/)
    expect(stderr).toContain('tell the same figures. Next: orderctl rebuild queue')
    // The copy keeps the days of the shop, whatever this process would have begun with.
    expect(stderr).toContain('set ORDERCTL_TIME_ZONE=Europe/Berlin')
    expect(await place.runWith(database.environment, 'status')).toMatchObject({ code: 2 })
    await done(place, { ...database.environment, ...BERLIN }, ['status'])
  })
})
