// Rows are read from the start of a file, in any dialect, with their places.

import { describe, expect, test } from 'vitest'
import { detectLineEnding, readRows, readSeparatorLine } from '../../src/csv/dialect.js'
import { findHeader } from '../../src/csv/header.js'
import { COMMA } from './read.js'

describe('rows', () => {
  const text = Buffer.from('Report é\n\n"order\nid",name\nA-1,Ann\nA-2,"Bo')

  test('have their lines and bytes, blank ones too; the last may be cut', () => {
    expect(readRows(text, COMMA, { limit: 10 })).toEqual([
      { cells: ['Report é'], line: 1, end: 10, nextLine: 2 },
      { cells: [''], line: 2, end: 11, nextLine: 3 },
      { cells: ['order\nid', 'name'], line: 3, end: 27, nextLine: 5 },
      { cells: ['A-1', 'Ann'], line: 5, end: 35, nextLine: 6 },
      { cells: ['A-2', '"Bo'], line: 6, end: 42, nextLine: 7 },
    ])
  })

  test('are read from a position on, up to a limit', () => {
    const [, second] = readRows(text, COMMA, { limit: 2 })
    expect(readRows(text, COMMA, { from: second, limit: 1 })).toEqual([
      { cells: ['order\nid', 'name'], line: 3, end: 27, nextLine: 5 },
    ])
  })

  test('with an unclosed quote or a lone carriage return are lines of their own', () => {
    const rows = readRows(Buffer.from('a,"b\nc,d"e\nf\rg,h\ni,j\n'), COMMA, { limit: 9 })
    expect(rows.map(({ cells, line }) => [line, cells])).toEqual([
      [1, ['a', '"b']],
      [2, ['c', 'd"e']],
      [3, ['f\rg,h']],
      [4, ['i', 'j']],
    ])
  })

  test('of text full of misplaced quotes are read in linear time', () => {
    const line = 'a",b,"c\n'
    expect(readRows(Buffer.from(line.repeat(60_000)), COMMA, { limit: 1000 })).toHaveLength(1000)
  })
})

test.for([
  ['a,b\nc,d\n', '\n'],
  ['a,b\r\nc,d\r\n', '\n'],
  ['a,b\rc,d\r', '\r'],
  ['a,b', '\n'],
  ['a,"x\ny\nz"\rc,d\r', '\r'],
  ['a,"x\ry\rz"\nc,d\n', '\n'],
  ['a,b\rc\nd,e\nf,g\n', '\n'],
] as const)('the line ending of %j is %j', ([text, ending]) => {
  expect(detectLineEnding(Buffer.from(text))).toBe(ending)
})

test.for([
  ['sep=;\na', ';', 6],
  ['"sep=;"\r\na', ';', 9],
  ['SEP=\t\ra', '\t', 6],
  ['sep=,', ',', 5],
] as const)('the first line of %j names the delimiter', ([text, delimiter, end]) => {
  expect(readSeparatorLine(Buffer.from(text))).toEqual({ delimiter, rest: { end, nextLine: 2 } })
})

test.for(['sep=;a\n', 'sep=x\n', 'a\nsep=;\n', 'separator=;\n'])('%j has no separator line', (text) => {
  expect(readSeparatorLine(Buffer.from(text))).toBeUndefined()
})

describe('a header by known columns', () => {
  const columns = ['sku', 'name', 'price']

  test.for([
    ['sku,name,price\n', ','],
    ['\n ; ;\nSKU; Name;price\n', ';'],
    ['"sku"\t"name, full"\tprice\r\n', '\t'],
    ['sku|name\r', '|'],
    ['sku\n', ','],
    ['sep=;\nsku,name;name\n', ';'],
  ] as const)('%j is read with its delimiter', ([text, delimiter]) => {
    const { dialect, header } = findHeader(Buffer.from(text), columns)
    expect(dialect.delimiter).toBe(delimiter)
    expect(header?.end).toBe(text.length)
  })

  test.for(['', '\n\n ,,\n'])('%j has none', (text) => {
    expect(findHeader(Buffer.from(text), columns).header).toBeUndefined()
  })
})
