// The first line -> where each column stands. Columns are found by name, in any order, among others.
import { CsvError } from 'csv-parse'
import { parse } from 'csv-parse/sync'
import { nearest } from '../config/config.js'
import { usageError } from '../errors.js'
import { MAX_RECORD_BYTES } from './records.js'

export const COLUMNS = [
  'order_id',
  'customer_id',
  'customer_name',
  'product_sku',
  'product_name',
  'quantity',
  'unit_price',
  'currency',
  'order_date',
] as const
export type ColumnName = (typeof COLUMNS)[number]

/** Where each column stands among the cells of a line. */
export type ColumnPositions = Readonly<Record<ColumnName, number>>

export interface Header {
  readonly cells: readonly string[]
  /** Bytes from the file's start to the first data line. */
  readonly bytes: number
  /** Physical lines in these bytes. */
  readonly lines: number
  /** How the file ends its lines; `\n` also stands for `\r\n`. */
  readonly lineEnding: '\n' | '\r'
}

/**
 * Reads the first line that is not blank; a byte order mark before it is no part of it.
 *
 * @param first the file's first block
 */
export function readHeader(first: Buffer, file: string): Header {
  const lineEnding = first.includes('\r') && !first.includes('\n') ? '\r' : '\n'
  try {
    const [header] = parse(first, {
      bom: true,
      to: 1,
      info: true,
      relax_column_count: true,
      skip_records_with_empty_values: true,
      max_record_size: MAX_RECORD_BYTES,
      record_delimiter: lineEnding === '\r' ? '\r' : ['\r\n', '\n'],
    }) as unknown as { record: string[]; info: { bytes: number } }[]
    const bytes = header?.info.bytes ?? first.length
    const lines = first.subarray(0, bytes).toString('latin1').split(lineEnding).length - 1
    return { cells: header?.record ?? [], bytes, lines, lineEnding }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error
    throw usageError({
      code: 'bad_header',
      message: `The first line of ${file} cannot be read as CSV: ${error.message}.`,
      fix: `Make it the names of the columns, separated by commas: ${COLUMNS.join(',')}.`,
    })
  }
}

/**
 * Where each wanted column stands in the header, -1 where it does not; case and surrounding blanks do not matter.
 *
 * @throws UserError where one stands there twice
 */
export function locateColumns<Column extends string>(
  cells: readonly string[],
  wanted: readonly Column[],
  file: string,
): Record<Column, number> {
  const names = cells.map((cell) => cell.trim().toLowerCase())
  const twice = wanted.find((column) => names.indexOf(column) !== names.lastIndexOf(column))
  if (twice) {
    throw usageError({
      code: 'column_twice',
      message: `${file} has the column ${twice} more than once.`,
      fix: 'Remove or rename one of the two, so that it is clear which one counts.',
    })
  }
  return Object.fromEntries(wanted.map((column) => [column, names.indexOf(column)])) as Record<Column, number>
}

/**
 * Finds the columns of an orders file in its header's cells.
 *
 * @throws UserError naming the columns found, those wanted, and the likeliest match
 */
export function findColumns(cells: readonly string[], file: string): ColumnPositions {
  const columns = locateColumns(cells, COLUMNS, file)
  const missing = COLUMNS.filter((column) => columns[column] === -1)
  if (missing.length === 0) return columns
  const found = cells.map((cell) => cell.trim())
  throw missingColumns(file, found, missing)
}

function missingColumns(file: string, found: readonly string[], missing: readonly ColumnName[]) {
  const spare = found.filter((name) => !COLUMNS.some((column) => column === name.toLowerCase()))
  const guesses = missing.flatMap((column) => {
    const likely = nearest(column, spare) ?? spare.find((name) => squeeze(name).includes(squeeze(column)))
    return likely ? [`rename "${likely}" to ${column}`] : []
  })
  const shown = found.map((name) => (name.length > 40 ? `${name.slice(0, 40)}…` : name)).slice(0, 30)
  return usageError({
    code: missing.length === COLUMNS.length ? 'no_header' : 'columns_missing',
    message:
      missing.length === COLUMNS.length
        ? `The first line of ${file} names none of the columns that an order needs. Found: ${shown.join(', ')}. Wanted: ${COLUMNS.join(', ')}.`
        : `${file} lacks ${missing.length === 1 ? 'the column' : 'the columns'} ${missing.join(', ')}. Found: ${shown.join(', ')}.`,
    fix:
      guesses.length > 0
        ? `In the first line, ${guesses.join('; ')}; then run the import again.`
        : `Give the file a first line with these names, in any order: ${COLUMNS.join(',')}.`,
  })
}

function squeeze(name: string): string {
  return name.toLowerCase().replace(/[^a-z]/g, '')
}
