// A table of text reads back the same from any dialect, encoding and compression, wherever its bytes are cut.

import { gzipSync } from 'node:zlib'
import { stringify } from 'csv-stringify/sync'
import fc from 'fast-check'
import iconv from 'iconv-lite'
import { expect, test } from 'vitest'
import { decompress } from '../../src/csv/compression.js'
import { DELIMITERS, type Dialect } from '../../src/csv/dialect.js'
import { decode, detectEncoding } from '../../src/csv/encoding.js'
import { readRecords } from './read.js'

const ASCII = ['a', '"', ',', ';', '\t', '|', '\n', '\r\n', '\r', ' ', '0', "'"]
const LETTERS: Readonly<Record<string, readonly string[]>> = {
  'utf-8': ['é', '😀', '\uFEFF'],
  'utf-16le': ['é', '😀', '注'],
  'utf-16be': ['é', '😀', '注'],
  'windows-1252': ['é', '€', '’'],
  shift_jis: ['注', '文', 'ｱ'],
}

const written = fc.record({
  encoding: fc.constantFrom(...Object.keys(LETTERS)),
  width: fc.integer({ min: 2, max: 4 }),
  delimiter: fc.constantFrom(...DELIMITERS),
  lineEnding: fc.constantFrom('\n', '\r\n', '\r'),
  quoteAll: fc.boolean(),
  lastLineEnds: fc.boolean(),
})
const tables = written.chain((format) => {
  const unit = fc.constantFrom(...ASCII, ...(LETTERS[format.encoding] ?? []))
  const cell = fc.string({ unit, maxLength: 5 })
  const row = fc.array(cell, { minLength: format.width, maxLength: format.width })
  // The first row shows that the file is text.
  return fc.record({ format: fc.constant(format), rows: fc.array(row, { minLength: 1, maxLength: 4 }) })
})

async function* pieces(bytes: Buffer, size: number) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function all(blocks: AsyncIterable<Buffer>) {
  const found: Buffer[] = []
  for await (const block of blocks) found.push(block)
  return found
}

const isBlank = (cells: readonly string[]) => cells.every((cell) => cell.trim() === '')

test('any table of text reads back the same', async () => {
  await fc.assert(
    fc.asyncProperty(tables, fc.integer({ min: 1, max: 9 }), async ({ format, rows }, size) => {
      const { encoding, width, delimiter, lineEnding, quoteAll, lastLineEnds } = format
      const text = stringify(rows, {
        delimiter,
        record_delimiter: lineEnding,
        quoted: quoteAll,
        quoted_match: /[\r\n]/,
        eof: lastLineEnds,
      })
      const dialect: Dialect = { delimiter, quotes: true, lineEnding: lineEnding === '\r' ? '\r' : '\n' }
      const bytes = iconv.encode(text, encoding)
      const gzip = await all(decompress(pieces(gzipSync(bytes), size), 'gzip', 'orders.csv'))
      expect(Buffer.concat(gzip).equals(bytes)).toBe(true)
      const blocks = encoding === 'utf-8' ? pieces(bytes, size) : decode(pieces(bytes, size), encoding)
      const content = await all(blocks)
      expect(Buffer.concat(content).toString()).toBe(encoding === 'utf-8' ? text : text.replace(/^\uFEFF/, ''))

      const whole = readRecords([Buffer.concat(content)], dialect, width)
      expect(whole.map(([, cells]) => cells)).toEqual(rows.map((cells) => (isBlank(cells) ? undefined : cells)))
      expect(readRecords(content, dialect, width)).toEqual(whole)
    }),
    { numRuns: 300 },
  )
})

test('no text of UTF-8 is taken for another encoding', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.boolean(), (text, isWhole) => {
      fc.pre(!text.includes('\0'))
      expect(detectEncoding(Buffer.from(text), isWhole, 'orders.csv')).toBe('utf-8')
    }),
    { numRuns: 2000 },
  )
})
