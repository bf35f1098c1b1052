// Renders rows as a table that fits the terminal, or as CSV.
import { stringify } from 'csv-stringify/sync'
import { fitLine, type Line, type Part, part } from './line.js'
import { drawLine, type Screen } from './screen.js'
import { cutText } from './text.js'
import { widthOf, wrapText } from './text-width.js'
import { type ColumnShape, fitColumns } from './widths.js'

export interface Column extends ColumnShape {
  readonly heading: string
}

/** Printed unchanged, so format numbers first. Null is a dash in a table and empty in CSV. */
export type Cell = string | number | null | Part

export interface Table {
  readonly columns: readonly Column[]
  readonly rows: readonly (readonly Cell[])[]
}

const GAP = 2

/** Renders the table for the screen, without a final newline. */
export function renderTable(table: Table, screen: Screen): string {
  return tableLines(table, screen.width)
    .map((line) => drawLine(line, screen))
    .join('\n')
}

/**
 * The lines of the table, within `width` columns. Text that does not fit its column wraps. If even the narrowest table
 * is too wide, each row becomes a block of `heading: value` lines.
 *
 * @param width undefined if lines must not wrap
 */
function tableLines({ columns, rows }: Table, width = Number.POSITIVE_INFINITY): Line[] {
  const headings = columns.map(({ heading }) => part(heading, 'bold'))
  const cells = rows.map((row) => headings.map((_, index) => cellPart(row[index] ?? null)))
  const widths = columnWidths(columns, [headings, ...cells], width)
  if (lengthOf(widths) > width) return blockLines(headings, cells, width)
  const rule = headings.map((_, index) => part('─'.repeat(widths.get(index) ?? 0), 'dim'))
  const lines = [headings, rule, ...cells]
  // Without a limit, each column is as wide as its text, and a long list need not be measured again.
  const wrapped = width === Number.POSITIVE_INFINITY ? lines : lines.flatMap((row) => wrapRow(row, widths))
  return wrapped.map((row) => rowLine(columns, widths, row))
}

/** The width of each column that is shown, by its index. */
export function columnWidths(columns: readonly ColumnShape[], rows: readonly Line[], width: number) {
  const wanted = columns.map(({ minWidth = 1 }, index) =>
    rows.reduce((widest, row) => Math.max(widest, widthOf(row[index]?.text ?? '')), minWidth),
  )
  return fitColumns(columns, wanted, width, GAP)
}

const lengthOf = (widths: ReadonlyMap<number, number>) =>
  [...widths.values()].reduce((sum, columnWidth) => sum + columnWidth + GAP, -GAP)

/** The row's cells in their columns, without spaces at the end. */
export function rowLine(columns: readonly Column[], widths: ReadonlyMap<number, number>, row: Line): Line {
  const line = [...widths].flatMap(([index, width], place) => [
    ...(place === 0 ? [] : [part(' '.repeat(GAP))]),
    ...fitLine(row.slice(index, index + 1), width, columns[index]?.align),
  ])
  while (/^ *$/.test(line.at(-1)?.text ?? 'x')) line.pop()
  return line
}

/** CSV without a final newline. Escapes text that a spreadsheet would run as a formula. */
export function renderCsv(table: Table, { header = true } = {}): string {
  const headings = table.columns.map((column) => column.heading)
  const lines: (readonly Cell[])[] = [...(header ? [headings] : []), ...table.rows]
  const clean = lines.map((cells) =>
    cells.map((cell) => (cell === null || typeof cell === 'number' ? cell : cellPart(cell).text)),
  )
  return stringify(clean, { escape_formulas: true, eof: false })
}

function cellPart(cell: Cell): Part {
  if (cell === null) return part('–', 'dim')
  return typeof cell === 'object' ? cell : part(String(cell))
}

/** The row as one or more rows, of which the later ones continue cells that are wider than their columns. */
function wrapRow(row: Line, widths: ReadonlyMap<number, number>): Line[] {
  const isTooWide = ([index, width]: readonly [number, number]) => widthOf(row[index]?.text ?? '') > width
  const tooWide = [...widths].filter(isTooWide)
  if (tooWide.length === 0) return [row]
  const wrapped = new Map(tooWide.map(([index, width]) => [index, wrapText(row[index]?.text ?? '', width)]))
  const height = Math.max(...[...wrapped.values()].map(({ length }) => length))
  return Array.from({ length: height }, (_, number) =>
    row.map((cell, index) => {
      const text = (wrapped.get(index) ?? [cell.text])[number]
      return text === undefined ? part('') : part(text, cell.ink)
    }),
  )
}

function blockLines(headings: readonly Part[], rows: readonly (readonly Part[])[], width: number): Line[] {
  return rows.flatMap((row, number) => [
    ...(number === 0 ? [] : [[]]),
    ...row.flatMap((cell, index): Line[] =>
      // Cut, since a wide character does not fit a single column.
      wrapText(`${headings[index]?.text}: ${cell.text}`, width).map((line) => [part(cutText(line, width), cell.ink)]),
    ),
  ])
}
