// A catalogue file (sku, name, price, currency, stock) -> products and their stock. A bad line costs itself alone.
import { createHash } from 'node:crypto'
import { nearest } from '../config/config.js'
import { type ByteSource, openBytes, refuseUnreadable, STDIN } from '../csv/bytes.js'
import { type Header, locateColumns, readHeader } from '../csv/header.js'
import { RecordReader } from '../csv/records.js'
import type { Database } from '../database/connection.js'
import { inBatches } from '../domain/batches.js'
import { usageError } from '../errors.js'
import {
  type CatalogueColumn,
  COLUMNS,
  type ColumnPositions,
  type ProductRow,
  readProductRow,
} from './catalogue-row.js'
import { storeProducts } from './catalogue-store.js'

interface RejectedRow {
  readonly line: number
  /** Empty where the line as a whole is at fault. */
  readonly column: CatalogueColumn | ''
  readonly reason: string
}

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

/** A wrong file may have millions of bad lines; what says so must not fill the memory. */
const MAX_LISTED = 10_000

export interface OpenCatalogue {
  readonly source: ByteSource
  readonly header: Header
  readonly columns: ColumnPositions
  /** What the first block holds behind the header. */
  readonly rest: Buffer
}

/**
 * Looks at the file and its header, before there need be a database.
 *
 * @throws UserError where it cannot be read, is empty or is no text, or where the header lacks the SKU
 */
export async function openCatalogue(file: string): Promise<OpenCatalogue> {
  const source = await openBytes(file)
  const name = file === STDIN ? 'standard input' : file
  try {
    const first = await source.next()
    if (!first) throw emptyFile(name)
    refuseUnreadable(first, file)
    const header = readHeader(first, name)
    if (header.cells.length === 0) throw emptyFile(name)
    return { source, header, columns: findColumns(header.cells, name), rest: first.subarray(header.bytes) }
  } catch (error) {
    await source.close()
    throw error
  }
}

/**
 * Stores the products, a batch a transaction; what was stored before a failure stays, and a second run finds it unchanged.
 */
export async function importCatalogue(db: Database, catalogue: OpenCatalogue): Promise<CatalogueResult> {
  const { source, rest } = catalogue
  const lines = new CatalogueLines(catalogue)
  const result: CatalogueResult = { rows: 0, created: 0, updated: 0, unchanged: 0, rejected: 0, errors: [] }
  const reject = (rows: readonly RejectedRow[]) => {
    result.rejected += rows.length
    result.errors.push(...rows.slice(0, MAX_LISTED - result.errors.length))
  }
  const store = async (rows: readonly ProductRow[]) => {
    for (const batch of inBatches(rows, BATCH_ROWS)) {
      const stored = await storeProducts(db, batch)
      result.created += stored.created
      result.updated += stored.updated
      result.unchanged += stored.unchanged
      reject(stored.rejected)
    }
  }
  try {
    for (let block: Buffer | undefined = rest; block; block = await source.next()) {
      await lines.write(block)
      reject(lines.takeRejected())
      await store(lines.takeRows())
    }
    await lines.end()
    reject(lines.takeRejected())
    await store(lines.takeRows())
  } finally {
    await source.close()
  }
  result.rows = result.created + result.updated + result.unchanged + result.rejected
  result.errors.sort((a, b) => a.line - b.line)
  return result
}

/** Gathers the rows of the blocks that are written to it. */
class CatalogueLines {
  readonly #columns: ColumnPositions
  readonly #width: number
  readonly #records: RecordReader
  /** SKU -> its line: a product that is named twice leaves open which line counts. */
  readonly #seen = new Map<string, number>()
  #rows: ProductRow[] = []
  #rejected: RejectedRow[] = []

  constructor({ header, columns }: OpenCatalogue) {
    this.#columns = columns
    this.#width = header.cells.length
    this.#records = new RecordReader(
      {
        record: (cells, { line }) => this.#accept(cells, line),
        broken: (_raw, line, reason) => this.#reject(line, '', `the line ${reason}`),
      },
      {
        lineEnding: header.lineEnding,
        width: this.#width,
        offset: header.bytes,
        line: header.lines + 1,
        hash: createHash('sha256'),
      },
    )
  }

  async write(block: Buffer): Promise<void> {
    await this.#records.write(block)
  }

  async end(): Promise<void> {
    await this.#records.end()
  }

  takeRows(): readonly ProductRow[] {
    const rows = this.#rows
    this.#rows = []
    return rows
  }

  takeRejected(): readonly RejectedRow[] {
    const rejected = this.#rejected
    this.#rejected = []
    return rejected
  }

  #accept(cells: readonly string[], line: number): void {
    const row = this.#read(cells, line)
    if ('reason' in row) this.#reject(line, row.column, row.reason)
    else {
      this.#seen.set(row.sku, line)
      this.#rows.push(row)
    }
  }

  #read(cells: readonly string[], line: number): ProductRow | Omit<RejectedRow, 'line'> {
    if (cells.length !== this.#width) {
      const reason = `the line has ${cells.length} values where the header names ${this.#width} columns`
      return { column: '', reason }
    }
    const row = readProductRow(cells, this.#columns, line)
    const before = 'sku' in row ? this.#seen.get(row.sku) : undefined
    return before === undefined ? row : { column: 'sku', reason: `sku is the same as in line ${before}` }
  }

  #reject(line: number, column: CatalogueColumn | '', reason: string): void {
    this.#rejected.push({ line, column, reason })
  }
}

/** Where the columns stand; all but the SKU may be missing. */
function findColumns(cells: readonly string[], file: string): ColumnPositions {
  const columns = locateColumns(cells, COLUMNS, file)
  if (columns.sku === -1) {
    const found = cells.map((cell) => cell.trim())
    const likely = nearest('sku', found) ?? found.find((name) => name.toLowerCase().includes('sku'))
    throw usageError({
      code: 'columns_missing',
      message: `${file} lacks the column sku. Found: ${found.slice(0, 30).join(', ')}. Wanted: ${COLUMNS.join(', ')}.`,
      fix: likely
        ? `In the first line, rename "${likely}" to sku; then run the import again.`
        : `Give the file a first line with these names, in any order: ${COLUMNS.join(',')}. Only sku is always needed.`,
    })
  }
  return new Map(COLUMNS.map((column) => [column, columns[column]]))
}

function emptyFile(name: string) {
  return usageError({
    code: 'file_empty',
    message: `${name} is empty.`,
    fix: `Give it a first line with the columns ${COLUMNS.join(',')}, and a line for each product.`,
  })
}
