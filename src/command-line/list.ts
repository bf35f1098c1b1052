// Lists: columns as data make a table or CSV. A row is what JSON shows, so its properties are named as the JSON fields.
import { formatAmount, groupThousands, isMoney, type Money, majorUnits } from '../domain/money.js'
import type { Cell, Table, Column as TableColumn } from '../terminal/table.js'

/** Numbers and amounts are grouped in tables, plain in CSV, and aligned to the right. A Date is an instant. */
export type Value = string | number | boolean | null | Money | Date | readonly string[]

/** An object or a tuple of values. */
export type Row<Self> = { readonly [Key in keyof Self]: Value }

export type Column<Self> = Pick<TableColumn, 'align' | 'flexible'> &
  (
    | {
        readonly key: keyof Self & string
        /** The key in words where it is left out. */
        readonly heading?: string
      }
    /** A column that is not a field of the JSON object, or shows it in another way. */
    | { readonly heading: string; readonly value: (row: Self) => Value }
  )

export function tableOf<Self extends Row<Self>>(
  columns: readonly Column<Self>[],
  rows: readonly Self[],
  csv = false,
): Table {
  const values = rows.map((row) => columns.map((column) => ('key' in column ? row[column.key] : column.value(row))))
  return {
    columns: columns.map((column, index) => ({
      heading: 'key' in column ? (column.heading ?? column.key.replaceAll('_', ' ')) : column.heading,
      align: column.align ?? (values.some((row) => isNumeric(row[index])) ? 'right' : 'left'),
      flexible: column.flexible ?? false,
    })),
    rows: values.map((row) => row.map((value) => cellOf(value, csv))),
  }
}

/** Columns for rows of a name and a value. */
export function pairs(name: string, value: string): readonly Column<readonly [string, Value]>[] {
  return [
    { heading: name, value: (row) => row[0] },
    { heading: value, value: (row) => row[1], flexible: true },
  ]
}

function isNumeric(value: unknown): boolean {
  return typeof value === 'number' || isMoney(value)
}

function cellOf(value: Value, csv: boolean): Cell {
  if (typeof value === 'number') return csv ? value : groupThousands(value)
  if (isMoney(value)) return csv ? majorUnits(value) : formatAmount(value)
  if (value instanceof Date) return value.toISOString()
  if (value === null || typeof value === 'string') return value
  return typeof value === 'boolean' ? String(value) : value.join(', ')
}
