// Changes of files. fast-check draws them, shrinks them, and prints those of a file that fails.
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import iconv from 'iconv-lite'

export interface Change {
  readonly apply: (bytes: Buffer) => Buffer
}

function change<Args>(
  name: string,
  args: { readonly [Name in keyof Args]: fc.Arbitrary<Args[Name]> },
  apply: (bytes: Buffer, args: Args) => Buffer,
): fc.Arbitrary<Change> {
  return fc.record<Args>(args).map((drawn) => ({
    apply: (bytes) => apply(bytes, drawn),
    [fc.toStringMethod]: () => `${name} ${fc.stringify(drawn)}`,
  }))
}

/** The same for a file as lines of latin1 text, so that each byte survives. */
function changeOfLines<Args>(
  name: string,
  args: { readonly [Name in keyof Args]: fc.Arbitrary<Args[Name]> },
  apply: (lines: readonly string[], args: Args) => readonly string[],
): fc.Arbitrary<Change> {
  return change(name, args, (bytes, drawn) =>
    Buffer.from(apply(bytes.toString('latin1').split('\n'), drawn).join('\n'), 'latin1'),
  )
}

/** The same for one line or each one, as cells. */
function changeOfCells<Args>(
  name: string,
  args: { readonly [Name in keyof Args]: fc.Arbitrary<Args[Name]> },
  apply: (cells: readonly string[], args: Args) => readonly string[],
): fc.Arbitrary<Change> {
  const scope = { line: fc.option(place, { freq: 2 }) }
  const scoped = fc.record({ args: fc.record<Args>(args), ...scope })
  return scoped.chain(({ args, line }) =>
    changeOfLines(name, { line: fc.constant(line), args: fc.constant(args) }, (lines) => {
      const delimiter = delimiterOf(lines)
      return lines.map((text, at) =>
        line === null || at === line % lines.length ? apply(text.split(delimiter), args).join(delimiter) : text,
      )
    }),
  )
}

const DELIMITERS = [',', ';', '\t', '|']

/** The one that the first lines have most of. */
function delimiterOf(lines: readonly string[]): string {
  const first = lines.slice(0, 3).join('\n')
  const count = (delimiter: string) => first.split(delimiter).length
  return DELIMITERS.reduce((most, delimiter) => (count(delimiter) > count(most) ? delimiter : most))
}

/** Taken modulo the number of bytes, lines or cells. */
const place = fc.nat({ max: 65_535 })

const PIECES = [
  ...[
    '\0',
    '\uFEFF',
    '\r',
    '\n',
    '\r\n',
    '\r\r\n',
    '"',
    '""',
    '",',
    ',"',
    ',',
    ';',
    '\t',
    '|',
    ' ',
    '\u00a0',
    '\u2028',
  ],
  ...[
    '-',
    '.',
    '1,234',
    '1.234',
    '1,23',
    '1.23',
    '-1',
    '(2.00)',
    '1e3',
    '6.20012E+12',
    '999999999999999999999',
    '0',
    '7',
  ],
  ...['€', '$', 'JPY', 'XAU', 'EUR', '٣', 'é', '注', '01/02/2025', '13/02/2025', '2025-02-30', '1.2.25', 'cancelled'],
  ...['Total', 'sep=;\n', '\n\n\n', '#REF!', '=1+1', '\u001b[2J', 'order_id', 'SKU', 'Price', ''],
].map((text) => Buffer.from(text).toString('latin1'))
/** Bytes that are not UTF-8, in latin1. */
const BROKEN = ['\xe9', '\xff\xfe', '\x81', '\xc3', '\xed\xa0\x80', '\x1f\x8b', '\x80']
const piece = fc.constantFrom(...PIECES, ...BROKEN)

const isIn = (at: number, list: { readonly length: number }) => (list.length === 0 ? 0 : at % list.length)

function splice(bytes: Buffer, at: number, removed: number, added: Buffer): Buffer {
  return Buffer.concat([bytes.subarray(0, at), added, bytes.subarray(at + removed)])
}

/** Exchanges two items. */
function swapped(list: readonly string[], one: number, other: number): string[] {
  const [a, b] = [isIn(one, list), isIn(other, list)]
  return list.map((item, at) => (at === a ? list[b] : at === b ? list[a] : undefined) ?? item)
}

const copied = (list: readonly string[], from: number, to: number) =>
  list.toSpliced(isIn(to, list), 0, list[isIn(from, list)] ?? '')

const replaceAll = (bytes: Buffer, from: string | RegExp, to: string) =>
  Buffer.from(bytes.toString('latin1').replaceAll(from, to), 'latin1')

const ofBytes = [
  change('insert', { at: place, piece }, (bytes, { at, piece }) =>
    splice(bytes, isIn(at, bytes), 0, Buffer.from(piece, 'latin1')),
  ),
  change('overwrite', { at: place, piece }, (bytes, { at, piece }) =>
    splice(bytes, isIn(at, bytes), piece.length, Buffer.from(piece, 'latin1')),
  ),
  change('byte', { at: place, byte: fc.nat({ max: 255 }) }, (bytes, { at, byte }) =>
    splice(bytes, isIn(at, bytes), 1, Buffer.from([byte])),
  ),
  change('remove', { at: place, length: fc.integer({ min: 1, max: 60 }) }, (bytes, { at, length }) =>
    splice(bytes, isIn(at, bytes), length, Buffer.alloc(0)),
  ),
  change(
    'repeat',
    { at: place, length: fc.integer({ min: 1, max: 300 }), times: fc.integer({ min: 1, max: 8 }) },
    (bytes, { at, length, times }) => {
      const start = isIn(at, bytes)
      const part = bytes.subarray(start, start + length)
      return splice(bytes, start, 0, Buffer.concat(Array.from({ length: times }, () => part)))
    },
  ),
  change('truncate', { at: place }, (bytes, { at }) => bytes.subarray(0, isIn(at, bytes))),
]

const ofLines = [
  changeOfLines('copy line', { from: place, to: place }, (lines, { from, to }) => copied(lines, from, to)),
  changeOfLines('swap lines', { one: place, other: place }, (lines, { one, other }) => swapped(lines, one, other)),
  changeOfLines('drop line', { at: place }, (lines, { at }) => lines.toSpliced(isIn(at, lines), 1)),
]

const ofCells = [
  changeOfCells('set cell', { at: place, piece }, (cells, { at, piece }) => cells.with(isIn(at, cells), piece)),
  changeOfCells('add to cell', { at: place, piece }, (cells, { at, piece }) =>
    cells.with(isIn(at, cells), `${cells[isIn(at, cells)]}${piece}`),
  ),
  changeOfCells('swap cells', { one: place, other: place }, (cells, { one, other }) => swapped(cells, one, other)),
  changeOfCells('copy cell', { from: place, to: place }, (cells, { from, to }) => copied(cells, from, to)),
  changeOfCells('drop cell', { at: place }, (cells, { at }) => cells.toSpliced(isIn(at, cells), 1)),
  changeOfCells('quote cells', {}, (cells) => cells.map((cell) => `"${cell.replaceAll('"', '""')}"`)),
]

const delimiter = fc.constantFrom(...DELIMITERS)
const ENCODINGS = ['utf-16le', 'utf-16be', 'windows-1252', 'shift_jis', 'utf-8']

const ofFiles = [
  change('delimiter', { from: delimiter, to: delimiter }, (bytes, { from, to }) => replaceAll(bytes, from, to)),
  change('line ends', { to: fc.constantFrom('\n', '\r\n', '\r', '\r\r\n', '\n\r') }, (bytes, { to }) =>
    replaceAll(bytes, /\r?\n/g, to),
  ),
  change('no quotes', {}, (bytes) => replaceAll(bytes, '"', '')),
  change('encode', { to: fc.constantFrom(...ENCODINGS), addBOM: fc.boolean() }, (bytes, { to, addBOM }) =>
    iconv.encode(bytes.toString(), to, { addBOM }),
  ),
  change('gzip', {}, (bytes) => gzipSync(bytes)),
]

/** Rare, since they take long to read. */
const huge = change(
  'huge',
  {
    at: place,
    length: fc.constantFrom(300, 70_000, 1_100_000),
    filler: fc.constantFrom('x', '"', ',', '\n', '9', ' '),
  },
  (bytes, { at, length, filler }) => splice(bytes, isIn(at, bytes), 0, Buffer.alloc(length, filler)),
)

export const anyChange: fc.Arbitrary<Change> = fc.oneof(
  { weight: 60, arbitrary: fc.oneof(...ofBytes) },
  { weight: 30, arbitrary: fc.oneof(...ofLines) },
  { weight: 60, arbitrary: fc.oneof(...ofCells) },
  { weight: 30, arbitrary: fc.oneof(...ofFiles) },
  { weight: 1, arbitrary: huge },
)
