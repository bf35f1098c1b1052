// A catalogue file (sku, name, price, currency, stock) -> products and their stock. A bad line costs itself alone.
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

/** rows = created + updated + unchanged + rejected */
export interface CatalogueResult {
  /** Data lines read. */
  rows: number
  created: number
  updated: number
  unchanged: number
  rejected: number
  /** The first MAX_LISTED of the rejected lines. */
  errors: RejectedRow[]
}

/** Rows in one transaction. */
const BATCH_ROWS = 1000

/** Bounds the memory that a wrong file with millions of bad lines takes. */
const MAX_LISTED = 10_000

/**
 * Opens the file and reads its header, before a database is needed.
 *
 * @throws UserError if it cannot be read, is empty or no text, or has no column for the SKU
 */
export function openCatalogue(file: string): Promise<CsvTable<CatalogueColumn>> {
  return CsvTable.open(file, CATALOGUE_FILE)
}

/** Stores the products, one transaction for each batch. After a failure, a second run finds the stored ones unchanged. */
export async function importCatalogue(db: Database, table: CsvTable<CatalogueColumn>): Promise<CatalogueResult> {
  const result: CatalogueResult = { rows: 0, created: 0, updated: 0, unchanged: 0, rejected: 0, errors: [] }
  const reject = (...rows: readonly RejectedRow[]) => {
    result.rejected += rows.length
    result.errors.push(...rows.slice(0, MAX_LISTED - result.errors.length))
  }
  /** The line of each SKU: of a product that is there twice, it is not clear which line counts. */
  const seen = new Map<string, number>()
  let rows: ProductRow[] = []
  const accept = (cells: readonly string[], line: number) => {
    const row = readProductRow(cells, table.columns, table.header.cells.length, line)
    if ('reason' in row) return reject(row)
    const before = seen.get(row.sku)
    if (before !== undefined) return reject({ line, column: 'sku', reason: `sku is the same as in line ${before}` })
    seen.set(row.sku, line)
    rows.push(row)
  }
  const sink = {
    record: (cells: readonly string[], { line }: { readonly line: number }) => accept(cells, line),
    broken: (_raw: Buffer, line: number, reason: string) => reject({ line, column: '', reason: `the line ${reason}` }),
  }
  try {
    for await (const _ of table.read(sink)) {
      for (const batch of inBatches(rows, BATCH_ROWS)) {
        const stored = await storeProducts(db, batch)
        result.created += stored.created
        result.updated += stored.updated
        result.unchanged += stored.unchanged
        reject(...stored.rejected)
      }
      rows = []
    }
  } finally {
    await table.close()
  }
  result.rows = result.created + result.updated + result.unchanged + result.rejected
  result.errors.sort((a, b) => a.line - b.line)
  return result
}
