// A table for the live view: a title replaces the first heading, and the number of rows is limited.
import { groupThousands } from '../domain/money.js'
import { cutLine, type Line, part } from './line.js'
import { type Column, columnWidths, rowLine } from './table.js'

export interface Grid {
  /** Replaces the heading of the first column. */
  readonly title: string
  readonly columns: readonly Column[]
  readonly rows: readonly Line[]
}

/** The headings and at most `maxRows` rows, within `width` columns. If rows are left out, the last line counts them. */
export function gridLines({ title, columns, rows }: Grid, maxRows: number, width: number): Line[] {
  const headings = columns.map(({ heading }, index) => (index === 0 ? part(title, 'bold') : part(heading, 'dim')))
  const rest = rows.length > maxRows ? rows.length - maxRows + 1 : 0
  const more = columns.map((_, index) => part(index === 0 ? `… ${groupThousands(rest)} more` : '', 'dim'))
  const lines = [headings, ...(rest > 0 ? [...rows.slice(0, maxRows - 1), more] : rows)]
  const widths = columnWidths(columns, lines, width)
  return lines.map((line) => cutLine(rowLine(columns, widths, line), width))
}
