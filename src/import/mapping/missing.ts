// What a file lacks to be an order file, in words.
import { lettersOf, shownNames } from '../../csv/header.js'
import { nearest } from '../../domain/nearest.js'
import { type UserError, usageError } from '../../errors.js'
import { OWN_COLUMNS } from './exports.js'
import type { FoundHeader } from './find-header.js'
import type { Field, FieldColumns, Mapping } from './mapping.js'

/** Each with the fields of which one must be there. */
const REQUIRED: readonly (readonly Field[])[] = [
  ['order_id'],
  ['product_sku', 'product_name'],
  ['quantity'],
  ['unit_price', 'line_total'],
  ['order_date'],
]

/** Returns the fields without a column that each line needs. */
export function missingFields(columns: FieldColumns): Field[] {
  return REQUIRED.flatMap((fields) => (fields.some((field) => columns[field]) ? [] : fields.slice(0, 1)))
}

export function emptyFile(file: string): UserError {
  return usageError({
    code: 'file_empty',
    message: `${file} is empty.`,
    fix: `Add a header line with the column names: ${OWN_COLUMNS.join(',')}.`,
  })
}

/** @param columns those that the file has, by field */
export function missingColumns(found: FoundHeader, columns: FieldColumns, file: string): UserError {
  const { row, mapping } = found
  const missing = missingFields(columns)
  const cells = row.cells.map((cell) => cell.trim()).filter((cell) => cell !== '')
  const present = `Found${row.line > 1 ? ` in line ${row.line}` : ''}: ${shownNames(cells)}.`
  if (mapping) return unlikeMapping(mapping, missing, present, file)
  const isNone = missing.length >= REQUIRED.length - 1
  const lacks = isNone
    ? 'has no header that names the columns of orders'
    : `lacks the ${missing.length === 1 ? 'column' : 'columns'} ${missing.join(', ')}`
  return usageError({
    code: isNone ? 'no_header' : 'columns_missing',
    message: `${file} ${lacks}. ${present} Expected: ${OWN_COLUMNS.join(', ')}.`,
    fix: fixOfNames(missing, cells, columns),
  })
}

function unlikeMapping(
  { preset, columns }: Mapping,
  missing: readonly Field[],
  present: string,
  file: string,
): UserError {
  const names = missing.map((field) => columns[field]?.map((name) => `"${name}"`).join(' or ') ?? `any for ${field}`)
  const whose = preset === null ? 'the mapping' : `the preset ${preset}`
  return usageError({
    code: 'columns_missing',
    message: `${file} lacks columns that ${whose} needs: ${names.join(', ')}. ${present}`,
    fix: 'Export the file again with them, or use another mapping: --map FILE.',
  })
}

function fixOfNames(missing: readonly Field[], cells: readonly string[], columns: FieldColumns): string {
  const used = Object.values(columns).flat()
  const others = cells.filter((name) => !used.includes(name))
  const guesses = missing.flatMap((field) => {
    const likely = nearest(field, others) ?? others.find((name) => lettersOf(name) === lettersOf(field))
    return likely ? [`rename "${likely}" to ${field}`] : []
  })
  return guesses.length > 0
    ? `In the header, ${guesses.join('; ')}. Then run the import again.`
    : `${whatToName(missing)} Usual names for them are recognised, such as "Order number", "SKU", "Qty" and "Price"; --map FILE names any others.`
}

function whatToName(missing: readonly Field[]): string {
  if (missing.length >= REQUIRED.length - 1)
    return `Add a first line with these names, in any order: ${OWN_COLUMNS.join(',')}.`
  const rename =
    missing.length === 1
      ? `In the header, rename the column that holds it to ${missing[0]}, or add one.`
      : `In the header, rename the columns that hold them to ${missing.join(', ')}, or add them.`
  return missing.join() === 'quantity'
    ? `${rename} If each line is a single unit, add a column quantity with 1 on each line.`
    : rename
}
