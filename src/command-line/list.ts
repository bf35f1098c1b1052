// Lists as tables or CSV, from columns as data. A row is what JSON shows.
import { formatAmount, groupThousands, isMoney, type Money, majorUnits } from '../domain/money.js'
import type { Cell, Table, Column as TableColumn } from '../terminal/table.js'

/** Numbers and amounts are grouped in tables, plain in CSV, and aligned to the right. */
export type Value = string | number | boolean | null | Money | Date | readonly string[]

/** An object or a tuple of values. */
export type Row<Self> = { readonly [Key in keyof Self]: Value }

type Key<Self> = keyof Self & string

/** A property of the row under its own name or another heading, or a value that is made from the row. */
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
  const values = rows.map((row) => columns.map(({ value }) => value(row)))
  const isNumeric = (value: unknown) => typeof value === 'number' || isMoney(value)
  return {
    columns: columns.map(({ heading, flexible = false, align }, index) => {
      return { heading, flexible, align: align ?? (values.some((row) => isNumeric(row[index])) ? 'right' : 'left') }
    }),
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
