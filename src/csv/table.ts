// Reads a CSV file: first its header, then its records, block by block.
import { createHash } from 'node:crypto'
import { usageError } from '../errors.js'
import { type ByteSource, openBytes, rejectUnreadable } from './bytes.js'
import { findColumns, type Header, type Layout, readHeader } from './header.js'
import { RecordReader, type RecordSink } from './records.js'

/** A position between two lines of a file. */
export interface Cursor {
  /** Offset from the start of the file, in bytes. */
  readonly offset: number
  /** Number of the next line, from 1. */
  readonly line: number
  /** SHA-256, in hex, of all bytes before the offset. */
  readonly sha256: string
}

export class CsvTable<Column extends string> {
  /** Index of each column in a record's cells; -1 if it is missing. */
  readonly columns: Readonly<Record<Column, number>>
  readonly header: Header
  readonly source: ByteSource
  readonly #hash = createHash('sha256')
  /** Bytes that were read from the source but not yet parsed or skipped. */
  #block: Buffer | undefined
  #offset = 0
  #line: number

  private constructor(source: ByteSource, first: Buffer, layout: Layout<Column>) {
    rejectUnreadable(first, source.name)
    this.source = source
    this.#block = first
    this.header = readHeader(first, source.name)
    if (this.header.cells.length === 0) {
      throw usageError({
        code: 'file_empty',
        message: `${source.name} is empty.`,
        fix: `Add a header line with the column names: ${layout.columns.join(',')}.`,
      })
    }
    this.columns = findColumns(this.header.cells, layout, source.name)
    this.#line = this.header.lines + 1
  }

  /** @throws UserError if the file is unreadable, empty or not text, or lacks required columns */
  static async open<Column extends string>(file: string, layout: Layout<Column>): Promise<CsvTable<Column>> {
    const source = await openBytes(file)
    try {
      return new CsvTable(source, (await source.next()) ?? Buffer.alloc(0), layout)
    } catch (error) {
      await source.close()
      throw error
    }
  }

  /** Skips what an earlier run has read. Returns the SHA-256, in hex, of all bytes before `offset`. */
  async skipTo({ offset, line }: Pick<Cursor, 'offset' | 'line'>): Promise<string> {
    let left = offset
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
    if (this.#offset === 0) await this.skipTo({ offset: this.header.bytes, line: this.#line })
    const { lineEnding, cells } = this.header
    const start = { offset: this.#offset, line: this.#line, hash: this.#hash }
    const records = new RecordReader(sink, { lineEnding, width: cells.length, ...start })
    const cursor = (): Cursor => ({ offset: records.offset, line: records.line, sha256: records.digest })
    for (let block = this.#block; block; block = await this.source.next()) {
      records.write(block)
      yield cursor()
    }
    records.end()
    yield cursor()
  }
}
