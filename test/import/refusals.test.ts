// Files without orders, and settings, flags and databases that cannot be used, are refused with the cause and the fix.

import { chmodSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect } from 'vitest'
import { csv, HEADER, line } from '../support/lines.js'
import { importJson, stored } from '../support/orders-file.js'
import { test } from '../support/shop.js'
import { expectRefusal } from './refusal.js'

type Says = string | RegExp

const FILES: readonly (readonly [name: string, content: string | Buffer, code: string, says: Says, fix: string])[] = [
  ['is empty', '', 'file_empty', /orders\.csv is empty/, HEADER],
  [
    'is a workbook',
    Buffer.from('PK\x03\x04\0\0xl/workbook.xml'),
    'workbook',
    /orders\.csv is an Excel workbook/,
    'CSV UTF-8',
  ],
  ['is a ZIP archive', Buffer.from('PK\x03\x04\0\0orders.csv'), 'zip_archive', 'a ZIP archive', 'Unpack'],
  ['is binary', Buffer.from('\x7fELF\x02\x01\0\0'), 'binary_file', 'a binary file', 'CSV'],
  [
    'is Cyrillic',
    Buffer.from('\xcf\xf0\xe8\xe2\xe5\xf2\n', 'latin1'),
    'wrong_encoding',
    /line 1 has byte 0xCF/,
    '--encoding',
  ],
  ['is half an archive', gzipSync(csv(line())).subarray(0, 60), 'archive_damaged', /gzip .* ends too early/, 'again'],
  ['has an unknown header', 'a,b\n1,2\n', 'no_header', /orders\.csv .*Found: a, b\. Expected: order_id, cu/, HEADER],
  ['has no header', `${line()}\n`, 'no_header', /Found: A-1, C-1, Ann/, 'first line with these names'],
  [
    'misspells two columns',
    csv(line()).replace('quantity', 'Quantitty').replace('unit_price', 'Unit Pric'),
    'columns_missing',
    /lacks the columns quantity, unit_price/,
    'rename "Quantitty" to quantity; rename "Unit Pric" to unit_price',
  ],
  [
    'lacks a column',
    csv(line()).replace(',order_date', ',market'),
    'columns_missing',
    /lacks the column order_date\. Found: .*market.*Expected: order_id,/,
    'rename the column that holds it to order_date, or add one',
  ],
  [
    'lacks quantities',
    csv(line()).replace(',quantity', ',number'),
    'columns_missing',
    /lacks the column quantity/,
    'If each line is a single unit',
  ],
  [
    'has a price with and one without tax',
    'Order,Customer,SKU,Qty,Net price,Gross price,Currency,Date\n1,C-1,A,1,10.00,11.90,EUR,2025-03-14\n',
    'file_ambiguous',
    /Net price and Gross price differ, as in 10\.00 and 11\.90/,
    '--map',
  ],
  ['has a column twice', `${HEADER},Currency\n`, 'column_twice', 'more than one column named', 'Remove or rename'],
  [
    'has text after a quote in its header',
    `"order_id" x,${HEADER.slice(9)}\n`,
    'columns_missing',
    'order_id x',
    'order_id',
  ],
]

describe.concurrent('refuses a file that', () => {
  test.for(FILES)('%s', async ([, content, code, says, fix], { shop }) => {
    shop.file('orders.csv', content)
    await expectRefusal(shop, ['orders.csv'], { code, says, fix })
    // Nothing is left unfinished: corrected, the file is imported.
    expect((await shop.json('status')).result).toMatchObject({ imports: [] })
    shop.file('orders.csv', csv(line()))
    expect((await importJson(shop, 'orders.csv')).told).toMatchObject({ orders: 1, duplicates: 0, published: 1 })
  })

  // root may read everything.
  test.skipIf(process.getuid?.() === 0)('belongs to another user', async ({ shop }) => {
    chmodSync(shop.file('orders.csv', csv(line())), 0)
    await expectRefusal(shop, ['orders.csv'], { code: 'file_unreadable', says: /EACCES/, fix: 'permissions' })
  })
})

const COMMAND_LINES: readonly (readonly [args: string, code: string, says: Says, fix: string])[] = [
  ['missing.csv', 'file_not_found', /missing\.csv/, 'Check the path'],
  ['.', 'file_is_folder', 'is a folder', '--watch'],
  ['-', 'file_empty', 'standard input is empty', HEADER],
  ['', 'usage', 'FILE', '--help'],
  ['orders.csv --on-error stop', 'usage', /skip.*abort/s, '--help'],
  ['orders.csv --dry-rum', 'usage', 'dry-rum', '--help'],
  ['orders.csv --dry-run --resume', 'usage', 'dry-run', '--help'],
  ['orders.csv --source a:b', 'bad_source', '--source "a:b"', 'letters, digits'],
  [`orders.csv --source ${'x'.repeat(65)}`, 'bad_source', '--source "xxx', 'letters, digits'],
]

test.concurrent.for(COMMAND_LINES)('refuses the arguments "%s"', ([args, code, says, fix], { shop }) =>
  expectRefusal(shop, args.split(' ').filter(Boolean), { code, says, fix }),
)

describe.concurrent('refuses a setting', () => {
  const code = 'bad_configuration'
  const refusal = (code: string, says: RegExp, fix: string) =>
    expect.objectContaining({ exit: 2, code, message: expect.stringMatching(says), fix: expect.stringContaining(fix) })
  const variables: readonly [environment: Record<string, string>, says: RegExp, fix: string][] = [
    [{ ORDERCTL_UNKNOWN_SKU: 'ignore' }, /ORDERCTL_UNKNOWN_SKU "ignore".*create or reject/, 'Fix it'],
    [{ ORDERCTL_BATCH_SIZE: 'many' }, /ORDERCTL_BATCH_SIZE "many"/, '(2000)'],
    [{ ORDERCTL_INITIAL_STOCK: '1e3' }, /ORDERCTL_INITIAL_STOCK "1e3".*integer from 0/, 'Fix it'],
    [{ ORDERCTL_TIME_ZONE: 'Berlin' }, /ORDERCTL_TIME_ZONE "Berlin".*Europe\/Berlin/, 'Fix it'],
  ]
  test.for(variables)('of %o', ([environment, says, fix], { shop }) => {
    expect(() => shop.config(environment)).toThrow(refusal(code, says, fix))
  })

  const meant =
    /Unknown setting "inventory\.unknwonSku" in .*orderctl\.config\.json.*Did you mean "inventory\.unknownSku"/
  const files: readonly [content: string, code: string, says: RegExp, fix: string][] = [
    ['{"inventory": {"unknwonSku": "reject"}}', 'unknown_key', meant, 'Fix or remove'],
    ['{timeZone: UTC}', code, /Cannot read .*orderctl\.config\.json/, 'JSON object'],
    ['[]', code, /orderctl\.config\.json does not contain a JSON object/, 'JSON object'],
    ['{"inventory": {"initialStock": -5}}', code, /initialStock in .*\.json "-5"/, 'Fix it'],
  ]
  test.for(files)('in a configuration file of %s', ([content, code, says, fix], { shop }) => {
    shop.file('orderctl.config.json', content)
    expect(() => shop.config()).toThrow(refusal(code, says, fix))
  })

  test('before it creates a database, and without showing a password', async ({ newShop: shop }) => {
    const says = /^(?!.*secret).*ORDERCTL_DATABASE_URL "oracle:\/\/shop:\*\*\*@db/s
    const environment = { ORDERCTL_DATABASE_URL: 'oracle://shop:secret@db/orders' }
    await expectRefusal(shop, ['orders.csv'], { code, says, fix: 'Fix it', environment })
    expect(existsSync(shop.path)).toBe(false)
  })
})

describe.concurrent('refuses a database that', () => {
  const databases: readonly [name: string, path: string, code: string, says: RegExp, fix: string][] = [
    ['is a text file', 'notes.txt', 'database_unreadable', /notes\.txt is not a SQLite database/, 'another file'],
    ['is a folder', '', 'database_is_folder', /is a folder/, 'Name a file'],
    ['is below a file', 'notes.txt/orders.sqlite', 'database_unwritable', /notes\.txt\/orders\.sqlite/, 'permissions'],
  ]
  test.for(databases)('%s', async ([, path, code, says, fix], { shop }) => {
    const content = 'Dear diary, this is no database. '.repeat(200)
    const notes = shop.file('notes.txt', content)
    shop.file('orders.csv', csv(line()))
    const environment = { ORDERCTL_DATABASE_URL: `sqlite:${join(shop.folder, path)}` }
    await expectRefusal(shop, ['orders.csv'], { exit: 1, code, says, fix, environment })
    expect(readFileSync(notes, 'utf8')).toBe(content)
  })

  test('another process locks for longer than the time limit', async ({ shop }) => {
    shop.file('orders.csv', csv(line()))
    await importJson(shop, 'orders.csv')
    shop.file('more.csv', csv(line({ order: 'A-2' })))
    const before = stored(shop)
    shop.sqlite.exec('begin exclusive')
    // In a process of its own: SQLite waits without the event loop.
    const { code, result } = await shop.startJson({}, 'import', 'more.csv')
    shop.sqlite.exec('rollback')
    const message = expect.stringContaining(shop.path)
    expect({ code, result }).toMatchObject({
      code: 1,
      result: { error: { code: 'database_locked', message, retryable: true } },
    })
    expect(stored(shop)).toEqual(before)
    expect((await importJson(shop, 'more.csv')).told).toMatchObject({ orders: 1 })
  })
})
