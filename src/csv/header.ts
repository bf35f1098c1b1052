// The first line -> where each column is. Columns are found by name, in any order; other columns are ignored.
import { CsvError } from 'csv-parse'
import { parse } from 'csv-parse/sync'
import { nearest } from '../domain/nearest.js'
import { type UserError, usageError } from '../errors.js'
import { recordDelimiter } from './records.js'

/** The columns that a kind of file may have, and those that it must have. */
export interface Layout<Column extends string> {
  readonly columns: readonly Column[]
  readonly required: readonly Column[]
}

export interface Header {
  readonly cells: readonly string[]
  /** Bytes from the file's start to the first data line. */
  readonly bytes: number
  /** Physical lines in these bytes. */
  readonly lines: number
  /** How the file ends its lines; `\n` also stands for `\r\n`. */
  readonly lineEnding: '\n' | '\r'
}

/** Reads the first line that is not blank from a file's first block, after a byte order mark if there is one. */
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
      message: `The first line of ${file} cannot be read as CSV: ${error.message}.`,
      fix: 'Make it the names of the columns, separated by commas.',
    })
  }
}

/**
 * Where each column of the layout is among the cells, -1 if it is missing. Case and surrounding blanks do not matter.
 *
 * @throws UserError if a needed column is missing, or any is there twice
 */
export function findColumns<Column extends string>(
  cells: readonly string[],
  layout: Layout<Column>,
  file: string,
): Record<Column, number> {
  const names = cells.map((cell) => cell.trim().toLowerCase())
  const twice = layout.columns.find((column) => names.indexOf(column) !== names.lastIndexOf(column))
  if (twice) {
    throw usageError({
      code: 'column_twice',
      message: `${file} has the column ${twice} more than once.`,
      fix: 'Remove or rename one of the two, so that it is clear which one counts.',
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
    ? 'has no header that names its columns'
    : `lacks ${missing.length === 1 ? 'the column' : 'the columns'} ${missing.join(', ')}`
  const optional = required.length < columns.length ? ` Only ${required.join(', ')} is always required.` : ''
  return usageError({
    code: isAll ? 'no_header' : 'columns_missing',
    message: `${file} ${lacks}. Found: ${shown.join(', ')}. Wanted: ${columns.join(', ')}.`,
    fix:
      guesses.length > 0
        ? `In the first line, ${guesses.join('; ')}; then run the import again.`
        : `Give the file a first line with these names, in any order: ${columns.join(',')}.${optional}`,
  })
}

const lettersOf = (name: string) => name.toLowerCase().replace(/[^a-z]/g, '')
