// Records are read as Python's csv module and Excel read them, and a malformed line affects no other.

import { describe, expect, test } from 'vitest'
import type { Dialect } from '../../src/csv/dialect.js'
import { COMMA, readRecords } from './read.js'

const cellsOf = (line: string, dialect: Dialect = COMMA) => readRecords([line], dialect, 3)[0]?.[1]

describe('a quote', () => {
  // Cells as printed by Python 3.11: next(csv.reader([line])).
  test.for([
    ['5" pipe,b,c', ['5" pipe', 'b', 'c']],
    ['"5" pipe,b,c', ['5 pipe', 'b', 'c']],
    ['"a" ,b,c', ['a ', 'b', 'c']],
    [' "a,b",c', [' "a', 'b"', 'c']],
    ['"a""b",c', ['a"b', 'c']],
    ['"",b,""', ['', 'b', '']],
    ['"""",b', ['"', 'b']],
    ['"a"b"c",d', ['ab"c"', 'd']],
    ['a"",b', ['a""', 'b']],
    ['"a,b",c', ['a,b', 'c']],
    ["'a,b',c", ["'a", "b'", 'c']],
  ] as const)('in %s is read as Python reads it', ([line, cells]) => {
    expect(cellsOf(line)).toEqual(cells)
  })

  test('is a letter in a dialect without quotes', () => {
    expect(cellsOf('"a,b",c', { ...COMMA, quotes: false })).toEqual(['"a', 'b"', 'c'])
  })

  test('that opens a cell may span lines, and the next record keeps its line number', () => {
    expect(readRecords(['a,"x\r\n\ny",c\r\nd,e,f\n'], COMMA, 3)).toEqual([
      [1, ['a', 'x\r\n\ny', 'c']],
      [4, ['d', 'e', 'f']],
    ])
  })

  test.for([
    ['is not closed', 'a,"x,c\nd,e,f\ng,h,i\n'],
    ['is closed by one that opens a later cell', 'a,"x,c\nd,e,f\n"g",h,i\n'],
    ['is closed by the mark of inches', 'a,"x,c\nd,e,f\ng,5",i,j\n'],
    ['is closed on a later line, whose values are too few', 'a,"x,c\nd,e,f\ng,h"\n'],
    ['is closed on a later line, whose values are too many', 'a,"x,c\nd,e,f\ng",h,i,j\n'],
  ] as const)('that %s costs its own line only', ([, text]) => {
    const [bad, second, ...others] = readRecords([text], COMMA, 3)
    expect(bad).toEqual([1, 'has an unclosed quote'])
    expect(second).toEqual([2, ['d', 'e', 'f']])
    expect(others.map(([line]) => line)).toEqual([3])
  })

  test('that is misplaced in every line takes linear time', () => {
    // Each line closes the quote of the line before it and opens another: joined, they are one record of 18 MB.
    const line = 'a",b,"c,d,e,f\n'
    const lines = readRecords([line.repeat(1_300_000 / 5)], COMMA, 6)
    expect(lines).toHaveLength(1_300_000 / 5)
    expect(new Set(lines.map(([, reason]) => reason))).toEqual(new Set(['has an unclosed quote']))
  })
})

test('a row may be short, or have more values than the header', () => {
  expect(readRecords(['a\nb,,,\nc,d,e,f\n'], COMMA, 3)).toEqual([
    [1, ['a']],
    [2, ['b', '', '', '']],
    [3, ['c', 'd', 'e', 'f']],
  ])
})

test('a quoted line break is read in a row with empty values behind the last column', () => {
  expect(readRecords(['a,"x\ny",c,,\n'], COMMA, 3)).toEqual([[1, ['a', 'x\ny', 'c', '', '']]])
})

test('rows without a value are counted, each with its line', () => {
  const text = '\na,b,c\n,,\n  \n"",\t,""\n\r\nd,e,f\n\n'
  expect(readRecords([text], COMMA, 3)).toEqual([
    [1],
    [2, ['a', 'b', 'c']],
    [3],
    [4],
    [5],
    [6],
    [7, ['d', 'e', 'f']],
    [8],
  ])
})

describe('a carriage return', () => {
  const reason = expect.stringMatching(/^contains a lone carriage return \(CR\)/)

  test.for(['a,b\rc,d', '"a",b\rc', '"a"\r,b', 'a\r"b",c'])('alone in %j is an error of its line', (line) => {
    expect(readRecords([`${line}\nd,e,f\n`], COMMA, 3)).toEqual([
      [1, reason],
      [2, ['d', 'e', 'f']],
    ])
  })

  test('in quotes is part of the value', () => {
    expect(cellsOf('a,"b\rc",d\n')).toEqual(['a', 'b\rc', 'd'])
  })

  test('that is written twice ends the line', () => {
    expect(readRecords(['a,b\r\r\n"c",d\r\r\n'], COMMA, 2)).toEqual([
      [1, ['a', 'b']],
      [2, ['c', 'd']],
    ])
  })

  test('ends the lines of a file without line feeds; a line feed in it is an error', () => {
    expect(readRecords(['a,"b\rc"\rd\ne,f\rg,h'], { ...COMMA, lineEnding: '\r' }, 2)).toEqual([
      [1, ['a', 'b\rc']],
      [3, expect.stringMatching(/^contains a line feed \(LF\)/)],
      [4, ['g', 'h']],
    ])
  })
})
