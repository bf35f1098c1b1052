// What the start of an order file would become. Writes nothing and needs no database.
import type { Content } from '../csv/content.js'
import { CsvTable } from '../csv/table.js'
import { unpackRows } from '../database/packed-rows.js'
import { groupBy } from '../domain/batches.js'
import { formatPrice, type Money } from '../domain/money.js'
import { ChunkBuilder, type ChunkOptions, type RejectedLine } from './chunk.js'
import type { Chunk } from './chunk-rows.js'
import { NOTHING_READ } from './file-read.js'
import { ItemNumbers } from './items.js'
import type { Understood } from './mapping/understand.js'

export interface SampleOrder {
  readonly order_id: string
  readonly order_date: string
  readonly customer_id: string
  readonly customer_name: string
  readonly total: Money
  readonly lines: readonly {
    readonly line: number
    readonly sku: string
    readonly name: string
    readonly quantity: number
    /** Null if the file has only the total of the line. */
    readonly unit_price: number | null
    readonly total: Money
  }[]
}

export interface Sample {
  /** Lines read after the header. */
  readonly rows: number
  /** Whether these are all lines of the file. */
  readonly isComplete: boolean
  readonly orders: number
  readonly imported: number
  /** Number of lines by reason. */
  readonly skipped: Readonly<Record<string, number>>
  readonly rejected: readonly Pick<RejectedLine, 'line' | 'column' | 'reason'>[]
  readonly first: readonly SampleOrder[]
}

/** Orders that are shown in full. */
const FIRST = 3

/**
 * Reads about a block from the start of the file.
 *
 * @param content at its first byte
 * @param understood without questions
 */
export async function readSample(
  content: Content,
  { header, mapping, dialect }: Understood,
  options: ChunkOptions,
): Promise<Sample> {
  const { encoding } = content
  const source = { header: header.cells, mapping, dialect, encoding, state: NOTHING_READ }
  const builder = new ChunkBuilder(source, options)
  let isComplete = false
  for await (const _ of CsvTable.over(content, dialect, header).read(builder)) {
    isComplete = (await content.peek(1)).length === 0
    // Another round reads the last line, if it has no line ending.
    if (!isComplete) break
  }
  const { chunk, rejected, skippedCount, state } = builder.take()
  const rows = chunk.lineCount + rejected.length + skippedCount
  const counts = { rows, isComplete, orders: chunk.orderCount, imported: chunk.lineCount, skipped: state.skipped }
  const examples = rejected.map(({ line, column, reason }) => ({ line, column, reason }))
  return { ...counts, rejected: examples, first: firstOrders(chunk, new ItemNumbers(header.cells, mapping)) }
}

function firstOrders(chunk: Chunk, numbers: ItemNumbers): SampleOrder[] {
  const lines = groupBy(unpackRows(chunk.lines), ({ reference }) => reference)
  const customers = new Map(unpackRows(chunk.customers).map(({ customer_id, name }) => [customer_id, name]))
  const products = new Map(unpackRows(chunk.products).map(({ sku, name }) => [sku, name]))
  return unpackRows(chunk.orders)
    .slice(0, FIRST)
    .map(({ reference, customer_id, ordered_at, currency, total: minor }) => ({
      order_id: reference,
      order_date: ordered_at,
      ...{ customer_id, customer_name: customers.get(customer_id) ?? customer_id },
      total: { currency, minor },
      lines: (lines.get(reference) ?? []).map(({ line_number, sku, quantity, unit_price, total: minor }) => ({
        ...{ line: numbers.lineOf(line_number), sku, name: products.get(sku) ?? sku, quantity },
        unit_price: unit_price === null ? null : Number(formatPrice(unit_price, currency)),
        total: { currency, minor },
      })),
    }))
}
