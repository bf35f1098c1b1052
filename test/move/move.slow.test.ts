// A shop goes from a file to a server, and work goes on there.
import { copyFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect } from 'vitest'
import { describeOnServers } from '../support/database-servers.js'
import { done, hashOf, MadeFile, makeOldShop, ODD, rowsOf, testOn } from '../support/move-scene.js'
import { csv, line } from '../support/workplace.js'

let old: MadeFile
beforeAll(async () => {
  old = await MadeFile.from(makeOldShop)
})
afterAll(() => old.remove())

const BERLIN = { ORDERCTL_TIME_ZONE: 'Europe/Berlin' }

describeOnServers('migrate --from', (engine) => {
  const test = testOn(engine)

  test('copies every row, writes nothing to the file, and numbers go on', async ({ place, database }) => {
    old.copyTo(place)
    const server = { ...BERLIN, ...database.environment }
    // Left by a killed process: part of it is only in the write-ahead log.
    place.db.pragma('wal_autocheckpoint = 0')
    place.db.prepare("update customers set name = ? where customer_id = 'C-3'").run(ODD)
    const left = join(place.folder, 'left.sqlite')
    for (const part of ['', '-wal']) copyFileSync(`${place.databasePath}${part}`, `${left}${part}`)
    expect(statSync(`${left}-wal`).size).toBeGreaterThan(0)
    const before = hashOf(left)

    const { code, result } = await place.jsonWith(server, 'migrate', '--from', `sqlite:${left}`)

    const rows = await rowsOf(place, (statement) => place.rows(statement))
    for (const [table, { length }] of Object.entries(rows)) expect(length, table).toBeGreaterThan(0)
    const total = Object.values(rows).reduce((sum, { length }) => sum + length, 0)
    expect({ code, result }).toEqual({
      code: 0,
      result: { applied: [], current: 1, copied: { from: left, rows: total, differences: 0 } },
    })
    expect(hashOf(left)).toBe(before)
    expect(await rowsOf(place, database.ask)).toEqual(rows)
    expect(rows['customers']?.filter((row) => row.includes(JSON.stringify(ODD)))).toHaveLength(2)
    await done(place, server, ['rebuild', '--check'])

    // It was paused, and is.
    expect(await place.jsonWith(server, 'status')).toMatchObject({ result: { queue: { paused: true } } })
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
    expect(orders).toEqual([
      { id: latest + 1, reference: 'N-1', status: 'completed' },
      { id: latest + 2, reference: 'N-2', status: 'completed' },
    ])
    expect(await database.ask("select id from orders where status = 'pending'")).toEqual([])
    await done(place, server, ['rebuild', '--check'])

    // On a server no foreign keys keep a customer whose orders are there.
    await database.ask("delete from customers where customer_id = 'C-NEW'")
    const { stdout } = await done(place, server, ['rebuild', '--check'], [6])
    expect(stdout).toMatch(/references.*N-1/)
  })

  test('says how many rows each table has, and which time zone the days are in', async ({ place, database }) => {
    old.copyTo(place)
    const args = ['migrate', '--from', `sqlite:${place.databasePath}`]
    const { stdout, stderr } = await done(place, database.environment, args)
    const orders = place.value('select count(*) from orders')
    expect(stdout).toMatch(new RegExp(`│ orders +│ +${orders} │`))
    expect(stderr).toMatch(/ rows copied and compared\. Next: orderctl rebuild queue/)
    expect(stderr).toContain('set ORDERCTL_TIME_ZONE=Europe/Berlin')
    expect(await place.runWith(database.environment, 'status')).toMatchObject({ code: 2 })
    await done(place, { ...database.environment, ...BERLIN }, ['status'])
  })

  test('tells of figures that differ in the file', async ({ place, database }) => {
    old.copyTo(place)
    place.db.exec("update products set on_hand = on_hand + 1 where sku = 'S-1'")
    const args = ['migrate', '--from', `sqlite:${place.databasePath}`]
    const { stderr } = await done(place, { ...database.environment, ...BERLIN }, args)
    expect(stderr).toContain('As in the file, 1 difference.')
  })
})
