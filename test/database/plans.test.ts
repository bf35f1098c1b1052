// A batch must never read the whole queue, even if the server's statistics are wrong.

import { CompiledQuery } from 'kysely'
import { expect } from 'vitest'
import { isAmong } from '../../src/database/row-source.js'
import type { OrderId } from '../../src/domain/ids.js'
import { describeOnServerEngines, type EngineShop } from '../support/engine-shop.js'

const ROWS = 20_000

describeOnServerEngines('a queue that was small when the server last analyzed it', (test) => {
  test('is searched by the primary key', async ({ shop }) => {
    await fill(shop, 1)
    // The last row stays, so the table keeps its pages, and its statistics say one row.
    await shop.rows(`delete from due_orders where order_id < ${ROWS}`)
    await shop.rows(shop.engine === 'postgres' ? 'vacuum analyze due_orders' : 'analyze table due_orders')
    await fill(shop, ROWS + 1)

    const ids = Array.from({ length: 2000 }, (_, index) => ROWS + 1 + index)
    const isOurs = isAmong(shop.db, 'order_id', ids)
    const statements = [
      shop.db.selectFrom('due_orders').where(isOurs).select('due_at'),
      shop.db.updateTable('due_orders').set({ due_at: 2 }).where(isOurs),
      shop.db.deleteFrom('due_orders').where(isOurs),
    ]
    for (const statement of statements) await expectByKey(shop, statement.compile())
  })
})

async function fill({ db }: EngineShop, first: number): Promise<void> {
  const rows = Array.from({ length: ROWS }, (_, index) => ({ order_id: (first + index) as OrderId, due_at: 1 }))
  await db.insertInto('due_orders').values(rows).execute()
}

async function expectByKey({ db, engine }: EngineShop, { sql, parameters }: CompiledQuery): Promise<void> {
  const explained = await db.executeQuery<Record<string, unknown>>(CompiledQuery.raw(`explain ${sql}`, [...parameters]))
  const plan = explained.rows
  if (engine === 'postgres') {
    const text = plan.map((row) => row['QUERY PLAN']).join('\n')
    expect(text).toMatch(/using due_orders_pkey|on due_orders_pkey/)
    expect(text).not.toMatch(/Seq Scan on due_orders|due_orders_due_at/)
  } else {
    expect(plan.find((row) => row['table'] === 'due_orders')).toMatchObject({ type: 'eq_ref', key: 'PRIMARY' })
  }
}
