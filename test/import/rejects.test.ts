// Lines that are not imported: how they are written down, corrected and imported again, and that --rejects overwrites
// no other file of the user.

import { spawnSync } from 'node:child_process'
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { csv, HEADER, line } from '../support/lines.js'
import { importJson, importLines, moreThanABlock, orders, readRejects, shell } from '../support/orders-file.js'
import { type Shop, test } from '../support/shop.js'
import { expectRefusal } from './refusal.js'

describe.concurrent('the rejects file', () => {
  test('holds each line as it was, with its number, the column and the reason', async ({ shop }) => {
    const bad = line({ order: 'A-2', name: '"Smith, ""Ann"""', quantity: '1.5' })
    const sibling = line({ order: 'A-2', sku: 'S-2' })
    const { code, told } = await importLines(shop, line({ order: 'A-1' }), bad, sibling)
    const rejects_file = join(shop.folder, 'orders.rejects.csv')
    expect({ code, ...told }).toMatchObject({ code: 3, rows: 3, imported: 1, rejected: 2, rejects_file })
    expect(readFileSync(rejects_file, 'utf8').split('\n')).toEqual([
      `${HEADER},rejected_line,rejected_column,rejected_reason`,
      `${bad},3,quantity,"quantity is ""1.5"", not a whole number"`,
      `${sibling},4,,another line of this order was rejected (line 3)`,
      '',
    ])
  })

  test('is imported once it is corrected, with whole orders', async ({ shop }) => {
    const filler = moreThanABlock('F')
    const bad = line({ order: 'A-1', sku: 'S-2', quantity: 'two' })
    const first = await importLines(shop, line({ order: 'A-1', price: '0.0025' }), ...filler, bad)
    expect(first.told).toMatchObject({ imported: filler.length, rejected: 2 })
    const rejects = String(first.told.rejects_file)
    writeFileSync(rejects, readFileSync(rejects, 'utf8').replace(',two,', ',2,'))
    const second = await importJson(shop, rejects)
    expect(second).toMatchObject({ code: 0, told: { rows: 2, orders: 1, imported: 2, rejected: 0 } })
    expect(orders(shop, "reference = 'A-1'")).toEqual([['A-1', 'C-1', 2000, 'USD']])
  })

  test('has decimals that cannot be taken for thousands', async ({ shop }) => {
    const lines = [line({ order: 'A-1', price: '2', currency: 'KWD' }), line({ order: 'A-2', price: '1.125' })]
    const other = line({ order: 'A-3' })
    await importLines(shop, ...lines, other)
    const second = lines.map((text) => text.replace('Widget,1', 'Widget,2'))
    const { told } = await importLines(shop, ...second, other)
    expect(told).toMatchObject({ conflicts: 2 })
    expect(readRejects(String(told.rejects_file)).map((row) => row['unit_price'])).toEqual(['2.0000', '1.1250'])
    expect(await importJson(shop, String(told.rejects_file), '--update')).toMatchObject({
      code: 0,
      told: { updated: 2 },
    })
  })

  test('never overwrites another file, and only its owner can read it', async ({ shop }) => {
    const mine = shop.file('orders.rejects.csv', 'corrected by hand')
    const { told } = await importLines(shop, line({ quantity: 0 }))
    expect(told.rejects_file).toBe(join(shop.folder, 'orders.rejects.2.csv'))
    expect(readFileSync(mine, 'utf8')).toBe('corrected by hand')
    expect(statSync(String(told.rejects_file)).mode & 0o777).toBe(0o600)
  })
})

describe.concurrent('a rejects file that is imported', () => {
  const bad = line({ order: 'A-1', name: '"Smith, ""Ann"""', quantity: 'two', price: 'free', currency: 'XYZ' })
  const HEAD = `${HEADER},rejected_line,rejected_column,rejected_reason`
  const files = (shop: Shop) => readdirSync(shop.folder).filter((name) => name.endsWith('.csv'))
  const fix = (shop: Shop, from: string, to: string) => {
    const path = join(shop.folder, 'orders.rejects.csv')
    const text = readFileSync(path, 'utf8')
    expect(text).toContain(from)
    writeFileSync(path, text.replace(from, to))
  }

  test('names every error of a line, keeps its name while lines are left, and is then removed', async ({ shop }) => {
    const open = line({ order: 'A-2', name: '"Bob' })
    await importLines(shop, bad, open, 'A-3,C-1')
    const read = () => readFileSync(join(shop.folder, 'orders.rejects.csv'), 'utf8')
    const price = 'unit_price is ""free"", not a number with a decimal point such as 12.50'
    const short = 'A-3,C-1,,,,,,,'
    const names = ['product_sku', 'quantity', 'unit_price', 'order_date']
    const empty = `"${names.join(', ')}",${names.map((name) => `${name} is empty`).join('; ')}`
    const currency = 'currency is ""XYZ"", not an ISO 4217 currency code such as USD'
    expect(read()).toBe(`${HEAD}
${bad},2,"quantity, unit_price, currency","quantity is ""two"", not a whole number; ${price}; ${currency}"
${open},3,,the line has an unclosed quote
${short},4,${empty}
`)

    fix(shop, ',two,', ',2,')
    const first = await importJson(shop, 'orders.rejects.csv')
    const rejects_file = join(shop.folder, 'orders.rejects.csv')
    expect(first).toMatchObject({ code: 3, told: { rows: 3, rejected: 3, rejects_file } })
    const halfFixed = bad.replace('two', '2')
    expect(read()).toBe(`${HEAD}
${halfFixed},2,"unit_price, currency","${price}; ${currency}"
${open},3,,the line has an unclosed quote
${short},4,${empty}
`)

    fix(shop, 'free,XYZ', '1.5,EUR')
    fix(shop, '"Bob', 'Bob')
    const second = await importJson(shop, 'orders.rejects.csv')
    expect(second).toMatchObject({ code: 3, told: { rows: 3, imported: 2, rejected: 1, rejects_file } })
    expect(readRejects(rejects_file)).toMatchObject([{ order_id: 'A-3' }])

    fix(shop, short, line({ order: 'A-3' }))
    expect(files(shop)).toEqual(['orders.csv', 'orders.rejects.csv'])
    const { code, stderr } = await shop.run('import', 'orders.rejects.csv')
    expect({ code, files: files(shop) }).toEqual({ code: 0, files: ['orders.csv'] })
    expect(stderr).toContain(`Nothing is left to fix: removed ${rejects_file}.\n`)
    expect(orders(shop)).toEqual([
      ['A-1', 'C-1', 300, 'EUR'],
      ['A-2', 'C-1', 1000, 'USD'],
      ['A-3', 'C-1', 1000, 'USD'],
    ])
  })

  test('may have its columns in another order', async ({ shop }) => {
    shop.file('moved.csv', `rejected_reason,rejected_line,${HEADER}\n"x, y",3,${bad}\n`)
    await importJson(shop, 'moved.csv')
    const text = readFileSync(join(shop.folder, 'moved.rejects.csv'), 'utf8')
    expect(text).toMatch(`${HEAD}\n${bad},2,"quantity, unit_price, currency",`)
  })

  test('stays under --dry-run, and with --rejects', async ({ shop }) => {
    await importLines(shop, bad)
    const before = readFileSync(join(shop.folder, 'orders.rejects.csv'), 'utf8')
    await importJson(shop, 'orders.rejects.csv', '--dry-run')
    const { told } = await importJson(shop, 'orders.rejects.csv', '--rejects', 'other.csv')
    expect(told.rejects_file).toBe(join(shop.folder, 'other.csv'))
    expect(readFileSync(join(shop.folder, 'orders.rejects.csv'), 'utf8')).toBe(before)
    fix(shop, 'two,free,XYZ', '2,1.5,EUR')
    await importJson(shop, 'orders.rejects.csv', '--dry-run')
    expect(files(shop)).toEqual(['orders.csv', 'orders.rejects.csv', 'other.csv'])
  })

  test.for([
    ['is replaced by --resume after a crash at the end', false],
    ['is kept if it was edited after a crash at the end', true],
  ] as const)('%s', async ([, edited], { shop }) => {
    await importLines(shop, bad, line({ order: 'A-2', quantity: 'x' }))
    fix(shop, ',x,', ',1,')
    shop.sqlite.exec(`create trigger stop before update of status on imports when new.status = 'finished'
      begin select raise(abort, 'cut off'); end`)
    expect((await shop.run('import', 'orders.rejects.csv')).code).toBe(1)
    expect(files(shop)).toEqual(['orders.csv', 'orders.rejects.2.csv', 'orders.rejects.csv'])
    shop.sqlite.exec('drop trigger stop')
    if (edited) fix(shop, 'two', '2')
    const { told } = await importJson(shop, 'orders.rejects.csv', '--resume')
    const left = edited ? 'orders.rejects.2.csv' : 'orders.rejects.csv'
    expect(told).toMatchObject({ imported: 1, rejected: 1, rejects_file: join(shop.folder, left) })
    expect(files(shop)).toEqual(edited ? ['orders.csv', left, 'orders.rejects.csv'] : ['orders.csv', left])
    expect(readRejects(join(shop.folder, left))).toMatchObject([{ order_id: 'A-1' }])
  })
})

test('an unknown SKU costs its order if inventory.unknownSku is "reject"', async ({ shop }) => {
  await importLines(shop, line({ order: 'A-1', sku: 'S-1' }))
  const [known, unknown] = [{ sku: 'S-1' }, { sku: 'S-9' }]
  const more = [line({ order: 'A-2', ...known }), line({ order: 'A-3', ...known }), line({ order: 'A-3', ...unknown })]
  shop.file('more.csv', csv(...more, line({ order: 'A-4', ...unknown })))
  const strict = { ORDERCTL_UNKNOWN_SKU: 'reject' }
  const dry = await shop.jsonWith(strict, 'import', 'more.csv', '--dry-run')
  const real = await shop.jsonWith(strict, 'import', 'more.csv')
  const result = { rows: 4, orders: 1, imported: 1, rejected: 3, products_created: 0 }
  for (const outcome of [dry, real]) expect(outcome).toMatchObject({ code: 3, result })
  expect(shop.rows('select sku from products')).toEqual([{ sku: 'S-1' }])
  const rejects = readRejects(join(shop.folder, 'more.rejects.csv')).map((row) => Object.values(row).slice(-3))
  expect(rejects).toEqual([
    ['3', '', expect.stringContaining('line 4')],
    ['4', 'product_sku', expect.stringContaining('"S-9"')],
    ['5', 'product_sku', expect.stringContaining('"S-9"')],
  ])
})

const BAD = csv(line({ order: 'A-1', quantity: 0 }), line({ order: 'A-2' }))

describe('--rejects refuses', () => {
  test('the database, the input, links and folders, by each of their names, also with --force', async ({ shop }) => {
    shop.file('first.csv', csv(line({ order: 'FIRST' })))
    await importJson(shop, 'first.csv')
    const input = shop.file('orders.csv', BAD)
    const target = shop.file('target.csv', '')
    const link = (make: typeof symlinkSync | typeof linkSync, to: string, name: string) =>
      make(to, join(shop.folder, name))
    mkdirSync(join(shop.folder, 'real'))
    link(symlinkSync, shop.folder, 'real/folder')
    link(linkSync, shop.path, 'hard-database.csv')
    link(symlinkSync, shop.path, 'soft-database.csv')
    link(linkSync, input, 'hard-input.csv')
    link(symlinkSync, 'orders.csv', 'soft-input.csv')
    link(symlinkSync, target, 'link.csv')
    link(symlinkSync, join(shop.folder, 'nowhere.csv'), 'dangling.csv')
    const files = {
      rejects_over_database: [
        ...['orders.sqlite', 'orders.sqlite-wal', 'orders.sqlite-shm', 'orders.sqlite-journal'],
        ...['hard-database.csv', 'soft-database.csv', 'real/folder/orders.sqlite-journal'],
      ],
      rejects_over_input: ['orders.csv', 'hard-input.csv', 'soft-input.csv'],
      rejects_is_link: ['link.csv', 'dangling.csv'],
      rejects_not_a_file: ['real'],
    }
    for (const [code, names] of Object.entries(files)) {
      for (const name of names) {
        const args = ['orders.csv', '--rejects', name]
        for (const flags of [[], ['--force']]) {
          await expectRefusal(shop, [...args, ...flags], { code, says: name, fix: /^Name |\nName /m })
        }
      }
    }
    const piped = await shell(shop, 'exec "$@" < orders.csv', 'import', '-', '--rejects', 'hard-input.csv').ended
    expect(piped).toMatchObject({ code: 2, stderr: expect.stringContaining('hard-input.csv') })

    await shop.expectAuditClean()
    expect(shop.value('select count(*) from orders')).toBe(1)
    expect([readFileSync(input, 'utf8'), readFileSync(target, 'utf8')]).toEqual([BAD, ''])
    expect(existsSync(join(shop.folder, 'nowhere.csv'))).toBe(false)
  })

  test('a file that is not a rejects file, unless with --force', async ({ shop }) => {
    shop.file('orders.csv', BAD)
    const notes = shop.file('notes.csv', 'from yesterday\n')
    const refusal = { code: 'rejects_exists', says: 'notes.csv', fix: '--force' }
    await expectRefusal(shop, ['orders.csv', '--rejects', 'notes.csv'], refusal)
    await expectRefusal(shop, ['orders.csv', '--rejects', 'notes.csv', '--dry-run'], refusal)
    expect(readFileSync(notes, 'utf8')).toBe('from yesterday\n')
    const forced = await importJson(shop, 'orders.csv', '--rejects', 'notes.csv', '--force')
    expect(forced).toMatchObject({ code: 3, told: { rejects_file: notes } })
    expect(readRejects(notes)).toMatchObject([{ order_id: 'A-1', rejected_line: '2' }])
  })
})

describe('--rejects writes', () => {
  test('over an earlier rejects file and over an empty file', async ({ shop }) => {
    const rejects = shop.file('rejects.csv', '')
    for (const bad of ['A-1', 'A-3']) {
      shop.file('orders.csv', csv(line({ order: bad, quantity: 0 })))
      expect(await importJson(shop, 'orders.csv', '--rejects', 'rejects.csv')).toMatchObject({ code: 3 })
      expect(readRejects(rejects)).toMatchObject([{ order_id: bad }])
    }
  })

  test('to /dev/null, to a pipe and to /dev/stdout, and replaces none of them', async ({ shop }) => {
    shop.file('orders.csv', BAD)
    const before = statSync('/dev/null')
    const dropped = await importJson(shop, 'orders.csv', '--rejects', '/dev/null')
    expect(dropped).toMatchObject({ code: 3, told: { rejected: 1, rejects_file: '/dev/null' } })
    expect(statSync('/dev/null')).toMatchObject({ ino: before.ino, rdev: before.rdev, mode: before.mode })

    // More than a pipe holds.
    const bad = Array.from({ length: 2000 }, (_, index) => line({ order: `B-${index}`, quantity: 0 }))
    shop.file('more.csv', csv(...bad))
    const script = '"$@" --rejects >(sleep 0.3; cat > through.csv; echo read)'
    const substituted = await shell(shop, script, 'import', 'more.csv', '--json').ended
    expect(substituted.stdout).toContain('read')
    expect(readRejects(join(shop.folder, 'through.csv'))).toHaveLength(2000)

    const shown = await shell(shop, '"$@" | cat', 'import', 'orders.csv', '--rejects', '/dev/stdout').ended
    expect(shown.stdout).toContain('rejected_reason')
  })

  test('to a named pipe with a reader, and fails without one', async ({ shop }) => {
    shop.file('orders.csv', BAD)
    const unread = await shell(shop, 'mkfifo pipe; exec "$@" --rejects pipe', 'import', 'orders.csv').ended
    expect(unread).toMatchObject({ code: 1, stderr: expect.stringContaining('pipe (ENXIO)') })
    const read = await shell(shop, 'cat pipe > read.csv & "$@" --rejects pipe; wait', 'import', 'orders.csv').ended
    expect(read.code).toBe(0)
    expect(readRejects(join(shop.folder, 'read.csv'))).toMatchObject([{ order_id: 'A-1' }])
    expect(lstatSync(join(shop.folder, 'pipe')).isFIFO()).toBe(true)
  })
})

describe('--resume', () => {
  /** Cut off after its first chunk, with a rejected line written: the state that a kill leaves. */
  async function cutOff(shop: Shop): Promise<string> {
    const filler = [...moreThanABlock('F'), ...moreThanABlock('G')]
    shop.file('orders.csv', csv(line({ order: 'A-1', quantity: 0 }), ...filler, line({ order: 'A-2', quantity: 0 })))
    shop.sqlite.exec(`create trigger stop before update of byte_offset on imports when old.byte_offset > 0
      begin select raise(abort, 'cut off'); end`)
    expect((await shop.run('import', 'orders.csv', '--rejects', 'rejects.csv')).code).toBe(1)
    shop.sqlite.exec('drop trigger stop')
    return join(shop.folder, 'rejects.csv')
  }

  const resume = (shop: Shop, ...flags: string[]) => shop.json('import', 'orders.csv', '--resume', ...flags)

  test('goes on after the rejects file could not be written', async ({ shop }) => {
    shop.file('orders.csv', BAD)
    const says = /none\/rejects\.csv \(ENOENT\)/
    const args = ['orders.csv', '--rejects', 'none/rejects.csv']
    await expectRefusal(shop, args, { exit: 1, code: 'rejects_unwritable', says, fix: '--resume' })
    mkdirSync(join(shop.folder, 'none'))
    const { code, told } = await importJson(shop, ...args, '--resume')
    expect({ code, ...told }).toMatchObject({ code: 3, rows: 2, imported: 1, rejected: 1, published: 1 })
  })

  test('leaves a file that has replaced the rejects file, and a link to one', async ({ shop }) => {
    const rejects = await cutOff(shop)
    const written = readFileSync(rejects, 'utf8')
    expect(written).toContain('A-1')
    for (const content of ['something else, and longer than what was there before\n'.repeat(20), '']) {
      writeFileSync(rejects, content)
      expect(await resume(shop)).toMatchObject({ code: 2, result: { error: { code: 'rejects_exists' } } })
      expect(readFileSync(rejects, 'utf8')).toBe(content)
    }
    shop.file('elsewhere.csv', written)
    spawnSync('ln', ['-sf', 'elsewhere.csv', rejects])
    expect(await resume(shop)).toMatchObject({ code: 2, result: { error: { code: 'rejects_is_link' } } })
    expect(readFileSync(join(shop.folder, 'elsewhere.csv'), 'utf8')).toBe(written)
  })

  test('begins a new rejects file, with its header, if the first one was moved away', async ({ shop }) => {
    const rejects = await cutOff(shop)
    spawnSync('mv', [rejects, join(shop.folder, 'mended.csv')])
    expect(await resume(shop, '--rejects', 'rejects.csv')).toMatchObject({ code: 3, result: { rejected: 2 } })
    expect(readRejects(rejects)).toMatchObject([{ order_id: 'A-2' }])
    expect(readRejects(join(shop.folder, 'mended.csv'))).toMatchObject([{ order_id: 'A-1' }])
  })
})
