// Damaged files: whatever happens to a file, an import ends with a reason, with questions, or with counts that add up.
// The files are the same in each run; SEED=2 draws others. A failure prints the file, its changes and a path, which
// replays it as an option of fc.assert.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { openScratchDatabase } from '../../src/database/connection.js'
import { unpackRows } from '../../src/database/packed-rows.js'
import { currencyDecimals } from '../../src/domain/money.js'
import type { Answers } from '../../src/import/mapping/mapping.js'
import type { Understood } from '../../src/import/mapping/understand.js'
import { type FileContent, importBytes, type Outcome } from '../support/import-bytes.js'
import { anyChange } from '../support/mutate.js'
import { storeChunks } from '../support/store-chunks.js'
import { readStrictly, type StrictRecord } from '../support/strict-csv.js'

const FOLDER = join(import.meta.dirname, '../formats')
const FILES = readdirSync(FOLDER)
  .filter((name) => name !== 'README.md' && name !== 'manifest.json')
  .map((name) => ({ name, bytes: readFileSync(join(FOLDER, name)) }))

/** Also without compression, and as UTF-8. */
const BASES = [
  ...FILES,
  ...FILES.filter(({ name }) => name.endsWith('.gz')).map(({ name, bytes }) => ({
    name: name.slice(0, -3),
    bytes: gunzipSync(bytes),
  })),
  ...FILES.filter(({ name }) => name.includes('utf16le')).map(({ name, bytes }) => ({
    name: name.replace('utf16le', 'utf8'),
    bytes: Buffer.from(bytes.toString('utf16le')),
  })),
]

test('there are 33 files, and two of them in another form', () => {
  expect([FILES.length, BASES.length]).toEqual([33, 35])
})

const ANSWERS: readonly Answers[] = [
  { currency: 'USD' },
  { currency: 'USD', decimal: 'point', dateOrder: 'mdy' },
  { currency: 'JPY', decimal: 'comma', dateOrder: 'dmy' },
]

const mutated = fc.record({
  base: fc.constantFrom(...BASES).map(({ name, bytes }) => ({ bytes, [fc.toStringMethod]: () => name })),
  changes: fc.array(anyChange, { minLength: 1, maxLength: 4 }),
  answers: fc.constantFrom(...ANSWERS),
  pieceBytes: fc.constantFrom(97, 1000, 524_288),
  stores: fc.nat({ max: 9 }).map((number) => number === 0),
})

const db = await openScratchDatabase()
afterAll(() => db.destroy())

test('10,000 mutated files: no crash, no hang, counts add up', async () => {
  await fc.assert(
    fc.asyncProperty(mutated, async ({ base, changes, answers, pieceBytes, stores }) => {
      const bytes = changes.reduce<Buffer>((bytes, { apply }) => apply(bytes), base.bytes)
      const outcome = await importBytes(bytes, {
        answers,
        pieceBytes: bytes.length > 100_000 ? bytes.length : pieceBytes,
      })
      if (outcome.kind === 'refused') {
        const { exit, message, fix } = outcome.error
        expect([exit, message !== '', fix !== '']).toEqual([2, true, true])
      } else if (outcome.kind === 'read') {
        const records = expectedRecords(outcome)
        checkCounts(outcome, records)
        checkTotals(outcome, records)
        if (!stores) return
        const whole = await importBytes(bytes, { answers })
        expect(await storeAndCheck(outcome)).toEqual(await storeAndCheck(whole))
      }
    }),
    { seed: Number(process.env['SEED'] ?? 1), numRuns: 10_000 },
  )
})

function expectedRecords({ text, understood: { header, dialect } }: FileContent): StrictRecord[] | undefined {
  return readStrictly(text.toString('utf8', header.end), header.nextLine, widthOf(header.cells), dialect)
}

/** Columns without a name at the end of the header are none. */
const widthOf = (header: readonly string[]) => header.findLastIndex((name) => name.trim() !== '') + 1

function checkCounts(
  { text, understood, chunks, cursor, lines, hasLongRecords }: FileContent,
  records: StrictRecord[] | undefined,
): void {
  expect([cursor.offset, cursor.sha256]).toEqual([text.length, createHash('sha256').update(text).digest('hex')])
  const last = chunks.at(-1)?.state
  const count = (of: (chunk: FileContent['chunks'][number]) => number) =>
    chunks.reduce((sum, chunk) => sum + of(chunk), 0)
  const skipped = count(({ skippedCount }) => skippedCount)
  expect(Object.values(last?.skipped ?? {}).reduce((sum, number) => sum + number, 0)).toBe(skipped)
  const rows = count(({ chunk, rejected }) => chunk.lineCount + rejected.length) + skipped
  if (!understood.mapping.items) expect(rows).toBe(lines)
  if (records) expect(lines).toBe(records.length)
  else if (!hasLongRecords) {
    // A blank record can span lines: a quote alone on each of two.
    const physical = physicalLines(text, understood)
    expect(lines).toBeLessThanOrEqual(physical)
    if (!last?.skipped['blank']) expect(lines).toBe(physical)
  }
}

function checkTotals({ chunks, understood }: FileContent, records: StrictRecord[] | undefined): void {
  const { mapping, header } = understood
  const byLine = new Map(mapping.items ? [] : records?.map(({ line, cells }) => [line, cells]))
  for (const { chunk } of chunks) {
    const orders = new Map(unpackRows(chunk.orders).map((order) => [order.reference, order]))
    const sums = new Map<string, number>()
    for (const line of unpackRows(chunk.lines)) {
      const { reference, quantity, unit_price, total, line_number } = line
      sums.set(reference, (sums.get(reference) ?? 0) + total)
      const currency = orders.get(reference)?.currency
      if (!currency) throw new Error(`line ${line_number} has no order`)
      const decimals = currencyDecimals(currency)
      if (unit_price !== null) expect(total).toBe(rounded(BigInt(unit_price) * BigInt(quantity), 4, decimals))
      const cells = byLine.get(line_number)
      if (!cells) continue
      const numberIn = (field: 'quantity' | 'unit_price' | 'line_total') => {
        const text = (mapping.columns[field] ?? [])
          .map((name) => cells[header.cells.findIndex((cell) => cell.trim() === name)]?.trim())
          .find((cell) => cell)
        if (text === undefined) return undefined
        // 2.0 is two units with either mark.
        const plain = field === 'quantity' ? text.replace(/^(\d+)[.,]00?$/, '$1') : text
        return readPlainly(plain, mapping.decimal)
      }
      expect([numberIn('quantity')]).toEqual([{ digits: BigInt(quantity), decimals: 0 }])
      if (unit_price === null) {
        const { digits, decimals: scale } = numberIn('line_total') ?? { digits: -1n, decimals: 0 }
        expect(total).toBe(rounded(digits, scale, decimals))
      } else {
        const { digits, decimals: scale } = numberIn('unit_price') ?? { digits: -1n, decimals: 0 }
        expect(BigInt(unit_price) * 10n ** BigInt(scale)).toBe(digits * 10_000n)
      }
    }
    expect([...sums]).toEqual([...orders.values()].map(({ reference, total }) => [reference, total]))
  }
}

let files = 0

/** @returns what must not depend on the chunks */
async function storeAndCheck(outcome: Outcome) {
  if (outcome.kind !== 'read') throw new Error(outcome.kind)
  const { chunks } = outcome
  const source = `file-${files++}`
  const { counts, notImported } = await storeChunks(db, source, chunks)
  const { rows, imported, duplicates, conflicts, rejected, skipped } = counts
  expect([imported + rejected + skipped, duplicates, conflicts]).toEqual([rows, 0, 0])
  const stored = await db
    .selectFrom('orders')
    .innerJoin('order_lines as line', 'line.order_id', 'orders.id')
    .where('orders.source', '=', source)
    .select(['orders.id', 'orders.total', 'reference', 'line_number', 'quantity', 'line.total as line_total'])
    .orderBy('line_number')
    .execute()
  const read = new Map(chunks.flatMap(({ chunk }) => unpackRows(chunk.lines).map((line) => [line.line_number, line])))
  const sums = new Map<string, number>()
  for (const { reference, line_number, quantity, line_total } of stored) {
    expect(read.get(line_number)).toMatchObject({ reference, quantity, total: line_total })
    sums.set(reference, (sums.get(reference) ?? 0) + line_total)
  }
  for (const { reference, total } of stored) expect(total).toBe(sums.get(reference))
  expect([stored.length, sums.size]).toEqual([counts.imported, counts.orders])
  const { products_created: _, ...others } = counts
  return { counts: others, notImported, lines: stored.map(({ id: _, ...line }) => line) }
}

/** Lines after the header. */
function physicalLines(text: Buffer, { header, dialect }: Understood): number {
  const lines = text.toString('utf8', header.end).split(dialect.lineEnding)
  return lines.at(-1) === '' ? lines.length - 1 : lines.length
}

/** Half up. */
function rounded(digits: bigint, from: number, to: number): number {
  const divisor = 10n ** BigInt(Math.max(0, from - to))
  const scaled = digits * 10n ** BigInt(Math.max(0, to - from))
  return Number((scaled * 2n + divisor) / (2n * divisor))
}

/** The digits of a number, without zeros at the end of its decimals. */
function readPlainly(text: string, mark: 'point' | 'comma' | undefined) {
  if (mark === undefined && /[.,]/.test(text)) throw new Error(`${text} is read without evidence`)
  const [whole = '', fraction = ''] = text.replace(mark === 'comma' ? /[^\d,]/g : /[^\d.]/g, '').split(/[.,]/)
  const decimals = fraction.replace(/0+$/, '')
  return { digits: BigInt(whole + decimals), decimals: decimals.length }
}
