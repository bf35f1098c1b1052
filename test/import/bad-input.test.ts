// Files that are no orders, and commands that cannot be meant: refused in words that help.
import { chmodSync, existsSync } from 'node:fs'
import { describe, expect, test as plainTest } from 'vitest'
import { findColumns, readHeader } from '../../src/csv/header.js'
import { ORDER_FILE } from '../../src/import/order-line.js'
import { importJson } from '../support/orders-file.js'
import { csv, HEADER, line, test } from '../support/workplace.js'
import { expectRefusal, expectRefused, type Refusal } from './refusal.js'

describe.concurrent('a file that cannot be read as orders', () => {
  const refusals: Record<string, { content?: string | Buffer; arg?: string } & Refusal> = {
    'is not there': { arg: 'missing.csv', code: 'file_not_found', says: /missing\.csv/, fix: 'Check the name' },
    'is a folder': { arg: '.', code: 'file_is_folder', says: /is a folder/, fix: 'one CSV file' },
    'is empty': {
      content: '',
      code: 'file_empty',
      says: /orders\.csv is empty/,
      fix: 'first line with the names of its columns',
    },
    'has no header that we know': {
      content: 'a,b\n1,2\n',
      code: 'no_header',
      says: /orders\.csv .*Found: a, b\. Wanted: order_id, customer_id/,
      fix: HEADER,
    },
    'is binary': {
      content: Buffer.concat([Buffer.from('PK\x03\x04'), Buffer.alloc(100)]),
      code: 'binary_file',
      says: /orders\.csv is a binary file/,
      fix: 'CSV',
    },
    'is UTF-16': {
      content: Buffer.from(`\uFEFF${csv(line())}`, 'utf16le'),
      code: 'wrong_encoding',
      says: /UTF-16/,
      fix: 'UTF-8',
    },
    'is UTF-16 without a mark': {
      onlyJson: true,
      content: Buffer.from(csv(line()), 'utf16le'),
      code: 'binary_file',
      says: 'zero bytes',
      fix: 'CSV',
    },
  }
  for (const [name, { content, arg = 'orders.csv', ...refusal }] of Object.entries(refusals)) {
    test(`because it ${name}`, async ({ place }) => {
      if (content !== undefined) place.file('orders.csv', content)
      await expectRefusal(place, [arg], refusal)
    })
  }

  const headers: Record<string, { content: string } & Refusal> = {
    'is data from its first line on': {
      content: `${line()}\n`,
      code: 'no_header',
      says: /Found: A-1, C-1, Ann/,
      fix: 'first line with these names',
    },
    'calls its columns otherwise': {
      content: csv(line()).replace('quantity', 'Quantitty').replace('unit_price', 'Unit Price'),
      code: 'columns_missing',
      says: /lacks the columns quantity, unit_price/,
      fix: 'rename "Quantitty" to quantity; rename "Unit Price" to unit_price',
    },
    'lacks a column': {
      content: csv(line()).replace(',currency', ',market'),
      code: 'columns_missing',
      says: /lacks the column currency\. Found: .*market/,
      fix: 'order_id,',
    },
    'has a column twice': {
      content: `${HEADER},Currency\n${line()},USD\n`,
      code: 'column_twice',
      says: 'column currency more than once',
      fix: 'Remove or rename',
    },
    'has a header that is no CSV': {
      content: `"order_id" x,${HEADER}\n`,
      code: 'bad_header',
      says: 'first line',
      fix: 'names of the columns',
    },
  }
  for (const [name, { content, ...refusal }] of Object.entries(headers)) {
    plainTest(`because it ${name}`, () => {
      expectRefused(
        () => findColumns(readHeader(Buffer.from(content), 'orders.csv').cells, ORDER_FILE, 'orders.csv'),
        refusal,
      )
    })
  }

  test('because standard input is empty', async ({ place }) => {
    await expectRefusal(place, ['-'], { code: 'file_empty', says: 'standard input is empty', fix: HEADER })
  })

  test('leaves nothing half done: mended, it is imported', async ({ place }) => {
    place.file('orders.csv', csv(line()).replace('quantity', 'qty'))
    await place.run('import', 'orders.csv')
    place.file('orders.csv', csv(line()))
    expect((await importJson(place, 'orders.csv')).told).toMatchObject({ orders: 1, duplicates: 0 })
  })

  // Whoever runs as root may read everything.
  test.skipIf(process.getuid?.() === 0)('because it is another user’s', async ({ place }) => {
    chmodSync(place.file('orders.csv', csv(line())), 0)
    await expectRefusal(place, ['orders.csv'], { code: 'file_unreadable', says: /EACCES/, fix: 'permissions' })
  })
})

describe.concurrent('a configuration that cannot be meant', () => {
  const bad = 'bad_configuration'
  const refusals: Record<string, Refusal> = {
    'a URL of a kind we do not know': {
      environment: { ORDERCTL_DATABASE_URL: 'oracle://shop:secret@db/orders' },
      code: bad,
      says: /^(?!.*secret).*ORDERCTL_DATABASE_URL is "oracle:\/\/shop:\*\*\*@db/s,
      fix: 'Correct it',
    },
    'a wrong word': {
      environment: { ORDERCTL_UNKNOWN_SKU: 'ignore' },
      code: bad,
      says: /ORDERCTL_UNKNOWN_SKU is "ignore".*create and reject/,
      fix: 'Correct it',
    },
    'the default of a file': {
      onlyJson: true,
      environment: { ORDERCTL_BATCH_SIZE: 'many' },
      code: bad,
      says: /ORDERCTL_BATCH_SIZE is "many"/,
      fix: 'the default, 500.',
    },
    'the default of a server': {
      onlyJson: true,
      environment: { ORDERCTL_BATCH_SIZE: 'many', ORDERCTL_DATABASE_URL: 'postgres://shop@db/orders' },
      code: bad,
      says: /ORDERCTL_BATCH_SIZE is "many"/,
      fix: 'the default, 2000.',
    },
  }
  for (const [name, refusal] of Object.entries(refusals)) {
    test(`${name}, in the environment`, async ({ place }) => {
      place.file('orders.csv', csv(line()))
      await expectRefusal(place, ['orders.csv'], refusal)
      expect(existsSync(place.databasePath)).toBe(false)
    })
  }

  const settings: Record<string, Refusal> = {
    'no number': {
      environment: { ORDERCTL_INITIAL_STOCK: '1e3' },
      code: bad,
      says: /ORDERCTL_INITIAL_STOCK is "1e3".*whole number from 0/,
      fix: 'Correct it',
    },
    'no time zone': {
      environment: { ORDERCTL_TIME_ZONE: 'Berlin' },
      code: bad,
      says: /ORDERCTL_TIME_ZONE is "Berlin".*Europe\/Berlin/,
      fix: 'Correct it',
    },
  }
  for (const [name, refusal] of Object.entries(settings)) {
    test(`${name}, in the environment`, ({ place }) => {
      expectRefused(() => place.config(refusal.environment), refusal)
    })
  }

  const files: Record<string, { content: string } & Refusal> = {
    'a key with a slip': {
      content: '{"inventory": {"unknwonSku": "reject"}}',
      code: 'unknown_key',
      says: /orderctl\.config\.json has the key "inventory\.unknwonSku".*Did you mean "inventory\.unknownSku"/,
      fix: 'Correct or remove',
    },
    'no JSON': {
      content: '{timeZone: UTC}',
      code: bad,
      says: /Cannot read .*orderctl\.config\.json/,
      fix: 'JSON object',
    },
  }
  for (const [name, { content, ...refusal }] of Object.entries(files)) {
    test(`${name}, in the file`, async ({ place }) => {
      place.file('orders.csv', csv(line()))
      place.file('orderctl.config.json', content)
      await expectRefusal(place, ['orders.csv'], refusal)
    })
  }

  const slips: Record<string, { content: string } & Refusal> = {
    'a wrong value': {
      content: '{"inventory": {"initialStock": -5}}',
      code: bad,
      says: /inventory\.initialStock in .*orderctl\.config\.json is "-5"/,
      fix: 'Correct it',
    },
    'a list': {
      content: '[]',
      code: bad,
      says: /orderctl\.config\.json holds no JSON object/,
      fix: 'JSON object',
    },
  }
  for (const [name, { content, ...refusal }] of Object.entries(slips)) {
    test(`${name}, in the file`, ({ place }) => {
      place.file('orderctl.config.json', content)
      expectRefused(() => place.config(), refusal)
    })
  }
})

describe.concurrent('a command line that cannot be meant', () => {
  test('a source that could not be part of a key', async ({ place }) => {
    place.file('orders.csv', csv(line()))
    for (const source of ['a:b', 'x'.repeat(65)]) {
      const { code, result } = await place.json('import', 'orders.csv', '--source', source)
      expect({ code, result }).toMatchObject({ code: 2, result: { error: { code: 'bad_source' } } })
    }
    await expectRefusal(place, ['orders.csv', '--source', 'my shop'], {
      code: 'bad_source',
      says: '--source is "my shop"',
      fix: 'letters, digits',
    })
  })

  const refusals: Record<string, { args: string[]; says: RegExp }> = {
    'no file': { args: [], says: /file/ },
    'an unknown word for --on-error': { args: ['orders.csv', '--on-error', 'stop'], says: /skip.*abort/s },
    'a flag with a slip': { args: ['orders.csv', '--dry-rum'], says: /dry-rum/ },
    '--resume of a dry run': { args: ['orders.csv', '--dry-run', '--resume'], says: /dry-run/ },
  }
  for (const [name, { args, says }] of Object.entries(refusals)) {
    test(name, async ({ place }) => {
      place.file('orders.csv', csv(line()))
      await expectRefusal(place, args, { code: 'usage', says, fix: '--help', onlyJson: args.length > 2 })
    })
  }
})
