// An undo that is killed between its transactions.
import { expect } from 'vitest'
import { csv, line } from '../support/lines.js'
import { stored } from '../support/orders-file.js'
import { test } from '../support/shop.js'
import { until } from '../support/until.js'

/** Three slices. */
const ORDERS = 25_000

test('an undo that is killed at each of its steps continues, and loses nothing of other imports', async ({ shop }) => {
  await shop.importing(csv(line({ order: 'KEPT' })))
  const before = stored(shop)
  const lines = Array.from({ length: ORDERS }, (_, index) => line({ order: `O-${index}`, customer: `C-${index % 99}` }))
  await shop.importing(csv(...lines, line({ order: 'O-X', sku: 'S-X' })))
  // Every transaction of the undo renews the lease; each takes some tenths of a second.
  shop.sqlite.exec(
    `create trigger slow after update of lease_until on imports when old.lease_until > 0 begin
       select count(*) from (with recursive numbers(n) as (select 1 union all select n + 1 from numbers where n < 2000000)
         select n from numbers);
     end`,
  )
  const left = () => Number(shop.value('select (select count(*) from due_orders) + (select count(*) from orders)'))
  let kills = 0
  for (let code: number | null = null; code === null; kills += code === null ? 1 : 0) {
    const start = left()
    const { child, ended } = shop.start({}, 'import', 'undo', '2', '--yes')
    await until(() => child.exitCode !== null || left() < start)
    child.kill('SIGKILL')
    code = (await ended).code
    await shop.endLeases()
  }
  expect(kills).toBeGreaterThan(3)
  expect(stored(shop)).toEqual(before)
  expect(shop.value('select status from imports where id = 2')).toBe('undone')
  await shop.expectAuditClean()
})
