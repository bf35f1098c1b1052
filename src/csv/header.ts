// Finds the header line and, in it, the columns by name, in any order. Unknown columns are ignored.
import { nearest } from '../domain/nearest.js'
import { type UserError, usageError } from '../errors.js'
import { DELIMITERS, type Dialect, detectLineEnding, type Row, readRows, readSeparatorLine } from './dialect.js'

/** The columns that a kind of file may have and those that it must have. */
export interface Layout<Column extends string> {
  readonly columns: readonly Column[]
  readonly required: readonly Column[]
}

/** How many lines before the header may be blank. */
const BLANK_LINES = 100

/**
 * Reads the first line with a value from the start of a file, with the delimiter that shows most of the columns.
 *
 * @returns no header if all lines are blank
 */
export function findHeader(
  text: Buffer,
  columns: readonly string[],
): { readonly dialect: Dialect; readonly header: Row | undefined } {
  const separator = readSeparatorLine(text)
  const lineEnding = detectLineEnding(text)
  const readings = (separator ? [separator.delimiter] : DELIMITERS).map((delimiter) => {
    const dialect: Dialect = { delimiter, quotes: true, lineEnding }
    const rows = readRows(text, dialect, { from: separator?.rest, limit: BLANK_LINES })
    const header = rows.find(({ cells }) => cells.some((cell) => cell.trim() !== ''))
    const names = namesIn(header?.cells ?? [])
    return { dialect, header, found: columns.filter((column) => names.includes(column)).length }
  })
  return readings.reduce((best, reading) => (reading.found > best.found ? reading : best))
}

const namesIn = (cells: readonly string[]) => cells.map((cell) => cell.trim().toLowerCase())

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
  const names = namesIn(cells)
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
  const others = cells.map((cell) => cell.trim()).filter((name) => !columns.includes(name.toLowerCase()))
  const guesses = missing.flatMap((column) => {
    const likely = nearest(column, others) ?? others.find((name) => lettersOf(name).includes(lettersOf(column)))
    return likely ? [`rename "${likely}" to ${column}`] : []
  })
  const isAll = missing.length === columns.length
  const lacks = isAll
    ? 'has no header with column names'
    : `lacks the ${missing.length === 1 ? 'column' : 'columns'} ${missing.join(', ')}`
  const optional = required.length < columns.length ? ` Only ${required.join(', ')} is required.` : ''
  return usageError({
    code: isAll ? 'no_header' : 'columns_missing',
    message: `${file} ${lacks}. Found: ${shownNames(cells)}. Expected: ${columns.join(', ')}.`,
    fix:
      guesses.length > 0
        ? `In the first line, ${guesses.join('; ')}. Then run the import again.`
        : `Add a first line with these names, in any order: ${columns.join(',')}.${optional}`,
  })
}

/** The names of a header, as errors list them. */
export function shownNames(cells: readonly string[]): string {
  const names = cells.map((cell) => cell.trim()).filter((name) => name !== '')
  const shown = names.map((name) => (name.length > 40 ? `${name.slice(0, 40)}…` : name))
  return shown.slice(0, 30).join(', ')
}

export const lettersOf = (name: string) => name.toLowerCase().replace(/[^a-z]/g, '')
