// Turns rows, as JSON shows them, into tables or CSV. Columns are data.
import { formatAmount, groupThousands, isMoney, type Money, majorUnits } from '../domain/money.js'
import type { Cell, Table, Column as TableColumn } from '../terminal/table.js'
import { capitalized } from '../terminal/text.js'

/** Numbers and amounts are right-aligned, with grouped digits in tables and plain in CSV. */
export type Value = string | number | boolean | null | Money | Date | readonly string[]

/** An object or a tuple of values. */
export type Row<Self> = { readonly [Key in keyof Self]: Value }

type Key<Self> = keyof Self & string

/**
 * A property of the row, or a value computed from it. The heading is the property's name unless given. Tables start
 * it with a capital; CSV does not, since scripts read it.
 */
export type Column<Self> =
  | Key<Self>
  | (Pick<TableColumn, 'align' | 'flexible'> &
      (
        | { readonly key: Key<Self>; readonly heading?: string }
        | { readonly heading: string; readonly value: (row: Self) => Value }
      ))

export function tableOf<Self extends Row<Self>>(
  list: readonly Column<Self>[],
  rows: readonly Self[],
  csv = false,
): Table {
  const columns = list.map((column) => {
    const given = typeof column === 'string' ? { key: column } : column
    if (!('key' in given)) return given
    return { heading: given.key.replaceAll('_', ' '), value: (row: Self) => row[given.key], ...given }
  })
  const headingOf = (heading: string) => (csv ? heading : capitalized(heading))
  const values = rows.map((row) => columns.map(({ value }) => value(row)))
  const isNumeric = (value: unknown) => typeof value === 'number' || isMoney(value)
  return {
    columns: columns.map(({ heading, flexible = false, align }, index) => ({
      heading: headingOf(heading),
      flexible,
      align: align ?? (values.some((row) => isNumeric(row[index])) ? 'right' : 'left'),
    })),
    rows: values.map((row) => row.map((value) => cellOf(value, csv))),
  }
}

/** Columns for rows of a name and a value. */
export function pairs(name: string, value: string): readonly Column<readonly [string, Value]>[] {
  return [
    { key: '0', heading: name },
    { key: '1', heading: value, flexible: true },
  ]
}

function cellOf(value: Value, csv: boolean): Cell {
  if (typeof value === 'number') return csv ? value : groupThousands(value)
  if (isMoney(value)) return csv ? majorUnits(value) : formatAmount(value)
  if (value instanceof Date) return value.toISOString()
  if (value === null || typeof value === 'string') return value
  return typeof value === 'boolean' ? String(value) : value.join(', ')
}
