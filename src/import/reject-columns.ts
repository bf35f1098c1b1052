// The columns that a rejects file adds to each line, and how they are removed when that file is imported.
import { stringify } from 'csv-stringify/sync'
import type { Dialect } from '../csv/dialect.js'
import { Splitter } from '../csv/splitter.js'

export const REJECT_COLUMNS = ['rejected_line', 'rejected_column', 'rejected_reason']

export function isRejectColumn(name: string): boolean {
  return REJECT_COLUMNS.includes(name.trim().toLowerCase())
}

/** Formats one line, without a line ending. Without quotes, a delimiter in a cell becomes a blank. */
export function csvLine(cells: readonly (string | number)[], { delimiter, quotes }: Dialect): string {
  if (quotes) return stringify([[...cells]], { eof: false, delimiter })
  return cells
    .map((cell) =>
      String(cell)
        .replace(/[\t\r\n]/g, ' ')
        .replaceAll(delimiter, ' '),
    )
    .join(delimiter)
}

/** Whether a file starts with the header of a rejects file. */
export function isRejectsHeader(start: Buffer): boolean {
  return /^[^\r\n]*rejected_line([,;|\t])rejected_column\1rejected_reason\r?\n/.test(start.toString('utf8'))
}

/** Returns a function that removes the values of an earlier round from the text of a line. */
export function withoutRejectColumns(header: readonly string[], dialect: Dialect): (original: string) => string {
  if (!header.some(isRejectColumn)) return (original) => original
  const { delimiter } = dialect
  const cell = `(?:"(?:[^"]|"")*"|[^"${delimiter}]*)`
  /** The added values at the end of a line that is not valid CSV. */
  const values = new RegExp(`[${delimiter}]\\d+[${delimiter}]${cell}[${delimiter}]${cell}$`)
  const kept = header.map((name) => !isRejectColumn(name))
  const splitter = new Splitter(dialect, { width: header.length, longest: Number.POSITIVE_INFINITY })
  return (original) => {
    const bytes = Buffer.from(original)
    const cells = splitter.split(bytes, 0, true)
    const isRecord = Array.isArray(cells) && cells.length === header.length && splitter.end === bytes.length
    return isRecord
      ? csvLine(
          cells.filter((_, index) => kept[index]),
          dialect,
        )
      : original.replace(values, '')
  }
}
