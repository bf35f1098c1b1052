// Several files in one command: an import each, and a summary.
import { existsSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, onTestFinished } from 'vitest'
import { BINARY } from '../support/cli.js'
import { csv, line } from '../support/lines.js'
import { moreThanABlock, shell } from '../support/orders-file.js'
import { PseudoTerminal } from '../support/pseudo-terminal.js'
import { type Shop, test } from '../support/shop.js'
import { until } from '../support/until.js'

function writeFiles(shop: Shop): void {
  shop.file('monday.csv', csv(line({ order: 'M-1' }), line({ order: 'M-2' })))
  shop.file('tuesday.csv', csv(line({ order: 'M-1' }), line({ order: 'T-1' }), line({ order: 'T-2', quantity: 0 })))
  shop.file('wednesday.csv', 'not,orders\n1,2\n')
  shop.file('thursday.csv', csv(line({ order: 'H-1' })))
}

const WEEK = ['monday.csv', 'tuesday.csv', 'wednesday.csv', 'thursday.csv']

describe('several files', () => {
  test('are imported in order, each by itself; one that fails does not stop the others', async ({ shop }) => {
    writeFiles(shop)
    const { code, stdout, stderr } = await shop.run('import', ...WEEK)
    expect(code).toBe(2)
    expect(stdout).toMatchInlineSnapshot(`
      "File           Orders  Duplicates  Conflicts  Rejected  State
      ─────────────  ──────  ──────────  ─────────  ────────  ────────
      monday.csv          2           0          0         0  finished
      tuesday.csv         1           1          0         1  finished
      wednesday.csv       –           –          –         –  failed
      thursday.csv        1           0          0         0  finished
      Total               4           1          0         1
      "
    `)
    const times = / in [\d.]+ .*? lines\/s\)/
    expect(stderr.replaceAll(`${shop.folder}/`, '/shop/').replace(times, ' in 1 s (5 lines/s)')).toMatchInlineSnapshot(`
      "monday.csv: orderctl, UTF-8, comma, USD, 2025-01-15
      tuesday.csv: orderctl, UTF-8, comma, USD, 2025-01-15
      tuesday.csv, line 4: quantity is 0; it must be 1 or more
      1 line not imported. Fix them in /shop/tuesday.rejects.csv, then: orderctl import /shop/tuesday.rejects.csv
      thursday.csv: orderctl, UTF-8, comma, USD, 2025-01-15
      wednesday.csv failed: /shop/wednesday.csv has no header that names the columns of orders. Found: not, orders. Expected: order_id, customer_id, customer_name, product_sku, product_name, quantity, unit_price, currency, order_date.
      Add a first line with these names, in any order: order_id,customer_id,customer_name,product_sku,product_name,quantity,unit_price,currency,order_date. Usual names for them are recognised, such as "Order number", "SKU", "Qty" and "Price"; --map FILE names any others.
      Done: 4 orders from 3 files into /shop/orders.sqlite (source default) in 1 s (5 lines/s). 1 file failed. Next: orderctl work --drain
      "
    `)
    expect(shop.rows('select id, orders, duplicates, rejected from imports where orders > 0')).toEqual([
      { id: 1, orders: 2, duplicates: 0, rejected: 0 },
      { id: 2, orders: 1, duplicates: 1, rejected: 1 },
      { id: 4, orders: 1, duplicates: 0, rejected: 0 },
    ])
    expect(existsSync(join(shop.folder, 'tuesday.rejects.csv'))).toBe(true)
    await shop.expectAuditClean()
  })

  test('expanded by the shell fit 80 columns', async ({ shop }) => {
    writeFiles(shop)
    const options = {
      columns: 80,
      rows: 30,
      environment: { NO_COLOR: '1' },
      program: ['sh', '-c', `exec ${process.execPath} "$0" "$@" *day.csv`, BINARY],
    }
    const terminal = new PseudoTerminal(shop, options, 'import', '--dry-run')
    expect(await terminal.left()).toBe(2)
    expect(
      terminal.screen
        .split('\n')
        .filter((row) => /day\.csv +\d|Total|File/.test(row))
        .join('\n'),
    ).toMatchInlineSnapshot(`
      "File           Orders  Duplicates  Conflicts  Rejected  State
      monday.csv          2           0          0         0  finished
      thursday.csv        1           0          0         0  finished
      tuesday.csv         2           0          0         1  finished
      Total               5           0          0         1"
    `)
  })

  test('are one document under --json, and the exit code is the worst', async ({ shop }) => {
    writeFiles(shop)
    const { code, result } = await shop.json('import', 'monday.csv', 'tuesday.csv')
    expect(code).toBe(3)
    expect(result).toMatchObject({
      imports: [
        { import_id: '1', state: 'finished', orders: 2, error: null },
        { import_id: '2', state: 'finished', orders: 1, duplicates: 1, rejected: 1, error: null },
      ],
      totals: { rows: 5, orders: 3, imported: 3, duplicates: 1, conflicts: 0, rejected: 1, published: 3 },
    })
    const failing = await shop.json('import', 'wednesday.csv', 'thursday.csv')
    expect(failing).toMatchObject({
      code: 2,
      result: {
        imports: [{ state: 'failed', error: { code: 'no_header' } }, { state: 'finished' }],
        totals: { orders: 1 },
      },
    })
  })

  test('exclude --rejects', async ({ shop }) => {
    writeFiles(shop)
    expect(await shop.json('import', ...WEEK, '--rejects', 'bad.csv')).toMatchObject({
      code: 2,
      result: { error: { code: 'rejects_for_several' } },
    })
  })

  test('are not discarded by --discard if an earlier one of them fails', async ({ shop }) => {
    writeFiles(shop)
    const products = 'sku,name,price,currency,stock\nFILLER,F,1,USD,9\nS-1,Cup,1,USD,9\nS-2,Mug,1,USD,9\n'
    await shop.run('products', 'import', shop.file('products.csv', products))
    // Fails the second chunk, whose product was looked up before.
    shop.sqlite.exec(
      `create trigger undo after insert on customers when new.customer_id = 'C-2' begin
         delete from stock_adjustments where product_id = 3; delete from products where id = 3;
       end`,
    )
    shop.file('long.csv', csv(...moreThanABlock('F'), line({ order: 'LAST', customer: 'C-2', sku: 'S-2' })))
    const reject = { ORDERCTL_UNKNOWN_SKU: 'reject' }
    const { code, result } = await shop.jsonWith(reject, 'import', 'long.csv', 'monday.csv', '--discard')
    expect(code).toBe(2)
    expect(result).toMatchObject({
      imports: [{ error: { code: 'products_removed' } }, { error: { code: 'import_unfinished' } }],
    })
    expect(Number(shop.value('select count(*) from orders'))).toBeGreaterThan(1000)
  })

  test('stop at Ctrl-C, with the command that continues', async ({ shop }) => {
    writeFiles(shop)
    const importing = shell(shop, 'mkfifo pipe; exec "$@" < pipe', 'import', 'monday.csv', '-', 'thursday.csv')
    onTestFinished(() => void importing.child.kill('SIGKILL'))
    await until(() => existsSync(join(shop.folder, 'pipe')))
    const input = await open(join(shop.folder, 'pipe'), 'w')
    await input.write(csv(line()))
    await until(() => shop.value('select count(*) from imports') === 2)
    importing.child.kill('SIGINT')
    const { code, stdout, stderr } = await importing.ended
    await input.close()
    expect(code).toBe(130)
    expect(stdout).toMatchInlineSnapshot(`
      "File          Orders  Duplicates  Conflicts  Rejected  State
      ────────────  ──────  ──────────  ─────────  ────────  ───────────
      monday.csv         2           0          0         0  finished
      -                  0           0          0         0  interrupted
      thursday.csv       –           –          –         –  not started
      Total              2           0          0         0
      "
    `)
    expect(stderr).toContain(`Interrupted. To continue: orderctl import - ${shop.folder}/thursday.csv --resume`)
  })
})
