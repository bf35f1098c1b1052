// The columns that a rejects file adds to each line, and how they are removed when that file is imported.
import { CsvError } from 'csv-parse'
import { parse } from 'csv-parse/sync'
import { stringify } from 'csv-stringify/sync'
import { COLUMNS } from './order-line.js'

export const REJECT_COLUMNS = ['rejected_line', 'rejected_column', 'rejected_reason']

export function isRejectColumn(name: string): boolean {
  return REJECT_COLUMNS.includes(name.trim().toLowerCase())
}

/** Formats one line, without a line ending. */
export const csvLine = (cells: readonly (string | number)[]) => stringify([[...cells]], { eof: false })

const NAMES = `(?:${COLUMNS.join('|')})`
/** The added values at the end of a line that is not valid CSV. */
const VALUES = new RegExp(`,\\d+,(?:"?${NAMES}(?:, ${NAMES})*"?)?,(?:"(?:[^"]|"")*"|[^",]*)$`)

/** Returns a function that removes the values of an earlier round from the text of a line. */
export function withoutRejectColumns(header: readonly string[]): (original: string) => string {
  if (!header.some(isRejectColumn)) return (original) => original
  return (original) => {
    const cells = cellsOf(original)
    return cells?.length === header.length
      ? csvLine(cells.filter((_, index) => !isRejectColumn(header[index] ?? '')))
      : original.replace(VALUES, '')
  }
}

function cellsOf(line: string): string[] | undefined {
  try {
    return (parse(line, { relax_column_count: true }) as string[][])[0]
  } catch (error) {
    if (error instanceof CsvError) return undefined
    throw error
  }
}
