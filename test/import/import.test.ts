// A file goes in, orders come out, and the figures add up.

import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { describe, expect, onTestFinished } from 'vitest'
import { csv, HEADER, type LineDraft, line } from '../support/lines.js'
import {
  conflictsAndRejects,
  countsOf,
  everyRow,
  importJson,
  importLines,
  moreThanABlock,
  orders,
  shell,
  stored,
} from '../support/orders-file.js'
import { type Shop, test } from '../support/shop.js'
import { until } from '../support/until.js'

describe.concurrent('an import', () => {
  const file = csv(
    line({ order: 'A-1', sku: 'S-1', quantity: 2 }),
    line({ order: 'A-1', sku: 'S-2', price: '2.50' }),
    line({ order: 'A-2', customer: 'C-2', name: 'Bob' }),
    line({ order: 'A-3', currency: 'eur', date: '2025-01-15T23:30:00-05:00' }),
  )

  test('stores orders, lines and products with their initial stock, and reports counts under --json', async ({
    shop,
  }) => {
    const path = shop.file('orders.csv', file)
    const outcome = await shop.jsonWith({ ORDERCTL_INITIAL_STOCK: '7' }, 'import', 'orders.csv')
    expect(outcome).toEqual({
      code: 0,
      result: {
        import_id: '1',
        file: path,
        source: 'default',
        database: shop.databaseUrl,
        mapping: 'orderctl',
        rows: 4,
        orders: 3,
        imported: 4,
        updated: 0,
        duplicates: 0,
        conflicts: 0,
        rejected: 0,
        skipped: 0,
        skipped_reasons: {},
        without_sku: 0,
        products_created: 2,
        published: 3,
        seconds: expect.any(Number),
        rejects_file: null,
        rejections: null,
        conflicting_orders: [],
        dry_run: false,
        interrupted: false,
      },
    })
    const ten = '2025-01-15T10:00:00'
    expect(stored(shop)).toMatchObject({
      orders: [
        { reference: 'A-1', customer_id: 'C-1', total: 2250, currency: 'USD', ordered_at: ten, due: 1 },
        { reference: 'A-2', customer_id: 'C-2', total: 1000, business_day: '2025-01-15', due: 1 },
        { reference: 'A-3', currency: 'EUR', ordered_at: '2025-01-16T04:30:00Z', business_day: '2025-01-16' },
      ],
      products: [
        { sku: 'S-1', on_hand: 7, reserved: 0 },
        { sku: 'S-2', on_hand: 7, reserved: 0 },
      ],
    })
    const adjustment = { delta: 7, reason: 'created by import 1' }
    expect(shop.rows('select delta, reason from stock_adjustments')).toEqual([adjustment, adjustment])
  })

  test('prints counts as a table, and the next step on stderr', async ({ shop }) => {
    shop.file('orders.csv', file)
    const { code, stdout, stderr } = await shop.run('import', 'orders.csv')
    expect(code).toBe(0)
    expect(stdout).toMatch(/Lines read +4\n/)
    expect(stdout).toMatch(/Imported +4\n/)
    expect(stdout).toMatch(/New orders +3\n/)
    expect(stderr).toMatch(
      /^orderctl, UTF-8, comma, USD, EUR, 2025-01-15\.\.16\nDone: 3 orders into .* \(source default\) in .*\. Next: orderctl work --drain\n$/,
    )
    expect(stderr).toContain(` into ${shop.path} (`)
  })

  test.for([`${HEADER}\n`, HEADER])('of a header alone succeeds without orders: %j', async (header, { shop }) => {
    shop.file('orders.csv', header)
    const { code, told } = await importJson(shop, 'orders.csv')
    expect({ code, ...told }).toMatchObject({ code: 0, rows: 0, orders: 0, published: 0 })
    expect((await shop.run('import', 'orders.csv')).stderr).toMatch(
      /^orderctl, UTF-8, comma\nDone: no new orders into .* \(source default\) in .*\.\n$/,
    )
  })

  test('joins lines of one order, next to each other and blocks apart', async ({ shop }) => {
    const filler = moreThanABlock('F')
    const { told } = await importLines(
      shop,
      line({ order: 'NEAR' }),
      line({ order: 'NEAR', sku: 'S-2', price: '2.50' }),
      line({ order: 'FAR', sku: 'S-1', quantity: 2 }),
      ...filler,
      line({ order: 'FAR', sku: 'S-2', price: '0.99' }),
    )
    expect(told).toMatchObject({ rows: filler.length + 4, orders: filler.length + 2, imported: filler.length + 4 })
    expect(orders(shop, "reference in ('NEAR', 'FAR')")).toEqual([
      ['NEAR', 'C-1', 1250, 'USD'],
      ['FAR', 'C-1', 2099, 'USD'],
    ])
    const lines = shop.rows(
      "select line_number from order_lines join orders on orders.id = order_id where reference = 'FAR' order by 1",
    )
    expect(lines).toEqual([{ line_number: 4 }, { line_number: filler.length + 5 }])
  })

  test('rounds each line once, half up, and adds the lines up to the total of the order', async ({ shop }) => {
    const { code } = await importLines(
      shop,
      line({ order: 'CENT', quantity: 3, price: '0.0025' }), // 0.0075 -> 0.01
      line({ order: 'TWICE', quantity: 3, price: '0.0025' }),
      line({ order: 'TWICE', quantity: 3, price: '0.0025' }), // 0.01 + 0.01, not 0.015
      line({ order: 'LESS', quantity: 1, price: '0.0049' }), // 0.00
      line({ order: 'YEN', quantity: 3, price: '10.5', currency: 'JPY' }), // 31.5 -> 32
      line({ order: 'FILS', quantity: 1, price: '1.2345', currency: 'BHD' }), // 1.2345 -> 1.235
      line({ order: 'DIME', quantity: 3, price: '0.1' }),
      line({ order: 'BIG', quantity: 3, price: '999999.9999' }), // 2,999,999.9997 -> 3,000,000.00
    )
    expect(code).toBe(0)
    expect(orders(shop)).toEqual([
      ['CENT', 'C-1', 1, 'USD'],
      ['TWICE', 'C-1', 2, 'USD'],
      ['LESS', 'C-1', 0, 'USD'],
      ['YEN', 'C-1', 32, 'JPY'],
      ['FILS', 'C-1', 1235, 'BHD'],
      ['DIME', 'C-1', 30, 'USD'],
      ['BIG', 'C-1', 300_000_000, 'USD'],
    ])
  })
})

describe.concurrent('a second import', () => {
  test('of the same file changes nothing: all its lines are duplicates', async ({ shop }) => {
    const twice = line({ order: 'TWICE' })
    const lines = [twice, twice, line({ order: 'FAR' }), ...moreThanABlock('F'), line({ order: 'FAR', sku: 'S-2' })]
    await importLines(shop, ...lines)
    const before = everyRow(shop)
    const { code, told } = await importLines(shop, ...lines)
    const none = { orders: 0, imported: 0, conflicts: 0, rejected: 0, products_created: 0, published: 0 }
    expect({ code, ...countsOf(told) }).toEqual({ code: 0, rows: lines.length, duplicates: lines.length, ...none })
    expect(everyRow(shop)).toEqual(before)
  })

  test('leaves orders whose content differs as they were stored, and reports them as conflicts', async ({ shop }) => {
    /** An order of two lines: changed in its second line, or in both. */
    const two = (order: string, change: LineDraft = {}, both: LineDraft = {}) => [
      line({ order, sku: 'S-1', ...both }),
      line({ order, sku: 'S-2', ...both, ...change }),
    ]
    const stays = ['SAME', 'NAMES', 'REORDERED']
    const differs = ['QUANTITY', 'PRICE', 'SKU', 'MORE', 'FEWER', 'CUSTOMER', 'DATE', 'CURRENCY']
    await importLines(shop, ...[...stays, ...differs].flatMap((order) => two(order)))
    const before = stored(shop)
    const changed = [
      ...two('QUANTITY', { quantity: 2 }),
      ...two('PRICE', { price: '10.0001' }),
      ...two('SKU', { sku: 'S-3' }),
      ...two('MORE'),
      line({ order: 'MORE', sku: 'S-2' }),
      ...two('FEWER').slice(1),
      ...two('CUSTOMER', {}, { customer: 'C-9' }),
      ...two('DATE', {}, { date: '2025-01-15 10:00:01' }),
      ...two('CURRENCY', {}, { currency: 'EUR' }),
    ]
    const names = two('NAMES', {}, { name: 'Anna', product: 'Gadget' })
    const same = [...two('SAME'), ...names, ...two('REORDERED').reverse()]
    const { code, told } = await importLines(shop, ...same, ...changed)
    const counts = { rows: 22, orders: 0, imported: 0, duplicates: 6, conflicts: 16, rejected: 0 }
    expect({ code, ...told }).toMatchObject({ code: 3, ...counts })
    const rejects = conflictsAndRejects(told)
    expect(rejects.map((row) => row['rejected_line'])).toEqual(changed.map((_, index) => String(index + 8)))
    for (const row of rejects) expect(row['rejected_reason']).toMatch(`order ${row['order_id']} is already stored`)
    // Customers and products that only the conflicts name are not kept.
    expect(stored(shop)).toEqual(before)
  })

  test('from another source has order ids of its own', async ({ shop }) => {
    shop.file('orders.csv', csv(line({ order: '#1001' })))
    await importJson(shop, 'orders.csv', '--source', 'web')
    const { told } = await importJson(shop, 'orders.csv', '--source', 'till')
    expect(told).toMatchObject({ source: 'till', orders: 1, duplicates: 0, products_created: 0 })
    expect(shop.rows('select source, reference from orders order by id')).toEqual([
      { source: 'web', reference: '#1001' },
      { source: 'till', reference: '#1001' },
    ])
  })
})

/** An import that reads from a pipe, to which the test writes. */
async function importFromPipe(shop: Shop) {
  const path = join(shop.folder, 'pipe')
  const importing = shell(shop, 'mkfifo pipe; exec "$@" < pipe', 'import', '-', '--json')
  onTestFinished(() => void importing.child.kill('SIGKILL'))
  await until(() => existsSync(path))
  return { ...importing, input: await open(path, 'w') }
}

test('orders fall due when their import ends, not before', async ({ shop }) => {
  const { input, ended } = await importFromPipe(shop)
  const filler = [...moreThanABlock('F'), ...moreThanABlock('G')]
  await input.write(csv(...filler))
  await until(() => Number(shop.value('select count(*) from orders')) > 1000)
  expect(await shop.json('work', '--drain')).toMatchObject({ code: 0, result: { processed: 0 } })
  await input.write(`${line({ order: 'LAST' })}\n`)
  await input.close()
  const { code, stdout } = await ended
  const all = filler.length + 1
  expect({ code, ...JSON.parse(stdout) }).toMatchObject({ code: 0, rows: all, published: all })
  expect(shop.value("select count(*) from due_orders join orders on id = order_id where status = 'pending'")).toBe(all)
})

test('Ctrl-C ends an import that waits for a silent pipe', async ({ shop }) => {
  const { child, input, ended } = await importFromPipe(shop)
  await input.write(csv(line()))
  await until(() => shop.value('select count(*) from imports') === 1)
  child.kill('SIGINT')
  const { code, stdout } = await ended
  await input.close()
  expect({ code, ...JSON.parse(stdout) }).toMatchObject({ code: 130, interrupted: true, published: 0 })
})

test('a second Ctrl-C ends an import at once, and says how to continue', async ({ shop }) => {
  shop.file('orders.csv', csv(line()))
  const silent = createServer()
  const connected = once(silent, 'connection')
  silent.listen(0, '127.0.0.1')
  await once(silent, 'listening')
  const queue = `redis://127.0.0.1:${(silent.address() as AddressInfo).port}`
  const { child, ended } = shop.start({ ORDERCTL_QUEUE_URL: queue }, 'import', 'orders.csv')
  let told = ''
  child.stderr?.on('data', (text) => {
    told += text
  })
  const [socket] = (await connected) as [Socket]
  child.kill('SIGINT')
  await until(() => told.includes('Finishing'))
  child.kill('SIGINT')
  expect(await ended).toMatchObject({
    code: 130,
    stderr: expect.stringContaining('Ended at once. To continue, run the same command with --resume.'),
  })
  socket.destroy()
  silent.close()
})

test('a chunk is not stored without the cursor after it', async ({ shop }) => {
  const path = shop.file(
    'orders.csv',
    csv(line({ order: 'A-1' }), line({ order: 'A-2' }), line({ order: 'A-3', quantity: 'many' })),
  )
  const fails = "begin select raise(abort, 'killed'); end"
  shop.sqlite.exec(`create trigger fails before update of byte_offset on imports ${fails}`)
  const failed = await shop.run('import', path)
  expect(failed).toMatchObject({ code: 1, stderr: expect.stringContaining('killed') })
  for (const table of ['orders', 'order_lines', 'customers', 'products', 'stock_adjustments'])
    expect(shop.value(`select count(*) from ${table}`), table).toBe(0)
  const rejects_file = join(shop.folder, 'orders.rejects.csv')
  expect(existsSync(rejects_file)).toBe(false)
  shop.sqlite.exec('drop trigger fails')
  const { told } = await importJson(shop, path)
  expect(told).toMatchObject({ rows: 3, imported: 2, rejected: 1, duplicates: 0, published: 2, rejects_file })
})

test('an import that fills the disk stops, and --resume stores the rest', async ({ shop }) => {
  const filler = [...moreThanABlock('F'), ...moreThanABlock('G'), ...moreThanABlock('H')]
  shop.file('orders.csv', csv(...filler))
  // The largest file that a process may write, in KiB, stands in for the disk.
  const limited = 'trap "" XFSZ; ulimit -f 600; exec "$@"'
  const full = await shell(shop, limited, 'import', 'orders.csv', '--json').ended
  expect(full).toMatchObject({ code: 1, stdout: '' })
  const message = expect.stringContaining(shop.path)
  expect(JSON.parse(full.stderr)).toMatchObject({ error: { code: 'disk_full', message, retryable: true } })
  expect(shop.value('select count(*) from due_orders')).toBe(0)

  await shop.endLeases()
  const count = filler.length
  const { told } = await importJson(shop, 'orders.csv', '--resume')
  expect(told).toMatchObject({ rows: count, imported: count, published: count })
  expect(orders(shop)).toHaveLength(count)
})
