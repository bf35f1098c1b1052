// Formats a stored line in the columns of its file, so that an import of the text reads the same line.
import { formatAmount, formatPrice } from '../domain/money.js'
import type { StoredLine } from './conflicts.js'
import type { FileLayout } from './file-read.js'
import { ITEM } from './items.js'
import { GUEST, MADE_FROM_NAME } from './line-fields.js'
import { FIELDS, type Field, type Mapping, type SkipRule } from './mapping/mapping.js'
import { findAllNamed, findNames } from './mapping/names.js'
import { csvLine } from './reject-columns.js'

/** Columns without a field are empty, unless the mapping skips a line for that. */
export function storedLineText(line: StoredLine, { header, mapping, dialect }: FileLayout): string {
  const cells: string[] = header.map(() => '')
  const parts: string[] = []
  for (const field of FIELDS) {
    const value = textOf(line, field, mapping)
    const positions = findNames(header, mapping.columns[field])
    // A price is read as the total of its line because of the total next to it.
    for (const position of field === 'line_total' ? positions : positions.slice(0, 1)) cells[position] = value
    const part = mapping.columns[field]?.find((name) => name.startsWith(ITEM))
    if (part && mapping.items) parts.push(`${part.slice(ITEM.length)}${mapping.items.assigns}${value}`)
  }
  const { items } = mapping
  const position = items ? header.findIndex((name) => name.trim().startsWith(items.prefix)) : -1
  if (items && position >= 0) cells[position] = parts.join(items.separator)
  for (const { column } of [...(mapping.skip ?? []), ...(mapping.reject ?? [])].filter(skipsBlank)) {
    for (const at of findAllNamed(header, column)) cells[at] ||= textAt(at, line, { header, mapping })
  }
  return csvLine(cells, dialect)
}

function skipsBlank(rule: SkipRule): boolean {
  return 'is' in rule ? rule.is.includes('') : 'cell' in rule && rule.cell === 'blank'
}

/** In a column that no field is read from, so that the line is not skipped. */
const FILLED = 'stored'

/** The column may be one of several for a field: eBay's item number is the SKU of a line without a label. */
function textAt(position: number, line: StoredLine, { header, mapping }: Pick<FileLayout, 'header' | 'mapping'>) {
  const field = FIELDS.find((field) => findNames(header, mapping.columns[field]).includes(position))
  return field ? textOf(line, field, mapping) : FILLED
}

function textOf(line: StoredLine, field: Field, mapping: Mapping): string {
  switch (field) {
    case 'order_id':
      return line.reference
    case 'customer_id':
      return line.customer_id === GUEST && mapping.guests !== false ? '' : line.customer_id
    case 'customer_name':
      return line.customer_id === GUEST && mapping.guests !== false ? '' : line.customer_name
    case 'product_sku':
      return line.sku.startsWith(MADE_FROM_NAME) ? '' : line.sku
    case 'product_name':
      return line.product_name
    case 'quantity':
      return String(line.quantity)
    case 'unit_price':
      return line.unit_price === null ? '' : amountText(formatPrice(line.unit_price, line.currency), line, mapping)
    case 'line_total': {
      const total = formatAmount({ currency: line.currency, minor: line.total }).replaceAll(',', '')
      return amountText(total, line, mapping)
    }
    case 'currency':
      return line.currency
    case 'order_date':
      // In a column that is in UTC, a day would become an instant by its time.
      return line.ordered_at.replace(/T00:00:00$/, '').replace('T', ' ')
  }
}

/**
 * The currency stands with the amount, unless it has a column or the whole file has it. A fourth decimal tells the mark
 * of `2.000` from one of thousands.
 */
function amountText(digits: string, { currency }: StoredLine, mapping: Mapping): string {
  const clear = digits.replace(/(?<=\.\d{3})$/, '0')
  const text = mapping.decimal === 'comma' ? clear.replace('.', ',') : clear
  return mapping.columns.currency || mapping.currency === currency ? text : `${text} ${currency}`
}
