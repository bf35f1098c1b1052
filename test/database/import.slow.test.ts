// What an import stores, on every database: duplicates, and what remains after a kill or an undo. All figures are
// computed by hand; names.test.ts is about texts.

import { readFileSync } from 'node:fs'
import { expect } from 'vitest'
import { describeOnEngines, type EngineShop } from '../support/engine-shop.js'
import { csv, line } from '../support/lines.js'
import { conflictsAndRejects, importJson } from '../support/orders-file.js'
import { quickChunks, slowChunks } from '../support/slow-chunks.js'
import { until } from '../support/until.js'

describeOnEngines(
  'an import',
  (test, engine) => {
    test('counts duplicates, conflicts and bad lines, and keeps what was stored', async ({ shop }) => {
      const two = (order: string, change: Parameters<typeof line>[0] = {}) => [
        line({ order, sku: 'S-1' }),
        line({ order, sku: 'S-2', ...change }),
      ]
      const names = ['SAME', 'REORDERED', 'QUANTITY', 'PRICE', 'FEWER', 'CUSTOMER']
      await shop.importing(csv(...names.flatMap((order) => two(order))))
      const stored = () => shop.rows('select * from order_lines where order_id <= 6 order by order_id, line_number')
      const before = await stored()
      shop.file(
        'second.csv',
        csv(
          ...two('SAME'),
          ...two('REORDERED').reverse(),
          ...two('QUANTITY', { quantity: 2 }),
          ...two('PRICE', { price: '10.0001' }),
          ...two('FEWER').slice(1),
          line({ order: 'CUSTOMER', customer: 'C-9', name: 'Nobody', sku: 'S-1' }),
          line({ order: 'CUSTOMER', customer: 'C-9', name: 'Nobody', sku: 'S-9' }),
          ...two('SPOILED', { quantity: 'many' }),
          ...two('DIVIDED', { customer: 'C-8' }),
          line({ order: 'NEW', sku: 'S-3' }),
        ),
      )
      const { code, told } = await importJson(shop, 'second.csv')
      expect(code).toBe(3)
      expect(told).toMatchObject({ rows: 16, orders: 1, imported: 1, duplicates: 4, conflicts: 7, rejected: 4 })
      expect(told).toMatchObject({ products_created: 1, published: 1 })
      expect(conflictsAndRejects(told).map((row) => `${row['rejected_line']} ${row['order_id']}`)).toEqual([
        ...['13 SPOILED', '14 SPOILED', '15 DIVIDED', '16 DIVIDED'],
        ...['6 QUANTITY', '7 QUANTITY', '8 PRICE', '9 PRICE', '10 FEWER', '11 CUSTOMER', '12 CUSTOMER'],
      ])
      expect(await stored()).toEqual(before)
      // Customers and products that only those lines named are not kept.
      expect(await shop.rows('select customer_id from customers')).toEqual([{ customer_id: 'C-1' }])
      const products = await shop.rows('select sku from products order by sku')
      expect(products.map(({ sku }) => sku)).toEqual(['S-1', 'S-2', 'S-3'])
      await shop.expectAuditClean()
    })

    test('that is killed twice stores the whole file with --resume', async ({ shop }) => {
      await shop.importing(csv(...[0, 1, 2].map((index) => known(index))))
      await slowChunks(shop)
      shop.file('orders.csv', longFile())
      for (const _ of [1, 2]) {
        const before = await linesRead(shop)
        const { child, ended } = shop.start({}, 'import', 'orders.csv', '--resume')
        await until(async () => child.exitCode !== null || (await linesRead(shop)) > before)
        child.kill('SIGKILL')
        expect(await ended).toMatchObject({ code: null })
        await shop.endLeases()
      }
      await quickChunks(shop)
      const { told } = await importJson(shop, 'orders.csv', '--resume')
      const lines = { rows: LINES, imported: LINES - 8, duplicates: 2, conflicts: 4, rejected: 2 }
      expect(told).toMatchObject({ ...lines, orders: ORDERS - 4, products_created: 3, published: ORDERS - 4 })
      expect(await shop.value('select count(*) from orders')).toBe(ORDERS - 4 + 3)
      expect(await shop.value('select count(*) from order_lines')).toBe(LINES - 8 + 6)
      expect(await shop.value('select count(*) from due_orders')).toBe(ORDERS - 4 + 3)
      expect(await shop.value('select sum(total) from orders where import_id > 1')).toBe((LINES - 8) * 1000)
      const references = conflictsAndRejects(told).map((row) => row['order_id'])
      expect(references).toEqual(['O-9', 'O-9', 'O-1', 'O-1', 'O-2', 'O-2'])
      await shop.expectAuditClean()
    })

    test('with --on-error abort stores nothing', async ({ shop }) => {
      await shop.importing(csv(line({ order: 'A-1' })))
      const tables = ['orders', 'order_lines', 'customers', 'products', 'stock_adjustments', 'import_asides']
      const everything = () => Promise.all(tables.map((table) => shop.rows(`select * from ${table}`)))
      const before = await everything()
      shop.file('orders.csv', longFile())
      const { code, result } = await shop.json('import', 'orders.csv', '--on-error', 'abort')
      expect({ code, result }).toMatchObject({ code: 1, result: { error: { code: 'import_aborted' } } })
      expect(await everything()).toEqual(before)
      await shop.expectAuditClean()
    })

    if (engine !== 'sqlite') {
      test('whose transactions the server rolls back, like a drain, runs them again and does nothing twice', async ({
        shop,
      }) => {
        await shop.importing(csv(known(1)))
        await giveUpOnce(shop, [
          ['update', 'imports', "new.status = 'reading' and new.byte_offset > old.byte_offset"],
          ['update', 'imports', "new.status = 'releasing' and old.status = 'reading'"],
          ['insert', 'payments', 'true'],
          ['update', 'payments', "new.status = 'captured'"],
        ])
        const lines = [line({ order: 'O-1' }), line({ order: 'O-2' }), line({ order: 'O-3', quantity: 0 })]
        shop.file('orders.csv', csv(...lines))
        const { code, told } = await importJson(shop, 'orders.csv')
        expect(told).toMatchObject({ rows: 3, orders: 1, imported: 1, conflicts: 1, rejected: 1 })
        expect(code).toBe(3)
        expect(readFileSync(String(told.rejects_file), 'utf8').trim().split('\n')).toHaveLength(3)
        const drained = await shop.jsonWith({ ORDERCTL_PAYMENT_SUCCESS_RATE: '1' }, 'work', '--drain')
        expect(drained).toMatchObject({ code: 0, result: { processed: 2, completed: 2 } })
        expect(Math.min(...(await triesOf(shop)))).toBeGreaterThan(1)
        await shop.expectAuditClean()
      })
    }
  },
  { concurrent: true },
)

const ORDERS = 6000
const LINES = ORDERS * 2
/** So that the file has several chunks. */
const PADDING = 'ü'.repeat(120)

/** 12,000 lines in nine chunks: two lines for each order, the second far behind the first. O-9 has a bad line. */
function longFile(): string {
  return csv(
    ...Array.from({ length: LINES }, (_, index) => {
      const order = index % ORDERS
      const quantity = index === ORDERS + 9 ? 'none' : 1
      return line({ ...draftOf(order, index), quantity })
    }),
  )
}

function draftOf(order: number, index: number) {
  return { order: `O-${order}`, customer: `C-${order % 100}`, sku: `S-${index % 7}`, product: PADDING }
}

/** What an earlier import stored: O-0 as in the long file, other orders with another price. */
function known(order: number): string {
  const price = order === 0 ? '10.00' : '9.99'
  return [order, ORDERS + order].map((index) => line({ ...draftOf(order, index), price })).join('\n')
}

async function linesRead({ db }: EngineShop): Promise<number> {
  const reading = await db.selectFrom('imports').select('rows').where('status', '=', 'reading').executeTakeFirst()
  return reading?.rows ?? 0
}

type GivenUp = readonly [event: 'insert' | 'update', table: string, condition: string]

/** Makes the first change of each kind fail like a transaction that the server rolls back to end a deadlock. */
async function giveUpOnce(shop: EngineShop, changes: readonly GivenUp[]): Promise<void> {
  if (shop.engine === 'postgres') {
    await shop.rows(`create function give_up() returns trigger language plpgsql as $$ begin
      if nextval(tg_name::text::regclass) = 1 then raise exception 'given up' using errcode = '40001'; end if;
      return new; end $$`)
  }
  // A rollback keeps changes of MyISAM tables, and of sequences.
  else await shop.rows('create table tries (name varchar(64) primary key, number int) engine = myisam')
  for (const [index, [event, table, condition]] of changes.entries()) {
    const trigger = `create trigger given_up_${index} before ${event} on ${table} for each row`
    if (shop.engine === 'postgres') {
      await shop.rows(`create sequence given_up_${index}`)
      await shop.rows(`${trigger} when (${condition}) execute function give_up()`)
    } else {
      await shop.rows(`insert into tries values ('given_up_${index}', 0)`)
      await shop.rows(`${trigger} begin if ${condition} then
        update tries set number = number + 1 where name = 'given_up_${index}';
        if (select number from tries where name = 'given_up_${index}') = 1 then
          signal sqlstate '40001' set mysql_errno = 1213, message_text = 'given up';
        end if; end if; end`)
    }
  }
}

/** How often each of the changes was tried. */
async function triesOf(shop: EngineShop): Promise<number[]> {
  const tries =
    shop.engine === 'postgres'
      ? "select last_value as number from pg_sequences where sequencename like 'given_up%'"
      : 'select number from tries'
  return (await shop.rows(tries)).map((row) => Number(row['number']))
}
