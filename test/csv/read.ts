// Reads bytes with the record reader and collects what it finds.

import { createHash } from 'node:crypto'
import type { Dialect } from '../../src/csv/dialect.js'
import { RecordReader } from '../../src/csv/records.js'

export const COMMA: Dialect = { delimiter: ',', quotes: true, lineEnding: '\n' }

/** Each record as its line and cells, each blank one as its line alone, each malformed line with its reason. */
export type Found = readonly [line: number, found?: readonly string[] | string]

export function readRecords(blocks: readonly (Buffer | string)[], dialect: Dialect, width: number): Found[] {
  const found: Found[] = []
  const reader = new RecordReader(
    {
      record: (cells, { line }) => found.push([line, cells]),
      blank: (line) => found.push([line]),
      malformed: (_raw, line, reason) => found.push([line, reason]),
    },
    { dialect, width, offset: 0, line: 1, hash: createHash('sha256') },
  )
  for (const block of blocks) reader.write(Buffer.from(block))
  reader.end()
  return found
}
