// On a server no foreign keys keep what belongs together; the audit tells where it does not.
import { expect } from 'vitest'
import { describeOnServers } from '../support/database-servers.js'
import { done, testOn } from '../support/move-scene.js'
import { csv, line } from '../support/workplace.js'

interface Checked {
  readonly checks: readonly { name: string; ok: boolean; differences: number; examples: readonly string[] }[]
}

describeOnServers('rebuild --check', (engine) => {
  const test = testOn(engine)

  test('finds orders, lines, reservations and payments that lack what they name', async ({ place, database }) => {
    const { environment } = database
    const orders = csv(...['A-1', 'A-2', 'A-3', 'A-4'].map((order) => line({ order, customer: order, sku: order })))
    await done(place, environment, ['import', place.file('orders.csv', orders)])
    await done(place, { ...environment, ORDERCTL_PAYMENT_SUCCESS_RATE: '1' }, ['work', '--drain'])
    const failures = async () => {
      const { code, result } = await place.jsonWith(environment, 'rebuild', '--check')
      const failed = (result as Checked).checks.filter(({ ok }) => !ok)
      return { code, failed: failed.map(({ name, differences, examples }) => [name, differences, ...examples]) }
    }
    expect(await failures()).toEqual({ code: 0, failed: [] })

    const id = async (reference: string) =>
      Number((await database.ask(`select id from orders where reference = '${reference}'`))[0]?.['id'])
    await database.ask("delete from customers where customer_id = 'A-1'")
    expect(await failures()).toEqual({ code: 6, failed: [['references', 1, 'A-1']] })
    await database.ask(`update orders set import_id = 99 where id = ${await id('A-2')}`)
    expect(await failures()).toEqual({ code: 6, failed: [['references', 2, 'A-1', 'A-2']] })
    // Its line, its reservation and its payment stay behind; what it sold does, too.
    const gone = await id('A-3')
    await database.ask(`delete from orders where id = ${gone}`)
    expect((await failures()).failed[0]).toEqual(['references', 5, 'A-1', 'A-2', `#${gone}`])
    await database.ask("delete from products where sku = 'A-4'")
    expect((await failures()).failed[0]).toEqual(['references', 7, 'A-1', 'A-2', `#${gone}`, 'A-4'])
  })
})
