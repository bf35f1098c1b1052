// Turns rows, as JSON shows them, into tables or CSV. Columns are data.
import { clockAt, shortClock } from '../domain/business-day.js'
import { formatAmount, groupThousands, isMoney, type Money, majorUnits } from '../domain/money.js'
import type { Part } from '../terminal/line.js'
import type { Cell, Table, Column as TableColumn } from '../terminal/table.js'
import { capitalized } from '../terminal/text.js'

/** Numbers, amounts and instants are right-aligned. Tables group digits, add the currency and shorten times. */
export type Value = string | number | boolean | null | Money | Date | readonly string[]

/** An object or a tuple of values. */
export type Row<Self> = { readonly [Key in keyof Self]: Value }

type Key<Self> = keyof Self & string

interface Looks<Self> extends Pick<TableColumn, 'align' | 'dropOrder' | 'flexible' | 'minWidth'> {
  /** What a table shows in place of the value. */
  readonly shown?: (row: Self) => Value | Part
  /** Tables leave it out: they show it in another column, or it says nothing to a person. */
  readonly csvOnly?: boolean
  /** Tables leave it out if all rows have the same value. */
  readonly varies?: boolean
}

/**
 * A property of the row, or a value computed from it. The heading is the property's name unless given. Tables start
 * it with a capital; CSV does not, since scripts read it.
 */
export type Column<Self> =
  | Key<Self>
  | (Looks<Self> &
      (
        | { readonly key: Key<Self>; readonly heading?: string }
        | { readonly heading: string; readonly value: (row: Self) => Value }
      ))

interface TableOptions {
  readonly csv?: boolean
  /** The zone of the instants in tables; CSV has UTC. */
  readonly timeZone?: string
}

export function tableOf<Self extends Row<Self>>(
  list: readonly Column<Self>[],
  rows: readonly Self[],
  { csv = false, timeZone = 'UTC' }: TableOptions = {},
): Table {
  const columns = list.map(withValue).filter(({ csvOnly, varies, value }) => {
    const isConstant = () => new Set(rows.map((row) => String(value(row)))).size < 2
    return csv || !(csvOnly || (varies && isConstant()))
  })
  const values = rows.map((row) => columns.map(({ value, shown }) => (shown && !csv ? shown(row) : value(row))))
  const isRight = (value: unknown) => typeof value === 'number' || isMoney(value) || value instanceof Date
  const clock = (instant: number) => clockAt(instant, timeZone)
  const now = clock(Date.now())
  const timeOf = (instant: Date) => shortClock(clock(instant.getTime()), now)
  return {
    columns: columns.map(({ heading, align, ...shape }, index) => ({
      heading: csv ? heading : capitalized(heading),
      ...shape,
      align: align ?? (values.some((row) => isRight(row[index])) ? 'right' : 'left'),
    })),
    rows: values.map((row) => row.map((value) => (csv ? csvCell(value) : tableCell(value, timeOf)))),
  }
}

function withValue<Self extends Row<Self>>(column: Column<Self>) {
  const given = typeof column === 'string' ? { key: column } : column
  if (!('key' in given)) return given
  return { heading: given.key.replaceAll('_', ' '), value: (row: Self): Value => row[given.key], ...given }
}

/** Columns for rows of a name and a value. */
export function pairs(name: string, value: string): readonly Column<readonly [string, Value]>[] {
  return [
    { key: '0', heading: name },
    { key: '1', heading: value, flexible: true },
  ]
}

function tableCell(value: Value | Part, timeOf: (instant: Date) => string): Cell {
  if (typeof value === 'number') return groupThousands(value)
  if (isMoney(value)) return `${formatAmount(value)} ${value.currency}`
  if (value instanceof Date) return timeOf(value)
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  return textCell(value)
}

function csvCell(value: Value | Part): Cell {
  if (isMoney(value)) return majorUnits(value)
  return value instanceof Date ? value.toISOString() : textCell(value)
}

function textCell(value: Exclude<Value, Money | Date> | Part): Cell {
  if (typeof value === 'boolean') return String(value)
  return isList(value) ? value.join(', ') : value
}

const isList = (value: unknown): value is readonly string[] => Array.isArray(value)
