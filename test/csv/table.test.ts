// A table starts behind its header, and continues at a cursor, which counts bytes of the content and not of the file.

import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import iconv from 'iconv-lite'
import { afterAll, describe, expect, test } from 'vitest'
import { openContent } from '../../src/csv/content.js'
import { readRows } from '../../src/csv/dialect.js'
import { CsvTable, type Cursor } from '../../src/csv/table.js'
import { COMMA } from './read.js'

const folder = mkdtempSync(join(tmpdir(), 'orderctl-table-'))
afterAll(() => rmSync(folder, { recursive: true }))

function write(bytes: Buffer | string): string {
  const file = join(folder, 'products.csv')
  writeFileSync(file, bytes)
  return file
}

/** Reads what is left. Returns the records as lines and cells, and the cursor after each block. */
async function read(table: CsvTable<string>) {
  const records: (readonly [number, string[]])[] = []
  const cursors: Cursor[] = []
  const sink = {
    record: (cells: string[], { line }: { line: number }) => void records.push([line, cells]),
    blank: () => {},
    malformed: () => expect.unreachable(),
  }
  for await (const cursor of table.read(sink)) cursors.push(cursor)
  return { records, cursors }
}

const PREAMBLE = Buffer.from('Export of Café\n\nsku,name\nA,Zoë\nB,Ann\n')

async function openBehindPreamble(file: string) {
  const content = await openContent(file)
  const [, , header] = readRows(await content.peek(1000), COMMA, { limit: 3 })
  if (!header) throw new Error('no header')
  return CsvTable.over(content, COMMA, header)
}

const FILES: readonly (readonly [kind: string, bytes: Buffer])[] = [
  ['plain', PREAMBLE],
  ['with a byte order mark', Buffer.concat([Buffer.from('\uFEFF'), PREAMBLE])],
  ['in UTF-16', iconv.encode(PREAMBLE.toString(), 'utf-16le')],
  ['in windows-1252, compressed', gzipSync(iconv.encode(PREAMBLE.toString(), 'windows-1252'))],
]

describe('a table whose file is', () => {
  test.for(FILES)('%s starts behind the header that was found', async ([, bytes]) => {
    const table = await openBehindPreamble(write(bytes))
    const { records, cursors } = await read(table)
    await table.source.close()
    expect(records).toEqual([
      [4, ['A', 'Zoë']],
      [5, ['B', 'Ann']],
    ])
    const sha256 = createHash('sha256').update(PREAMBLE).digest('hex')
    expect(cursors.at(-1)).toEqual({ offset: PREAMBLE.length, line: 6, sha256 })
  })

  test.for(FILES)('%s continues at a cursor', async ([, bytes]) => {
    const table = await openBehindPreamble(write(bytes))
    const offset = PREAMBLE.indexOf('B,Ann')
    const digest = await table.skipTo({ offset, line: 5 })
    expect(digest).toBe(createHash('sha256').update(PREAMBLE.subarray(0, offset)).digest('hex'))
    expect((await read(table)).records).toEqual([[5, ['B', 'Ann']]])
    await table.source.close()
  })
})

test('a cursor after a block continues in a file of several blocks', async () => {
  const rows = Array.from({ length: 60_000 }, (_, index) => [`SKU-${index}`, `Näme ${index}`])
  const file = write(gzipSync(['sku,name', ...rows.map((row) => row.join())].join('\n')))
  const layout = { columns: ['sku', 'name'], required: ['sku'] }
  const whole = await CsvTable.open(file, layout)
  const { records, cursors } = await read(whole)
  await whole.source.close()
  expect(records.map(([, cells]) => cells)).toEqual(rows)
  expect(cursors.length).toBeGreaterThan(2)
  for (const cursor of cursors) {
    const table = await CsvTable.open(file, layout)
    expect(await table.skipTo(cursor)).toBe(cursor.sha256)
    expect((await read(table)).records).toEqual(records.filter(([line]) => line >= cursor.line))
    await table.source.close()
  }
})

describe('a table opened by its columns', () => {
  const layout = { columns: ['sku', 'name', 'price'], required: ['sku'] }

  test('finds the delimiter and the columns in any order', async () => {
    const table = await CsvTable.open(write('sep=;\n\nNAME; sku\nWidget, blue;A\n'), layout)
    expect(table.columns).toEqual({ sku: 1, name: 0, price: -1 })
    expect((await read(table)).records).toEqual([[4, ['Widget, blue', 'A']]])
    await table.source.close()
  })

  test.for([
    ['', 'file_empty'],
    [' ,\n', 'file_empty'],
    ['name;price\n', 'columns_missing'],
    ['sku|sku\n', 'column_twice'],
  ] as const)('refuses %j as %s', async ([text, code]) => {
    await expect(CsvTable.open(write(text), layout)).rejects.toMatchObject({ code, exit: 2 })
  })
})
