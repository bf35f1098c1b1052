// However a file is cut into chunks, and whatever was stored before, an import stores the same rows: those that follow
// from the rules, which this test works out in a plain way.
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { type RawBuilder, sql } from 'kysely'
import { expect, test } from 'vitest'
import type { Dialect } from '../../src/csv/dialect.js'
import { RecordReader } from '../../src/csv/records.js'
import { type Database, openScratchDatabase } from '../../src/database/connection.js'
import { ChunkBuilder } from '../../src/import/chunk.js'
import { NOTHING_READ } from '../../src/import/file-read.js'
import type { Mapping } from '../../src/import/mapping/mapping.js'
import { presetNamed } from '../../src/import/mapping/presets.js'
import { HEADER } from '../support/lines.js'
import { storeChunks } from '../support/store-chunks.js'

const DIALECT: Dialect = { delimiter: ',', quotes: true, lineEnding: '\n' }
const COLUMNS = HEADER.split(',')
const MAPPING: Mapping = { ...presetNamed('orderctl').mapping, decimal: 'point' }

interface Draft {
  readonly reference: string
  readonly customer: string
  readonly name: string
  readonly date: string
  readonly sku: string
  readonly quantity: number
  /** In ten-thousandths of a dollar. */
  readonly price: number
  readonly flaw: 'none' | 'quantity' | 'open quote'
}

function text({ reference, customer, name, date, sku, quantity, price, flaw }: Draft): string {
  const shownName = flaw === 'open quote' ? `"${name}` : name
  const shownQuantity = flaw === 'quantity' ? 'many' : quantity
  const cells = [reference, customer, shownName, sku, `Product ${sku}`, shownQuantity, price / 10_000, 'USD', date]
  return `${cells.join(',')}\n`
}

/** Imports the lines, cut at the given bytes. Returns the counts, the lines not imported, and what is stored. */
async function importLines(db: Database, drafts: readonly Draft[], cuts: readonly number[]) {
  const bytes = Buffer.from(drafts.map(text).join(''))
  const builder = new ChunkBuilder(
    { header: COLUMNS, mapping: MAPPING, dialect: DIALECT, encoding: 'utf-8', state: NOTHING_READ },
    { timeZone: 'UTC', anyDate: true },
  )
  const start = { offset: 0, line: 2, hash: createHash('sha256') }
  const reader = new RecordReader(builder, { dialect: DIALECT, width: COLUMNS.length, ...start })
  const at = [0, ...new Set(cuts.map((cut) => cut % (bytes.length + 1))), bytes.length].sort((a, b) => a - b)
  const chunks = at.slice(0, -1).map((from, index) => {
    reader.write(bytes.subarray(from, at[index + 1]))
    return builder.take()
  })
  reader.end()
  const { run, counts, notImported } = await storeChunks(db, 'default', [...chunks, builder.take()])

  const read = async (query: RawBuilder<unknown>) => (await query.execute(db)).rows
  return {
    counts,
    notImported,
    orders: await read(sql`select reference, customers.customer_id, ordered_at, business_day, total
      from orders join customers on customers.id = orders.customer_id order by reference`),
    lines: await read(sql`select reference, line_number, sku, quantity, line.unit_price, line.total
      from order_lines as line join orders on orders.id = order_id join products on products.id = product_id
      where orders.import_id = ${run.id} order by line_number`),
    customers: await read(sql`select customer_id, name from customers order by customer_id`),
    products: await read(sql`select sku, name, on_hand, delta from products
      left join stock_adjustments on product_id = products.id order by sku`),
    leftOver: await read(sql`select reference from import_asides union all select reference from import_spoiled`),
  }
}

type Line = Draft & { readonly line: number }

function ordersOf(drafts: readonly Draft[]): Map<string, Line[]> {
  const orders = new Map<string, Line[]>()
  for (const [index, draft] of drafts.entries()) {
    orders.set(draft.reference, [...(orders.get(draft.reference) ?? []), { ...draft, line: index + 2 }])
  }
  return orders
}

const isSound = (lines: readonly Line[]) =>
  lines.every(({ flaw, customer }) => flaw === 'none' && customer === lines[0]?.customer)

/** Whether the order has the same line twice, with lines of other orders between them. */
const isRepeated = (lines: readonly Line[]) =>
  lines.some((one, from) => {
    const same = ({ sku, quantity, price }: Line) =>
      sku === one.sku && quantity === one.quantity && cents(price * quantity) === cents(one.price * one.quantity)
    return lines.some((other, to) => to > from && same(other) && other.line - one.line > to - from)
  })

/** Rounded half up. */
const cents = (price: number) => Math.floor((price + 50) / 100)

/** What two orders must share to be the same one. An order has the date of its first line. */
const content = (lines: readonly Line[]) =>
  lines
    .map(({ customer, sku, quantity, price }) => [customer, lines[0]?.date, sku, quantity, price].join())
    .sort()
    .join(';')

/** What the second file comes to after the first, by the rules of the README. */
function expected(first: readonly Draft[], second: readonly Draft[]) {
  const earlier = new Map([...ordersOf(first)].filter(([, lines]) => !isRepeated(lines)))
  const file = ordersOf(second)
  const fate = ([reference, lines]: [string, Line[]]) => {
    const stored = earlier.get(reference)
    if (!isSound(lines)) return 'rejected'
    if (!stored) return isRepeated(lines) ? 'rejected' : 'imported'
    return content(stored) === content(lines) ? 'duplicate' : 'conflict'
  }
  const of = (wanted: string) => [...file].filter((entry) => fate(entry) === wanted).flatMap(([, lines]) => lines)
  const imported = of('imported')
  const totals = new Map<string, number>()
  for (const { reference, price, quantity } of imported) {
    totals.set(reference, (totals.get(reference) ?? 0) + cents(price * quantity))
  }
  const skusBefore = new Set([...earlier.values()].flat().map(({ sku }) => sku))
  return {
    counts: {
      rows: second.length,
      orders: totals.size,
      imported: imported.length,
      duplicates: of('duplicate').length,
      conflicts: of('conflict').length,
      skipped: 0,
      rejected: of('rejected').length,
      products_created: new Set(imported.map(({ sku }) => sku).filter((sku) => !skusBefore.has(sku))).size,
    },
    notImported: [...of('conflict'), ...of('rejected')].map(({ line }) => line).sort((a, b) => a - b),
    orders: expect.arrayContaining(
      [...totals].map(([reference, total]) => expect.objectContaining({ reference, total })),
    ),
    leftOver: [],
  }
}

const REFERENCES = ['R-0', 'R-1', 'R-2', 'R-3', 'R-4']
const CHANGES: readonly Partial<Draft>[] = [
  { flaw: 'quantity' },
  { flaw: 'open quote' },
  { customer: 'C-3' },
  { date: '2025-01-17' },
  { quantity: 9 },
  { name: 'Other' },
]
const line = fc.record({
  reference: fc.constantFrom(...REFERENCES),
  sku: fc.constantFrom('S-1', 'S-2', 'S-3'),
  quantity: fc.integer({ min: 1, max: 3 }),
  price: fc.constantFrom(10_000, 25, 99_950),
  /** What the file has otherwise than the earlier import, and how often it has the line. */
  change: fc.oneof({ weight: 20, arbitrary: fc.constant({}) }, fc.constantFrom(...CHANGES)),
  copies: fc.oneof({ weight: 20, arbitrary: fc.constant(1) }, fc.constantFrom(0, 2)),
})
const story = {
  lines: fc.array(line, { minLength: 1, maxLength: 12 }),
  storedBefore: fc.subarray(REFERENCES),
  cuts: fc.array(fc.nat({ max: 5000 }), { maxLength: 8 }),
}

test('any lines, in any chunks, after any earlier import, are stored by the rules', async () => {
  await fc.assert(
    fc.asyncProperty(fc.record(story), async ({ lines, storedBefore, cuts }) => {
      const drafts = lines.map(({ change, copies, ...sold }) => {
        const customer = sold.reference < 'R-3' ? 'C-1' : 'C-2'
        const date = sold.reference < 'R-2' ? '2025-01-15' : '2025-01-16'
        const draft: Draft = { ...sold, customer, name: `Name of ${customer}`, date, flaw: 'none' }
        return { draft, changed: Array.from({ length: copies }, (): Draft => ({ ...draft, ...change })) }
      })
      const earlier = drafts.map(({ draft }) => draft).filter(({ reference }) => storedBefore.includes(reference))
      const file = drafts.flatMap(({ changed }) => changed).reverse()
      const outcomes = []
      for (const places of [[], cuts, Array.from({ length: 40 }, (_, at) => at * 41)]) {
        const db = await openScratchDatabase()
        try {
          await importLines(db, earlier, [])
          outcomes.push(await importLines(db, file, places))
        } finally {
          await db.destroy()
        }
      }
      const [whole, ...others] = outcomes
      expect(whole).toMatchObject(expected(earlier, file))
      for (const other of others) expect(other).toEqual(whole)
    }),
    { numRuns: 120 },
  )
})
