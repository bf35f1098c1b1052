// Fits a mapping to the header of a file.
import { usageError } from '../../errors.js'
import { ITEM } from '../items.js'
import type { FieldColumns, Mapping, SkipRule } from './mapping.js'
import { canBeIn, currenciesInName } from './name-columns.js'
import { findName, findNames, normalName } from './names.js'

/** Keeps the columns that the file has, by the names that it has for them. */
export function resolveMapping(mapping: Mapping, header: readonly string[], file: string): Mapping {
  const { items, skip, reject, lineTotals, otherTotals, otherPrices, ...rest } = mapping
  const hasItems = items !== undefined && header.some((name) => isItem(name, items.prefix))
  const parts = Object.values(mapping.columns).flatMap((list) => list.filter((name) => name.startsWith(ITEM)))
  const names = hasItems ? [...header, ...new Set(parts)] : header
  const columns: FieldColumns = Object.fromEntries(
    Object.entries(mapping.columns)
      .map(([field, list]) => [field, [...new Set(list.flatMap((name) => nameIn(names, name, file)))]] as const)
      .filter(([, list]) => list.length > 0),
  )
  return {
    ...rest,
    columns,
    lineTotals: presentIn(names, lineTotals),
    otherTotals: presentIn(names, otherTotals),
    otherPrices: presentIn(names, otherPrices),
    ...(skip && { skip: rulesIn(names, skip) }),
    ...(reject && { reject: rulesIn(names, reject) }),
    ...(hasItems && { items }),
  }
}

function rulesIn(header: readonly string[], rules: readonly SkipRule[]): SkipRule[] {
  return rules.flatMap((rule) => {
    const column = header[findName(header, rule.column)]?.trim()
    return column === undefined ? [] : [{ ...rule, column }]
  })
}

function presentIn(header: readonly string[], columns: readonly string[] | undefined): string[] | undefined {
  const found = findNames(header, columns).map((index) => header[index]?.trim() ?? '')
  return found.length > 0 ? found : undefined
}

/** @returns the name in the header; empty if there is none */
function nameIn(header: readonly string[], name: string, file: string): string[] {
  const index = findName(header, name)
  if (index < 0) return []
  const found = header[index]?.trim() ?? name
  if (header.some((other, at) => at !== index && other.trim().toLowerCase() === found.toLowerCase())) {
    throw usageError({
      code: 'column_twice',
      message: `${file} has more than one column named ${found}.`,
      fix: 'Remove or rename all but one of them.',
    })
  }
  return [found]
}

/** @throws UserError if the file has no such column */
export function withCustomer(
  mapping: Mapping,
  customer: string | undefined,
  header: readonly string[],
  file: string,
): Mapping {
  if (customer === undefined) return mapping
  const [name] = nameIn(header, customer, file)
  if (name === undefined || normalName(name) === '') {
    throw usageError({
      code: 'unknown_column',
      message: `${file} has no column ${customer} to identify customers by.`,
      fix: `Use one of its columns with --customer: ${header
        .map((cell) => cell.trim())
        .filter((cell) => cell !== '')
        .join(', ')}.`,
    })
  }
  return { ...mapping, columns: { ...mapping.columns, customer_id: [name] } }
}

/**
 * @param currency that of amounts which name none
 * @throws UserError if each column of the amount has another one in its name
 */
export function refuseOtherCurrency(
  { columns }: Mapping,
  currency: string | undefined,
  header: readonly string[],
  file: string,
): void {
  const names = findNames(header, columns.unit_price ?? columns.line_total).map((index) => header[index]?.trim() ?? '')
  const [name] = names
  if (currency === undefined || name === undefined) return
  if (names.some((name) => canBeIn(currenciesInName(name), currency))) return
  throw usageError({
    code: 'other_currency',
    message: `The amounts of ${file} are not in ${currency}: the column ${name} has another currency in its name.`,
    fix: `Import it without --currency ${currency}, and without that currency in its mapping and the configuration of its source. Or correct the name of the column.`,
  })
}

/** Whether a column holds a packed item, as in `line_item_12`. */
export function isItem(name: string, prefix: string): boolean {
  return name.trim().startsWith(prefix) && /^\d+$/.test(name.trim().slice(prefix.length))
}
