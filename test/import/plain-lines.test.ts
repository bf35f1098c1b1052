// The fast path for plain lines says what the reader of all other lines says, or leaves the line to it.
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Dialect } from '../../src/csv/dialect.js'
import { RecordReader, type RecordSink } from '../../src/csv/records.js'
import { ChunkBuilder } from '../../src/import/chunk.js'
import { NOTHING_READ } from '../../src/import/file-read.js'
import type { Mapping } from '../../src/import/mapping/mapping.js'

const COLUMNS = ['order', 'customer', 'name', 'sku', 'product', 'units', 'price', 'currency', 'date', 'note']

/** Plain cells of each column, and cells that only look plain. */
const CELLS: Readonly<Record<string, { readonly plain: readonly string[]; readonly hostile: readonly string[] }>> = {
  order: {
    plain: ['A-1', 'A-2', '"A-3"'],
    hostile: ['', ' A-1', 'A-1 ', 'order', '6.2E+12', '1e+5', `${'9'.repeat(101)}`],
  },
  customer: {
    plain: ['C-1', 'C-2', '"C,3"', 'Ann  Lee'],
    hostile: ['', '0', 'guest', 'Ann', 'Ann  Lee', 'C-1\u00a0', '名前'],
  },
  name: {
    plain: ['Ann', '', '"Ann; Lee"', 'Ann  Lee'],
    hostile: ['Ann  Lee', '"Ann ""A"" Lee"', 'An"n', '\ufeffAnn', ' Ann ', 'é'],
  },
  sku: { plain: ['S-1', 'S-2'], hostile: ['', '"S-1" ', '"S"1', '\u00a0', 'name:x', 'ß'.repeat(101)] },
  product: {
    plain: ['Tea', '', '"Tea, green"', 'Thé'],
    hostile: ['\\', 'é'.repeat(256), '"', '\t', '\u0000', '\u0085'],
  },
  units: {
    plain: ['1', '20', '007', '999999'],
    hostile: ['0', '-1', '1.0', '1,0', '1000000', '1000001', '2 pcs', '', '１'],
  },
  price: {
    plain: ['5', '70', '12.50', '12,50', '0.0001', '999999999'],
    hostile: ['.5', '5.', '1.00001', '1.500000', '1000000001', '-1', '$5', '1,299.99', '1.299,99', '5.5.5', '', '٣'],
  },
  currency: { plain: ['USD', 'JPY', 'BHD', '"EUR"'], hostile: ['usd', 'XXX', 'ABC', '€', '', 'US', 'USDX', ' EUR'] },
  date: {
    plain: ['2025-01-15', '2025-01-15 17:41', '2025-02-28T23:59:59', '2024-02-29'],
    hostile: [
      '2025-02-29',
      '2025-01-15 24:00',
      '2025-01-15 17:60:00',
      '1899-12-31',
      '1969-12-31',
      '2999-01-01',
      '',
    ].concat(
      ['2025-1-15', '15.01.2025', '2025-01-15Z', '2025-01-15T17:41:00Z', '2025/01/15', '2025-01-15  7:41', '20250115'],
      ['2025-01-15 17.41', '2025-01-15x17:41', '2025-01-15T17:41:6x', '２025-01-15'],
    ),
  },
  note: { plain: ['', 'x', '"a,b"'], hostile: ['"', '"x"y', '"\n"', '\r', 'a;b', '\ufffd', ' '] },
}

const FIELDS = {
  order_id: ['order'],
  customer_id: ['customer'],
  customer_name: ['name'],
  product_sku: ['sku', 'note'],
  product_name: ['product'],
  quantity: ['units'],
  unit_price: ['price'],
  currency: ['currency'],
  order_date: ['date'],
}

const cellOf = (column: string) => {
  const { plain = [], hostile = [] } = CELLS[column] ?? {}
  return fc.oneof(
    { weight: 60, arbitrary: fc.constantFrom(...plain) },
    { weight: 1, arbitrary: fc.constantFrom(...hostile) },
  )
}

const cellsOfLine = fc
  .tuple(...COLUMNS.map(cellOf))
  .chain((cells) =>
    fc.oneof(
      { weight: 20, arbitrary: fc.constant(cells) },
      { weight: 1, arbitrary: fc.constantFrom(cells.slice(0, -1), [...cells, ''], [...cells, 'x'], [''], COLUMNS) },
    ),
  )

/** A file with a carriage return inside a line is left to the slow path. */
const lineEnd = fc.oneof(
  { weight: 60, arbitrary: fc.constantFrom('\n', '\r\n') },
  { weight: 1, arbitrary: fc.constant('\r\r\n') },
)

const alsoInNotes = (field: string) => ({ [field]: [...(FIELDS[field as keyof typeof FIELDS] ?? []), 'note'] })

const file = fc.record({
  lines: fc.array(fc.tuple(cellsOfLine, lineEnd), { minLength: 3, maxLength: 12, size: 'max' }),
  lastEnds: fc.boolean(),
  dialect: fc.record({
    delimiter: fc.constantFrom(',', ',', ';', '\t', '|'),
    quotes: fc.constantFrom(true, true, true, false),
    lineEnding: fc.constant('\n'),
  }) as fc.Arbitrary<Dialect>,
  choices: fc.record(
    {
      decimal: fc.constantFrom('point', 'comma'),
      noCustomer: fc.constant(['0']),
      guests: fc.constant(false),
      unsold: fc.constant(false),
      currency: fc.constantFrom('USD', 'JPY'),
    },
    { requiredKeys: [] },
  ) as fc.Arbitrary<Partial<Mapping>>,
  rules: fc.constantFrom<Partial<Mapping>>(
    ...[{}, {}, {}, {}, {}, {}],
    { footers: ['A-2'] },
    { skip: [{ reason: 'test', column: 'note', is: ['x'] }] },
    { continued: true },
  ),
  several: fc.constantFrom(
    ...Array.from({ length: 12 }, () => ({})),
    ...['product_name', 'currency', 'quantity'].map(alsoInNotes),
  ),
  priceName: fc.constantFrom(...Array.from({ length: 9 }, () => 'price'), 'price EUR', 'price ($)', 'price €'),
  dateName: fc.constantFrom('date', 'date', 'date (UTC)'),
  without: fc.subarray(['customer_name', 'product_name', 'currency', 'line_total'], { maxLength: 2 }),
  cut: fc.nat(),
  anyDate: fc.boolean(),
})

test('plain lines read the same on the fast path and without it', () => {
  let fast = 0
  fc.assert(
    fc.property(
      file,
      ({ lines, lastEnds, dialect, choices, rules, several, priceName, dateName, without, cut, anyDate }) => {
        const named = Object.entries({ ...FIELDS, ...several }).filter(([field]) => !without.includes(field))
        const columns = { ...Object.fromEntries(named), unit_price: [priceName], order_date: [dateName] }
        const header = COLUMNS.map((name) => ({ price: priceName, date: dateName })[name] ?? name)
        const mapping = { preset: null, columns, ...choices, ...rules }
        const text = lines.map(([cells, ending]) => cells.join(dialect.delimiter) + ending).join('')
        const bytes = Buffer.from(lastEnds ? text : text.trimEnd())
        const builders = [0, 1].map(() => {
          const source = { header, mapping, dialect, encoding: 'utf-8', state: NOTHING_READ }
          return new ChunkBuilder(source, { timeZone: 'Europe/Berlin', anyDate })
        }) as [ChunkBuilder, ChunkBuilder]
        const [builder, slow] = builders
        const counting: RecordSink = Object.assign(sinkOf(builder), {
          plain(window: Buffer, start: number, line: number) {
            const end = builder.plain(window, start, line)
            if (end > 0) fast++
            return end
          },
        })
        expect(readWith(counting, builder, dialect, bytes, cut)).toEqual(
          readWith(sinkOf(slow), slow, dialect, bytes, cut),
        )
      },
    ),
    { numRuns: 3000 },
  )
  // Otherwise, this compares the slow path with itself.
  expect(fast).toBeGreaterThan(2000)
})

/** The sink without the fast path. */
function sinkOf(builder: ChunkBuilder): RecordSink {
  return {
    record: (cells, position, window) => builder.record(cells, position, window),
    blank: () => builder.blank(),
    malformed: (raw, line, reason) => builder.malformed(raw, line, reason),
  }
}

/** Reads the bytes in two pieces, each a chunk. */
function readWith(sink: RecordSink, builder: ChunkBuilder, dialect: Dialect, bytes: Buffer, cut: number) {
  const start = { offset: 0, line: 2, hash: createHash('sha256') }
  const reader = new RecordReader(sink, { dialect, width: COLUMNS.length, ...start })
  const at = cut % (bytes.length + 1)
  const chunks = [bytes.subarray(0, at), bytes.subarray(at)].map((piece) => {
    reader.write(piece)
    return builder.take()
  })
  reader.end()
  return [...chunks, builder.take(), { offset: reader.offset, line: reader.line, sha256: reader.digest }]
}
