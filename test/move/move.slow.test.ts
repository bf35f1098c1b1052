// A shop goes from a file to a server, and work goes on there.

import { copyFileSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { beforeAll, expect } from 'vitest'
import { describeOnServers } from '../support/database-servers.js'
import { csv, line } from '../support/lines.js'
import { done, hashOf, makeFile, makeOldShop, ODD, rowsOf, testOn } from '../support/move-scene.js'

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
    expect({ code, result }).toEqual({
      code: 0,
      result: { applied: [], current: 1, copied: { from: left, rows: total, differences: 0 } },
    })
    expect(hashOf(left)).toBe(before)
    expect(await rowsOf(shop, database.ask)).toEqual(rows)
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

  test('prints the copied rows, the differences, and the time zone to set', async ({ shop, database }) => {
    copyFileSync(old, shop.path)
    shop.sqlite.exec("update products set on_hand = on_hand + 1 where sku = 'S-1'")
    const args = ['migrate', '--from', `sqlite:${shop.path}`]
    const { stdout, stderr } = await done(shop, database.environment, args)
    expect(stdout).toMatch(new RegExp(`│ orders +│ +${shop.value('select count(*) from orders')} │`))
    expect(stderr).toMatch(/ rows copied and compared\. Next: orderctl rebuild queue/)
    expect(stderr).toContain('As in the file, 1 difference.')
    expect(stderr).toContain('set ORDERCTL_TIME_ZONE=Europe/Berlin')
    expect(await shop.runWith(database.environment, 'status')).toMatchObject({ code: 2 })
    await done(shop, { ...database.environment, ...BERLIN }, ['status'])
  })
})
