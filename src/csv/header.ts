// Reads the header line and finds the columns by name, in any order. Unknown columns are ignored.
import { CsvError } from 'csv-parse'
import { parse } from 'csv-parse/sync'
import { nearest } from '../domain/nearest.js'
import { type UserError, usageError } from '../errors.js'
import { recordDelimiter } from './records.js'

/** The columns that a kind of file may have and those that it must have. */
export interface Layout<Column extends string> {
  readonly columns: readonly Column[]
  readonly required: readonly Column[]
}

export interface Header {
  readonly cells: readonly string[]
  /** Offset of the first data line, in bytes. */
  readonly bytes: number
  /** Number of physical lines before the first data line. */
  readonly lines: number
  /** The file's line ending; `\n` also stands for `\r\n`. */
  readonly lineEnding: '\n' | '\r'
}

/** Reads the first non-blank line of a file's first block. Skips a byte order mark. */
export function readHeader(first: Buffer, file: string): Header {
  const lineEnding = first.includes('\r') && !first.includes('\n') ? '\r' : '\n'
  try {
    const [header] = parse(first, {
      bom: true,
      to: 1,
      info: true,
      relax_column_count: true,
      skip_records_with_empty_values: true,
      record_delimiter: recordDelimiter(lineEnding),
    }) as unknown as { record: string[]; info: { bytes: number } }[]
    const bytes = header?.info.bytes ?? first.length
    const lines = first.subarray(0, bytes).toString('latin1').split(lineEnding).length - 1
    return { cells: header?.record ?? [], bytes, lines, lineEnding }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error
    throw usageError({
      code: 'bad_header',
      message: `The first line of ${file} is not valid CSV: ${error.message}.`,
      fix: 'The first line must contain the column names, separated by commas.',
    })
  }
}

/**
 * Returns the index of each column of the layout; -1 if it is missing. Ignores case and surrounding blanks.
 *
 * @throws UserError if a required column is missing, or if any column appears twice
 */
export function findColumns<Column extends string>(
  cells: readonly string[],
  layout: Layout<Column>,
  file: string,
): Record<Column, number> {
  const names = cells.map((cell) => cell.trim().toLowerCase())
  const repeated = layout.columns.find((column) => names.indexOf(column) !== names.lastIndexOf(column))
  if (repeated) {
    throw usageError({
      code: 'column_twice',
      message: `${file} has more than one column named ${repeated}.`,
      fix: 'Remove or rename all but one of them.',
    })
  }
  const missing = layout.required.filter((column) => !names.includes(column))
  if (missing.length > 0) throw missingColumns(cells, layout, missing, file)
  return Object.fromEntries(layout.columns.map((column) => [column, names.indexOf(column)])) as Record<Column, number>
}

function missingColumns(
  cells: readonly string[],
  { columns, required }: Layout<string>,
  missing: readonly string[],
  file: string,
): UserError {
  const found = cells.map((cell) => cell.trim())
  const others = found.filter((name) => !columns.includes(name.toLowerCase()))
  const guesses = missing.flatMap((column) => {
    const likely = nearest(column, others) ?? others.find((name) => lettersOf(name).includes(lettersOf(column)))
    return likely ? [`rename "${likely}" to ${column}`] : []
  })
  const shown = found.map((name) => (name.length > 40 ? `${name.slice(0, 40)}…` : name)).slice(0, 30)
  const isAll = missing.length === columns.length
  const lacks = isAll
    ? 'has no header with column names'
    : `lacks the ${missing.length === 1 ? 'column' : 'columns'} ${missing.join(', ')}`
  const optional = required.length < columns.length ? ` Only ${required.join(', ')} is required.` : ''
  return usageError({
    code: isAll ? 'no_header' : 'columns_missing',
    message: `${file} ${lacks}. Found: ${shown.join(', ')}. Expected: ${columns.join(', ')}.`,
    fix:
      guesses.length > 0
        ? `In the first line, ${guesses.join('; ')}. Then run the import again.`
        : `Add a first line with these names, in any order: ${columns.join(',')}.${optional}`,
  })
}

const lettersOf = (name: string) => name.toLowerCase().replace(/[^a-z]/g, '')
