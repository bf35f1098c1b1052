// What a person says about an order file: flags, or the configuration of its source.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { questionsError } from '../../src/command-line/import-answers.js'
import { readNote } from '../../src/command-line/import-view.js'
import { parseDay } from '../../src/domain/business-day.js'
import type { Currency } from '../../src/domain/money.js'
import type { FileRead } from '../../src/import/file-read.js'
import type { Question } from '../../src/import/mapping/understand.js'
import { csv, line } from '../support/lines.js'
import { test } from '../support/shop.js'

const CONFIG = 'orderctl.config.json'

describe.concurrent('the configuration of a source', () => {
  test('is listed by config, key by key, with its file', async ({ newShop: shop }) => {
    const webshop = { currency: 'eur', dateFormat: 'dmy', decimal: 'comma', delimiter: 'tab', customer: 'E-Mail' }
    shop.file(CONFIG, JSON.stringify({ sources: { 'web.shop': webshop } }))
    const { code, result } = await shop.json('config')
    const { settings } = result as { settings: { key: string }[] }
    expect(code).toBe(0)
    expect(settings.filter(({ key }) => key.startsWith('sources.'))).toEqual(
      Object.entries(webshop).map(([key, value]) => ({
        ...{ key: `sources.web.shop.${key}`, value, environment: null },
        ...{ origin: expect.stringContaining(CONFIG), about: expect.any(String) },
      })),
    )
  })

  test.for([
    [{ web: { curency: 'EUR' } }, 'unknown_key', 'Did you mean "sources.web.currency"?'],
    [{ web: 'EUR' }, 'bad_configuration', 'does not contain a JSON object at sources.web'],
    [{ web: { currency: 'EURO' } }, 'bad_configuration', 'expected an ISO 4217 code'],
    [{ web: { dateFormat: 'european' } }, 'bad_configuration', 'expected dmy, mdy or ymd'],
    [{ web: { delimiter: '::' } }, 'bad_configuration', 'expected , ; | or tab'],
    [{ web: { map: '' } }, 'bad_configuration', 'expected a text that is not empty'],
  ] as const)('is refused if it is wrong: %j', async ([sources, code, text], { newShop: shop }) => {
    shop.file(CONFIG, JSON.stringify({ sources }))
    const { code: exit, stderr } = await shop.run('config', '--json')
    const { error } = JSON.parse(stderr)
    expect({ exit, code: error.code }).toEqual({ exit: 2, code })
    expect(error.message).toContain(text)
  })
})

const DATES: Question = {
  flag: '--date-format',
  column: 'Date',
  text: 'Date can be day first or month first: line 2 has 03/04/2025.',
  answers: ['--date-format dmy', '--date-format mdy'],
}
const CURRENCY: Question = {
  flag: '--currency',
  column: null,
  text: 'No column names the currency.',
  answers: ['--currency EUR'],
}

describe('an import that must ask', () => {
  test('names every reason in one error, and a command that can be pasted', () => {
    const asking = { file: "Anna's orders.csv", source: 'web', flags: ['--source web', '--date-format mdy'] }
    const { exit, code, message, fix } = questionsError([DATES, CURRENCY], asking)
    expect({ exit, code }).toEqual({ exit: 2, code: 'file_ambiguous' })
    expect(message).toBe(`Anna's orders.csv was not imported. ${DATES.text} ${CURRENCY.text}`)
    expect(fix).toBe(
      'Choose --date-format dmy or mdy (dmy is day first, mdy month first, ymd year first); ' +
        '--currency (the ISO 4217 code of the amounts). For all files of this source, set ' +
        'sources.web.dateFormat and sources.web.currency in orderctl.config.json. For example: ' +
        "orderctl import 'Anna'\\''s orders.csv' --source web --date-format dmy --currency EUR",
    )
  })

  test('asks once for two columns with the same question', () => {
    const shipped = { ...DATES, column: 'Shipped', text: 'Shipped can be either: line 3 has 01/02/2025.' }
    const { message, fix } = questionsError([DATES, shipped], { file: '-', source: 'default', flags: [] })
    expect(message).toBe(`Standard input was not imported. ${DATES.text} ${shipped.text}`)
    expect(fix).toMatch(/For example: orderctl import - --date-format dmy$/)
    expect(fix.match(/sources\.default\.dateFormat/g)).toHaveLength(1)
  })
})

const [EUR, USD] = ['EUR', 'USD'] as Currency[] as [Currency, Currency]
const day = (text: string) => parseDay(text) ?? null

describe('the line about what was read', () => {
  const shopify: FileRead = {
    mapping: { preset: 'shopify', columns: {}, decimal: 'point' },
    dialect: { delimiter: ',', quotes: true, lineEnding: '\n' },
    ...{ encoding: 'utf-8', compression: null, currencies: [USD], skipped: {}, withoutSku: 0 },
    ...{ firstDay: day('2026-03-01'), lastDay: day('2026-03-31') },
  }
  const cases: [Partial<FileRead>, string][] = [
    [{}, 'shopify, UTF-8, comma, USD, 2026-03-01..31'],
    [{ lastDay: day('2026-03-01') }, 'shopify, UTF-8, comma, USD, 2026-03-01'],
    [{ lastDay: day('2026-04-02') }, 'shopify, UTF-8, comma, USD, 2026-03-01..04-02'],
    [{ lastDay: day('2027-03-01') }, 'shopify, UTF-8, comma, USD, 2026-03-01..2027-03-01'],
    [{ currencies: [EUR, USD] }, 'shopify, UTF-8, comma, EUR, USD, 2026-03-01..31'],
    [{ currencies: [], firstDay: null, lastDay: null }, 'shopify, UTF-8, comma'],
    [
      {
        mapping: { preset: null, columns: {}, decimal: 'comma', dateOrder: 'dmy' },
        dialect: { delimiter: ';', quotes: true, lineEnding: '\n' },
        ...{ encoding: 'windows-1252', compression: 'gzip', currencies: [EUR] },
      },
      'columns by name, gzip, windows-1252, semicolon, decimal comma, day first, EUR, 2026-03-01..31',
    ],
  ]
  test.for(cases)('names what differs from file to file: %#', ([change, text]) => {
    expect(readNote({ ...shopify, ...change })[0]).toBe(text)
  })
})

describe.concurrent('a flag about the file', () => {
  test.for([
    [['--currency', 'EURO'], '--currency "EURO" is invalid; expected an ISO 4217 code, such as EUR'],
    [['--delimiter', '::'], '--delimiter "::" is invalid; expected , ; | or tab'],
    [['--date-format', 'european'], '--date-format must be one of dmy, mdy, ymd'],
    [['--decimal', 'dot'], '--decimal must be one of comma, point'],
  ] as const)('is checked before anything is read: %j', async ([flags, text], { shop }) => {
    const { code, stderr } = await shop.run('import', 'missing.csv', ...flags)
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining(text) })
  })

  test('is repeated in the command for the rejected lines, quoted for a shell', async ({ newShop: shop }) => {
    shop.file('orders.csv', csv(line(), line({ order: 'A-2', quantity: 'two' })))
    const flags = ['--currency', 'eur', '--delimiter', ',', '--any-date', '--source', 'web', '--force']
    const { code, stderr } = await shop.run('import', 'orders.csv', ...flags)
    expect(code).toBe(3)
    expect(stderr).toMatch(
      /then: orderctl import \S*orders\.rejects\.csv --currency eur --delimiter ',' --any-date --source web\n/,
    )
  })
})

/** Says neither its currency nor the order of its dates. */
const OPEN = 'order_id,product_name,quantity,unit_price,order_date,buyer\nA-1,Tea,2,4.50,03/04/2025,Ann\n'

describe.concurrent('an import of a file that leaves questions open', () => {
  test('stores nothing, and the flags of its error answer', async ({ newShop: shop }) => {
    shop.file('orders.csv', OPEN)
    const { code, result } = await shop.json('import', 'orders.csv', '--source', 'web')
    const { error } = result as { error: { code: string; message: string; fix: string } }
    expect({ code, error: error.code }).toEqual({ code: 2, error: 'file_ambiguous' })
    expect(error.message).toMatch(/^orders\.csv was not imported\. /)
    expect(error.message).toMatch(/order_date .*line 2 has 03\/04\/2025/)
    expect(error.message).toMatch(/currency/)
    expect(shop.value('select count(*) from orders')).toBe(0)
    expect(error.fix).toMatch(/orderctl import orders\.csv --source web (--date-format dmy|--currency \w+)/)
    const flags = ['--source', 'web', '--currency', 'EUR', '--date-format', 'dmy', '--customer', 'buyer']
    expect(await shop.json('import', 'orders.csv', ...flags)).toMatchObject({ code: 0, result: { orders: 1 } })
    expect(shop.rows('select reference, currency, total, business_day from orders')).toEqual([
      { reference: 'A-1', currency: 'EUR', total: 900, business_day: '2025-04-03' },
    ])
    expect(shop.rows('select customer_id from customers')).toEqual([{ customer_id: 'Ann' }])
  })

  test('needs no flags if the configuration of its source answers, and a flag overrides it', async ({
    newShop: shop,
  }) => {
    shop.file(CONFIG, JSON.stringify({ sources: { web: { currency: 'EUR', dateFormat: 'dmy' } } }))
    shop.file('orders.csv', OPEN)
    expect(await shop.json('import', 'orders.csv', '--source', 'web')).toMatchObject({ code: 0, result: { orders: 1 } })
    expect((await shop.run('import', 'orders.csv', '--source', 'other')).code).toBe(2)
    const flags = ['--currency', 'CHF', '--date-format', 'mdy', '--dry-run']
    const { stderr } = await shop.run('import', 'orders.csv', '--source', 'web', ...flags)
    expect(stderr).toMatch(/^columns by name, UTF-8, comma, month first, CHF, 2025-03-04$/m)
  })

  test('does not stop the other files', async ({ newShop: shop }) => {
    shop.file('open.csv', OPEN)
    shop.file('orders.csv', csv(line()))
    const { code, result } = await shop.json('import', 'open.csv', 'orders.csv')
    expect({ code, result }).toMatchObject({
      code: 2,
      result: {
        imports: [
          { state: 'failed', error: { code: 'file_ambiguous' } },
          { state: 'finished', orders: 1 },
        ],
        totals: { rows: 1, imported: 1, updated: 0, skipped: 0, orders: 1 },
      },
    })
  })
})

describe.concurrent('skipped lines', () => {
  const FILE = 'order_id,item,qty,price,date,status\nA-1,Tea,1,€ 4.50,2025-03-04,paid\n'
  const text = `${FILE}A-2,Tea,1,€ 4.50,2025-03-04,cancelled\nA-3,Tea,-1,€ 4.50,2025-03-04,paid\n\n`

  test('are counted by reason, in the table and under --json', async ({ newShop: shop }) => {
    shop.file('orders.csv', text)
    const { code, stdout } = await shop.run('import', 'orders.csv', '--dry-run')
    expect(code).toBe(0)
    for (const reason of ['blank', 'cancelled', 'return'])
      expect(stdout).toMatch(new RegExp(`^Skipped \\(${reason}\\) +1$`, 'm'))
    const skipped = { skipped: 3, skipped_reasons: { blank: 1, cancelled: 1, return: 1 } }
    const { result } = await shop.json('import', 'orders.csv')
    expect(result).toMatchObject({ mapping: null, rows: 4, imported: 1, rejected: 0, ...skipped })
  })

  test('are summed up for several files', async ({ newShop: shop }) => {
    shop.file('a.csv', text)
    shop.file('b.csv', text.replaceAll('A-', 'B-'))
    const { stdout } = await shop.run('import', 'a.csv', 'b.csv', '--dry-run')
    expect(stdout).toMatch(/^File +Orders +Duplicates +Conflicts +Rejected +Skipped +State$/m)
    expect(stdout).toMatch(/^Total +2 +0 +0 +0 +6$/m)
  })
})

test('the command for rejected lines reads them as UTF-8, whatever the encoding of the file', async ({
  newShop: shop,
}) => {
  shop.file('orders.csv', Buffer.from(csv(line({ name: 'Jörg', quantity: 'two' }), line({ order: 'A-2' })), 'latin1'))
  const { stderr } = await shop.run('import', 'orders.csv', '--encoding', 'windows-1252')
  const [, command = ''] = /then: orderctl (import .*)$/m.exec(stderr) ?? []
  expect(command).toMatch(/orders\.rejects\.csv --encoding utf-8$/)
  const rejects = join(shop.folder, 'orders.rejects.csv')
  writeFileSync(rejects, readFileSync(rejects, 'utf8').replace(',two,', ',2,'))
  expect(await shop.json(...command.split(' '))).toMatchObject({ code: 0, result: { orders: 1 } })
  expect(shop.rows("select name from customers where name like 'J%'")).toEqual([{ name: 'Jörg' }])
})

describe.concurrent('the command for rejected lines, of which none shows the decimal mark', () => {
  const FILE = 'Order,SKU,Qty,Price,Currency,Date\nA-1,T-1,two,1.500,EUR,2025-03-01\nA-2,T-2,1,10.25,EUR,2025-03-01\n'

  test.for([
    ['as the whole file has shown it', FILE, [], ' --decimal point'],
    ['as it was given', FILE.replace('10.25', '10'), ['--decimal', 'point'], ' --decimal point'],
    ['and not if they need none', FILE.replace('1.500', '1.50'), [], ''],
  ] as const)('names it, %s', async ([, text, given, flags], { newShop: shop }) => {
    shop.file('orders.csv', text)
    const { stderr } = await shop.run('import', 'orders.csv', ...given)
    const [, command = ''] = /then: orderctl (import .*)$/m.exec(stderr) ?? []
    const rejects = join(shop.folder, 'orders.rejects.csv')
    expect(command).toBe(`import ${rejects}${flags}`)
    writeFileSync(rejects, readFileSync(rejects, 'utf8').replace(',two,', ',2,'))
    expect(await shop.json(...command.split(' '))).toMatchObject({ code: 0, result: { orders: 1 } })
    expect(shop.value("select total from orders where reference = 'A-1'")).toBe(300)
  })
})
