// Properties of the import's parts that hold for any input: reading records, and reading values.

import { createHash } from 'node:crypto'
import { parse } from 'csv-parse/sync'
import { stringify } from 'csv-stringify/sync'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readDate } from '../../src/csv/dates.js'
import { RecordReader } from '../../src/csv/records.js'
import { MAX_QUANTITY, readPrice, readQuantity } from '../../src/csv/values.js'

/** A record with its cells, or a broken line with the reason. */
interface Seen {
  readonly cells?: readonly string[]
  readonly reason?: string
  readonly line: number
  readonly start: number
  readonly bytes: string
}

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

/**
 * Reads the pieces one after the other. After each, the digest must be that of the bytes before the cursor, and the
 * places of its records must refer to one window.
 */
function read(pieces: readonly Buffer[], lineEnding: '\n' | '\r', width: number) {
  const all = Buffer.concat(pieces)
  const seen: Seen[] = []
  const windows = new Set<Buffer>()
  const reader: RecordReader = new RecordReader(
    {
      record: (cells, { line, start, end }, window) => {
        windows.add(window)
        seen.push({ cells, line, start: reader.offset, bytes: window.toString('latin1', start, end) })
      },
      blank: () => {},
      malformed: (raw, line, reason) =>
        seen.push({ reason, line, start: reader.offset, bytes: raw.toString('latin1') }),
    },
    {
      dialect: { delimiter: ',', quotes: true, lineEnding },
      width,
      offset: 0,
      line: 1,
      hash: createHash('sha256'),
    },
  )
  for (const piece of pieces) {
    windows.clear()
    reader.write(piece)
    expect(windows.size).toBeLessThan(2)
    expect(reader.digest).toBe(sha256(all.subarray(0, reader.offset)))
  }
  reader.end()
  expect(reader.offset).toBe(all.length)
  expect(reader.digest).toBe(sha256(all))
  return { seen, line: reader.line }
}

const twoPieces = (bytes: Buffer, at: number) => [bytes.subarray(0, at), bytes.subarray(at)]
const oneByteEach = (bytes: Buffer) => Array.from(bytes, (byte) => Buffer.from([byte]))

const cell = fc.string({
  unit: fc.constantFrom('a', 'é', '😀', '"', ',', '\n', '\r\n', ' ', '0', "'", '\t'),
  maxLength: 4,
})
const table = fc.integer({ min: 2, max: 4 }).chain((width) =>
  fc.record({
    width: fc.constant(width),
    rows: fc.array(fc.array(cell, { minLength: width, maxLength: width }), { minLength: 1, maxLength: 5 }),
    lineEnding: fc.constantFrom('\n', '\r\n', '\r'),
    lastLineEnds: fc.boolean(),
  }),
)

describe('records', () => {
  test('any table, cut at any byte, is read with its cells, lines and bytes', () => {
    fc.assert(
      fc.property(table, ({ width, rows, lineEnding, lastLineEnds }) => {
        const text = stringify(rows, { record_delimiter: lineEnding, eof: lastLineEnds, quoted_match: /[\r\n]/ })
        const bytes = Buffer.from(text)
        const newline = lineEnding === '\r' ? '\r' : '\n'
        const whole = read([bytes], newline, width)

        expect(whole.seen.map((seen) => seen.cells)).toEqual(
          rows.filter((cells) => cells.some((cell) => cell.trim() !== '')),
        )
        for (const seen of whole.seen) {
          const before = bytes.subarray(0, seen.start).toString('latin1')
          expect(seen.line).toBe(before.split(newline).length)
          expect(seen.bytes).toBe(bytes.toString('latin1', seen.start, seen.start + seen.bytes.length))
          const own = parse(Buffer.from(seen.bytes, 'latin1'), { record_delimiter: [lineEnding] })
          expect(own).toEqual([seen.cells])
        }

        expect(read(oneByteEach(bytes), newline, width)).toEqual(whole)
        for (let at = 1; at < bytes.length; at++) expect(read(twoPieces(bytes, at), newline, width)).toEqual(whole)
      }),
      { numRuns: 40 },
    )
  })

  const crooked = fc
    .array(
      fc.oneof(
        { weight: 8, arbitrary: fc.constantFrom('a', ',', '"', '\n', '\r\n', '\r', ' ', 'a,b\n', '"a\nb",c\n', 'é') },
        { weight: 1, arbitrary: fc.uint8Array({ minLength: 1, maxLength: 3 }) },
      ),
      { maxLength: 40 },
    )
    .map((parts) => Buffer.concat(parts.map((part) => Buffer.from(part as Uint8Array))))

  test('any bytes are read without an error, each once and in order, wherever they are cut', () => {
    fc.assert(
      fc.property(crooked, fc.constantFrom<'\n' | '\r'>('\n', '\r'), fc.nat(), (bytes, newline, somewhere) => {
        const whole = read([bytes], newline, 2)
        let end = 0
        for (const { start, bytes: own } of whole.seen) {
          expect(own.length).toBeGreaterThan(0)
          expect(bytes.toString('latin1', end, start)).toMatch(/^[\s,"]*$/)
          expect(bytes.toString('latin1', start, start + own.length)).toBe(own)
          expect(start).toBeGreaterThanOrEqual(end)
          end = start + own.length
        }
        expect(bytes.toString('utf8', end)).toMatch(/^[\s,"]*$/)

        expect(read(oneByteEach(bytes), newline, 2)).toEqual(whole)
        expect(read(twoPieces(bytes, somewhere % (bytes.length + 1)), newline, 2)).toEqual(whole)
      }),
      { numRuns: 400 },
    )
  })
})

describe('values', () => {
  const nearlyANumber = fc.string({
    unit: fc.constantFrom(...'0123456789', '.', ',', '-', '+', 'e', ' ', '٣', 'x'),
    maxLength: 12,
  })
  const decimal = fc.stringMatching(/^[0-9]{1,10}(\.[0-9]{1,5})?$/)

  test('a price is nothing but digits with up to four decimals and zeros, read exactly', () => {
    fc.assert(
      fc.property(fc.oneof(nearlyANumber, decimal), (text) => {
        const [, whole = '', fraction = ''] = /^([0-9]+)(?:\.([0-9]{1,4})0*)?$/.exec(text) ?? []
        if (whole === '' || BigInt(whole) > 1_000_000_000n) expect(() => readPrice(text)).toThrow()
        else expect(readPrice(text)).toBe(Number(`${whole}${fraction.padEnd(4, '0')}`))
      }),
      { numRuns: 10_000 },
    )
  })

  test('a quantity is nothing but digits and zeros for decimals, from 1 to a million', () => {
    fc.assert(
      fc.property(fc.oneof(nearlyANumber, fc.nat({ max: 3_000_000 }).map(String)), (text) => {
        const [, digits = '0'] = /^([0-9]{1,15})(?:\.0+)?$/.exec(text) ?? []
        const value = BigInt(digits)
        if (value >= 1n && value <= BigInt(MAX_QUANTITY)) expect(readQuantity(text)).toBe(Number(digits))
        else expect(() => readQuantity(text)).toThrow()
      }),
      { numRuns: 5000 },
    )
  })

  test('an order date is a day and a time that exist, moved to UTC if it has an offset', () => {
    const part = (max: number) => fc.nat({ max }).map((value) => String(value).padStart(2, '0'))
    const offset = fc.option(fc.tuple(fc.constantFrom('+', '-'), part(16), part(61), fc.constantFrom(':', '')), {
      nil: undefined,
    })
    const year = fc.oneof(fc.integer({ min: 1895, max: 2100 }), fc.constantFrom(1000, 9999))
    fc.assert(
      fc.property(
        year,
        fc.tuple(part(13), part(32), part(25), part(61), part(61)),
        fc.constantFrom(' ', 'T'),
        offset,
        (year, [month, day, hour, minute, second], between, shift) => {
          const local = `${year}-${month}-${day}T${hour}:${minute}:${second}`
          const instant = Date.UTC(year, Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second))
          const exists = new Date(instant).toISOString().startsWith(local) && year >= 1900
          const [sign, hours, minutes, colon] = shift ?? ['+', '00', '00', '']
          const east = (Number(hours) * 60 + Number(minutes)) * (sign === '+' ? 60_000 : -60_000)
          const inUtc = new Date(instant - east).toISOString()
          const sound = exists && Number(hours) <= 14 && Number(minutes) <= 59 && !inUtc.startsWith('+')
          const text = `${local.replace('T', between)}${shift ? `${sign}${hours}${colon}${minutes}` : ''}`
          if (!sound) expect(() => readDate(text, undefined)).toThrow()
          else expect(readDate(text, undefined)).toBe(shift ? inUtc.replace('.000', '') : local)
        },
      ),
      {
        numRuns: 10_000,
        examples: [
          [9999, ['12', '31', '23', '30', '00'], ' ', ['-', '05', '00', ':']],
          [1900, ['01', '01', '00', '00', '00'], 'T', ['+', '14', '00', '']],
        ],
      },
    )
  })
})
