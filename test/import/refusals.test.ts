// Files without orders, unusable databases and unusable commands are refused in words that help.

import { chmodSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import SqliteDatabase from 'better-sqlite3'
import { describe, expect, test as plainTest } from 'vitest'
import { findColumns, readHeader } from '../../src/csv/header.js'
import { ORDER_FILE } from '../../src/import/order-line.js'
import { csv, HEADER, line } from '../support/lines.js'
import { importJson, stored } from '../support/orders-file.js'
import { test } from '../support/shop.js'
import { expectRefusal, expectRefusalInWords, expectRefused, type Refusal } from './refusal.js'

type Row = readonly [content: string | Buffer, code: string, says: string | RegExp, fix: string]

const FILES: Record<string, Row> = {
  'is empty': ['', 'file_empty', /orders\.csv is empty/, HEADER],
  'is binary': [Buffer.from('PK\x03\x04\0\0'), 'binary_file', /orders\.csv is a binary file/, 'CSV'],
  'is UTF-16': [Buffer.from(`\uFEFF${csv(line())}`, 'utf16le'), 'wrong_encoding', /UTF-16/, 'UTF-8'],
  'is UTF-16 without a mark': [Buffer.from(csv(line()), 'utf16le'), 'binary_file', 'zero bytes', 'CSV'],
  'has no header that we know': ['a,b\n1,2\n', 'no_header', /orders\.csv .*Found: a, b\. Wanted: order_id, cu/, HEADER],
}

const HEADERS: Record<string, Row> = {
  'is data from its first line on': [`${line()}\n`, 'no_header', /Found: A-1, C-1, Ann/, 'first line with these names'],
  'calls its columns otherwise': [
    csv(line()).replace('quantity', 'Quantitty').replace('unit_price', 'Unit Price'),
    'columns_missing',
    /lacks the columns quantity, unit_price/,
    'rename "Quantitty" to quantity; rename "Unit Price" to unit_price',
  ],
  'lacks a column': [
    csv(line()).replace(',currency', ',market'),
    'columns_missing',
    /lacks the column currency\. Found: .*market/,
    'order_id,',
  ],
  'has a column twice': [`${HEADER},Currency\n`, 'column_twice', 'column currency more than once', 'Remove or rename'],
  'has a header that is no CSV': [`"order_id" x,${HEADER}\n`, 'bad_header', 'first line', 'names of the columns'],
}

describe.concurrent('refuses a file that', () => {
  for (const [name, [content, code, says, fix]] of Object.entries(FILES)) {
    test(name, async ({ shop }) => {
      shop.file('orders.csv', content)
      await expectRefusal(shop, ['orders.csv'], { code, says, fix })
    })
  }

  for (const [name, [content, code, says, fix]] of Object.entries(HEADERS)) {
    plainTest(name, () => {
      const find = () => findColumns(readHeader(Buffer.from(content), 'orders.csv').cells, ORDER_FILE, 'orders.csv')
      expectRefused(find, { code, says, fix })
    })
  }

  test('is missing or a folder, in words for people and with a code for scripts', async ({ shop }) => {
    const missing = { code: 'file_not_found', says: /missing\.csv/, fix: 'Check the name' }
    await expectRefusal(shop, ['missing.csv'], missing)
    await expectRefusalInWords(shop, ['missing.csv'], missing)
    await expectRefusal(shop, ['.'], { code: 'file_is_folder', says: /is a folder/, fix: 'one CSV file' })
  })

  test('is empty standard input', async ({ shop }) => {
    await expectRefusal(shop, ['-'], { code: 'file_empty', says: 'standard input is empty', fix: HEADER })
  })

  // root may read everything.
  test.skipIf(process.getuid?.() === 0)('belongs to another user', async ({ shop }) => {
    chmodSync(shop.file('orders.csv', csv(line())), 0)
    await expectRefusal(shop, ['orders.csv'], { code: 'file_unreadable', says: /EACCES/, fix: 'permissions' })
  })

  test('lacks a column, and leaves nothing unfinished: corrected, it is imported', async ({ shop }) => {
    shop.file('orders.csv', csv(line()).replace('quantity', 'qty'))
    await shop.run('import', 'orders.csv')
    expect(shop.rows('select status from imports')).toEqual([{ status: 'taken_back' }])
    expect((await shop.json('status')).result).toMatchObject({ imports: [] })
    shop.file('orders.csv', csv(line()))
    expect((await importJson(shop, 'orders.csv')).told).toMatchObject({ orders: 1, duplicates: 0, published: 1 })
  })
})

describe.concurrent('refuses a configuration', () => {
  const code = 'bad_configuration'
  const postgres = { ORDERCTL_DATABASE_URL: 'postgres://shop@db/orders' }
  const values: readonly [environment: Record<string, string>, says: RegExp, fix: string][] = [
    [{ ORDERCTL_UNKNOWN_SKU: 'ignore' }, /ORDERCTL_UNKNOWN_SKU is "ignore".*create and reject/, 'Correct it'],
    [{ ORDERCTL_BATCH_SIZE: 'many' }, /ORDERCTL_BATCH_SIZE is "many"/, 'the default, 500.'],
    [{ ORDERCTL_BATCH_SIZE: 'many', ...postgres }, /ORDERCTL_BATCH_SIZE is "many"/, 'the default, 2000.'],
    [{ ORDERCTL_INITIAL_STOCK: '1e3' }, /ORDERCTL_INITIAL_STOCK is "1e3".*whole number from 0/, 'Correct it'],
    [{ ORDERCTL_TIME_ZONE: 'Berlin' }, /ORDERCTL_TIME_ZONE is "Berlin".*Europe\/Berlin/, 'Correct it'],
  ]
  test.for(values)('with %o in the environment', ([environment, says, fix], { shop }) => {
    expectRefused(() => shop.config(environment), { code, says, fix })
  })

  test('with a URL of an unknown kind, without its password, before it makes a database', async ({ newShop: shop }) => {
    shop.file('orders.csv', csv(line()))
    const says = /^(?!.*secret).*ORDERCTL_DATABASE_URL is "oracle:\/\/shop:\*\*\*@db/s
    const environment = { ORDERCTL_DATABASE_URL: 'oracle://shop:secret@db/orders' }
    await expectRefusal(shop, ['orders.csv'], { code, says, fix: 'Correct it', environment })
    await expectRefusalInWords(shop, ['orders.csv'], { code, says, fix: 'Correct it', environment })
    expect(existsSync(shop.path)).toBe(false)
  })

  const unknown = /orderctl\.config\.json has the key "inventory\.unknwonSku".*Did you mean "inventory\.unknownSku"/
  const files: Record<string, Row> = {
    'a mistyped key': ['{"inventory": {"unknwonSku": "reject"}}', 'unknown_key', unknown, 'Correct or remove'],
    'no JSON': ['{timeZone: UTC}', code, /Cannot read .*orderctl\.config\.json/, 'JSON object'],
    'a list': ['[]', code, /orderctl\.config\.json holds no JSON object/, 'JSON object'],
    'a wrong value': ['{"inventory": {"initialStock": -5}}', code, /initialStock in .*\.json is "-5"/, 'Correct it'],
  }
  test.for(Object.entries(files))('with %s in its file', ([, [content, code, says, fix]], { shop }) => {
    shop.file('orderctl.config.json', content)
    expectRefused(() => shop.config(), { code, says, fix })
  })
})

describe.concurrent('refuses a command line', () => {
  const usage: Record<string, { args: string[]; says: RegExp }> = {
    'without a file': { args: [], says: /file/ },
    'with an unknown word for --on-error': { args: ['orders.csv', '--on-error', 'stop'], says: /skip.*abort/s },
    'with a mistyped flag': { args: ['orders.csv', '--dry-rum'], says: /dry-rum/ },
    'that resumes a dry run': { args: ['orders.csv', '--dry-run', '--resume'], says: /dry-run/ },
  }
  for (const [name, { args, says }] of Object.entries(usage)) {
    test(name, ({ shop }) => expectRefusal(shop, args, { code: 'usage', says, fix: '--help' }))
  }

  test('with a source that cannot be part of a key', async ({ shop }) => {
    for (const source of ['a:b', 'x'.repeat(65), 'my shop']) {
      const refusal = { code: 'bad_source', says: `--source is "${source}"`, fix: 'letters, digits' }
      await expectRefusal(shop, ['orders.csv', '--source', source], refusal)
    }
  })
})

describe.concurrent('refuses a database that', () => {
  const failed = (code: string, says: string | RegExp, fix: string) => ({ exit: 1, code, says, fix })
  const databases: Record<string, [name: string, content: string, refusal: Refusal]> = {
    'is a text file': [
      'notes.txt',
      'Dear diary, this is no database. '.repeat(200),
      failed('database_unreadable', /notes\.txt is not a SQLite database/, 'another file'),
    ],
    'is a folder': ['', '', failed('database_is_folder', 'is a folder', 'Name a file')],
    'is below a file': ['file/orders.sqlite', '', failed('database_unwritable', /file\/orders\.sqlite/, 'permissions')],
  }
  for (const [name, [path, content, refusal]] of Object.entries(databases)) {
    test(name, async ({ shop }) => {
      const file = path && shop.file(path.split('/')[0] ?? '', content)
      shop.file('orders.csv', csv(line()))
      const environment = { ORDERCTL_DATABASE_URL: `sqlite:${join(shop.folder, path)}` }
      await expectRefusal(shop, ['orders.csv'], { ...refusal, environment })
      if (file) expect(readFileSync(file, 'utf8')).toBe(content)
    })
  }

  test('has tables of another program, and leaves them as they are', async ({ shop }) => {
    shop.file('orders.csv', csv(line()))
    const path = join(shop.folder, 'notes.sqlite')
    const notes = new SqliteDatabase(path)
    notes.exec("create table notes (text); insert into notes values ('mine')")
    notes.close()
    const before = readFileSync(path)
    const environment = { ORDERCTL_DATABASE_URL: `sqlite:${path}` }
    const refusal = failed('database_not_ours', /notes\.sqlite.*tables notes/, 'another one')
    await expectRefusal(shop, ['orders.csv'], { ...refusal, environment })
    expect(readFileSync(path).equals(before)).toBe(true)
  })

  test('is of a newer release', async ({ shop }) => {
    shop.file('orders.csv', csv(line()))
    await importJson(shop, 'orders.csv')
    shop.sqlite.exec("insert into orderctl_migrations values (999, 'from-the-future', 0)")
    await expectRefusal(shop, ['orders.csv'], failed('database_newer', /newer orderctl.*999/, 'Update orderctl'))
  })

  test('another process holds for longer than the time limit', async ({ shop }) => {
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
