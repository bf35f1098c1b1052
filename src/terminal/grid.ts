// A table for a screen that has no lines to spare: a title in place of the first heading, no rule, at most so many rows.
import { cutLine, type Line, part } from './line.js'
import { type Column, columnWidths, rowLine } from './table.js'

export interface Grid {
  /** Stands in place of the first column's heading. */
  readonly title: string
  readonly columns: readonly Column[]
  readonly rows: readonly Line[]
}

/** The headings and at most `most` rows, none wider than `width` columns. The last row says how many are left out. */
export function gridLines({ title, columns, rows }: Grid, most: number, width: number): Line[] {
  const headings = columns.map(({ heading }, index) => (index === 0 ? part(title, 'bold') : part(heading, 'dim')))
  const rest = rows.length > most ? rows.length - most + 1 : 0
  const more = columns.map((_, index) => part(index === 0 ? `… ${rest} more` : '', 'dim'))
  const lines = [headings, ...(rest > 0 ? [...rows.slice(0, most - 1), more] : rows)]
  const widths = columnWidths(columns, lines, width)
  return lines.map((line) => cutLine(rowLine(columns, widths, line), width))
}
