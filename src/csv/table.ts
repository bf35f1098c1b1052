// Reads a CSV file: first its header, then its records, block by block.
import { createHash } from 'node:crypto'
import { usageError } from '../errors.js'
import { type Content, openContent } from './content.js'
import type { Dialect, Row } from './dialect.js'
import { findColumns, findHeader, type Layout } from './header.js'
import { RecordReader, type RecordSink } from './records.js'

/** A position between two lines of a file. */
export interface Cursor {
  /** Offset in bytes in the content: decompressed, in UTF-8 and without a byte order mark. */
  readonly offset: number
  /** Number of the next line, from 1. */
  readonly line: number
  /** SHA-256, in hex, of all bytes of the content before the offset. */
  readonly sha256: string
}

/** How much of a file is searched for its header, in bytes. */
const HEADER_BYTES = 65_536

export class CsvTable<Column extends string = never> {
  readonly source: Content
  readonly dialect: Dialect
  /** Its end is the offset of the first record. */
  readonly header: Row
  /** Index of each column in a record's cells; -1 if it is missing. */
  readonly columns: Readonly<Record<Column, number>>
  readonly #hash = createHash('sha256')
  /** Bytes that were read from the source but not yet parsed or skipped. */
  #block: Buffer | undefined
  #offset = 0
  #line = 1

  private constructor(source: Content, dialect: Dialect, header: Row, columns: Readonly<Record<Column, number>>) {
    this.source = source
    this.dialect = dialect
    this.header = header
    this.columns = columns
  }

  /** @param header a line of the content, which must be at its first byte */
  static over(content: Content, dialect: Dialect, header: Row): CsvTable {
    return new CsvTable(content, dialect, header, {})
  }

  /**
   * Takes the first line with a value as the header, with the delimiter that shows most columns of the layout.
   *
   * @throws UserError if the file is unreadable, empty or not text, or lacks required columns
   */
  static async open<Column extends string>(file: string, layout: Layout<Column>): Promise<CsvTable<Column>> {
    const source = await openContent(file)
    try {
      const { dialect, header } = findHeader(await source.peek(HEADER_BYTES), layout.columns)
      if (!header) {
        throw usageError({
          code: 'file_empty',
          message: `${source.name} is empty.`,
          fix: `Add a header line with the column names: ${layout.columns.join(',')}.`,
        })
      }
      return new CsvTable(source, dialect, header, findColumns(header.cells, layout, source.name))
    } catch (error) {
      await source.close()
      throw error
    }
  }

  /** Skips what an earlier run has read. Returns the SHA-256, in hex, of all bytes before `offset`. */
  async skipTo({ offset, line }: Pick<Cursor, 'offset' | 'line'>): Promise<string> {
    let left = offset
    this.#block ??= await this.source.next()
    while (this.#block && this.#block.length < left) {
      this.#hash.update(this.#block)
      left -= this.#block.length
      this.#block = await this.source.next()
    }
    this.#hash.update(this.#block?.subarray(0, left) ?? '')
    this.#block = this.#block?.subarray(left)
    this.#offset = offset
    this.#line = line
    return this.#hash.copy().digest('hex')
  }

  /** Passes the records to the sink. Yields the cursor after each block. */
  async *read(sink: RecordSink): AsyncGenerator<Cursor, void> {
    if (this.#offset === 0) await this.skipTo({ offset: this.header.end, line: this.header.nextLine })
    const start = { offset: this.#offset, line: this.#line, hash: this.#hash }
    const width = this.header.cells.findLastIndex((name) => name.trim() !== '') + 1
    const records = new RecordReader(sink, { dialect: this.dialect, width, ...start })
    const cursor = (): Cursor => ({ offset: records.offset, line: records.line, sha256: records.digest })
    for (let block = this.#block; block; block = await this.source.next()) {
      records.write(block)
      yield cursor()
    }
    records.end()
    yield cursor()
  }
}
