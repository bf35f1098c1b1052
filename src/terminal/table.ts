// Renders rows as a table that fits the terminal, or as CSV.
import CliTable from 'cli-table3'
import { stringify } from 'csv-stringify/sync'
import stringWidth from 'string-width'
import { cleanText, cutText, padText } from './text.js'
import { type ColumnShape, fitColumns } from './widths.js'

export interface Column extends ColumnShape {
  readonly heading: string
  readonly align?: 'left' | 'right'
}

/** Printed unchanged, so format numbers first. Null is a dash in a table and empty in CSV. */
export type Cell = string | number | null

export interface Table {
  readonly columns: readonly Column[]
  readonly rows: readonly (readonly Cell[])[]
}

/**
 * Renders a table within `width` columns, without a final newline. If even the narrowest table is too wide, each row
 * becomes a block of `heading: value` lines.
 *
 * @param width undefined if lines must not be cut
 */
export function renderTable(table: Table, width: number | undefined): string {
  const headings = table.columns.map((column) => cleanText(column.heading))
  const rows = table.rows.map((row) => headings.map((_, index) => cleanText(String(row[index] ?? '–'))))
  const natural = headings.map((heading, index) =>
    rows.reduce((widest, row) => Math.max(widest, stringWidth(row[index] ?? '')), Math.max(1, stringWidth(heading))),
  )
  // Each cell has a space on both sides and a border before it. A last border closes the row.
  const [room, gap] = [(width ?? Number.POSITIVE_INFINITY) - 4, 3]
  const widths = fitColumns(table.columns, natural, room, gap)
  const needed = [...widths.values()].reduce((sum, columnWidth) => sum + columnWidth + gap, -gap)
  return needed <= room ? drawTable(table.columns, widths, headings, rows) : drawBlocks(headings, rows, width ?? 0)
}

/** CSV with a header line, without a final newline. Escapes text that a spreadsheet would run as a formula. */
export function renderCsv(table: Table): string {
  const lines: (readonly Cell[])[] = [table.columns.map((column) => column.heading), ...table.rows]
  const clean = lines.map((cells) => cells.map((cell) => (typeof cell === 'string' ? cleanText(cell) : cell)))
  return stringify(clean, { escape_formulas: true, eof: false })
}

/**
 * cli-table3 draws only the frame, around placeholders that are replaced by each row's cells. It measures Thai and new
 * emoji wrongly, and fails above about 120,000 rows.
 */
function drawTable(
  columns: readonly Column[],
  widths: ReadonlyMap<number, number>,
  headings: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const placeholders = [...widths.values()].map((width) => 'x'.repeat(width))
  const frame = new CliTable({ head: placeholders, style: { head: [], border: [], compact: true } })
  frame.push(placeholders)
  const [top = '', line = '', ...rest] = frame.toString().split('\n')
  const fill = (cells: readonly string[]) => {
    const texts = [...widths].map(([index, width]) =>
      padText(cutText(cells[index] ?? '', width), width, columns[index]?.align),
    )
    return line.replace(/x+/g, () => texts.shift() ?? '')
  }
  const under = rows.length > 0 ? rest.slice(0, 1) : []
  return [top, fill(headings), ...under, ...rows.map(fill), rest.at(-1) ?? ''].join('\n')
}

function drawBlocks(headings: readonly string[], rows: readonly (readonly string[])[], width: number): string {
  return rows
    .map((row) => row.map((cell, index) => cutText(`${headings[index]}: ${cell}`, width)).join('\n'))
    .join('\n\n')
}
