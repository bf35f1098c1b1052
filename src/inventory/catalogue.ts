// Imports products and their stock from a catalogue file (sku, name, price, currency, stock). Bad lines are skipped.
import type { RecordSink } from '../csv/records.js'
import { CsvTable } from '../csv/table.js'
import type { Database } from '../database/connection.js'
import { inBatches } from '../domain/batches.js'
import {
  CATALOGUE_FILE,
  type CatalogueColumn,
  type ProductRow,
  type RejectedRow,
  readProductRow,
} from './catalogue-row.js'
import { storeProducts } from './catalogue-store.js'

/** Rows per transaction. */
const BATCH_ROWS = 1000

/** Rejected rows that are kept. Bounds the memory for a file with millions of bad lines. */
const MAX_LISTED = 10_000

/** Reads the header. @throws UserError if the file is unreadable, empty or not text, or has no column `sku` */
export function openCatalogue(file: string): Promise<CsvTable<CatalogueColumn>> {
  return CsvTable.open(file, CATALOGUE_FILE)
}

/**
 * Stores the products, one transaction per batch. After a failure, run it again: stored products count as unchanged.
 *
 * @returns line counts (rows = created + updated + unchanged + rejected), and the first MAX_LISTED rejected rows
 */
export async function importCatalogue(db: Database, table: CsvTable<CatalogueColumn>) {
  const result = { rows: 0, created: 0, updated: 0, unchanged: 0, rejected: 0, errors: [] as RejectedRow[] }
  const reject = (...rows: readonly RejectedRow[]) => {
    result.rejected += rows.length
    result.errors.push(...rows.slice(0, MAX_LISTED - result.errors.length))
  }
  /** Line of each SKU. A second line with the same SKU is rejected. */
  const seen = new Map<string, number>()
  let rows: ProductRow[] = []
  const sink: RecordSink = {
    record(cells, { line }) {
      const row = readProductRow(cells, table.columns, table.header.cells.length, line)
      if ('reason' in row) return reject(row)
      const before = seen.get(row.sku)
      if (before !== undefined) return reject({ line, column: 'sku', reason: `sku is already used in line ${before}` })
      seen.set(row.sku, line)
      rows.push(row)
    },
    blank: () => {},
    malformed: (_raw, line, reason) => reject({ line, column: '', reason: `the line ${reason}` }),
  }
  try {
    for await (const _ of table.read(sink)) {
      for (const batch of inBatches(rows, BATCH_ROWS)) {
        const { rejected, ...stored } = await storeProducts(db, batch)
        for (const kind of ['created', 'updated', 'unchanged'] as const) result[kind] += stored[kind]
        reject(...rejected)
      }
      rows = []
    }
  } finally {
    await table.source.close()
  }
  result.rows = result.created + result.updated + result.unchanged + result.rejected
  result.errors.sort((a, b) => a.line - b.line)
  return result
}
