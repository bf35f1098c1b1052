// Rows as a table that fits the terminal, or as CSV.
import CliTable from 'cli-table3'
import { stringify } from 'csv-stringify/sync'
import stringWidth from 'string-width'
import { cleanText, cutText, padText } from './text.js'

export interface Column {
  readonly heading: string
  readonly align?: 'left' | 'right'
  /** Gives way first where the terminal is narrow. */
  readonly flexible?: boolean
}

/** Printed as it is, so numbers come formatted; null is a dash in a table and empty in CSV. */
export type Cell = string | number | null

export interface Table {
  readonly columns: readonly Column[]
  readonly rows: readonly (readonly Cell[])[]
}

/** Narrower than this a column tells nothing. */
const LEAST_WIDTH = 8

/**
 * The table without a newline at its end, no line wider than `width` columns. Where even its narrowest form is wider,
 * each row becomes a block of `heading: value` lines.
 *
 * @param width undefined where nothing may be cut: into a pipe or a file
 */
export function renderTable(table: Table, width: number | undefined): string {
  const headings = table.columns.map((column) => cleanText(column.heading))
  const rows = table.rows.map((row) => headings.map((_, index) => cleanText(String(row[index] ?? '–'))))
  const natural = headings.map((heading, index) =>
    rows.reduce((widest, row) => Math.max(widest, stringWidth(row[index] ?? '')), Math.max(1, stringWidth(heading))),
  )
  const widths = width === undefined ? natural : fitWidths(natural, table.columns, width)
  return widths ? drawTable(table.columns, widths, headings, rows) : drawBlocks(headings, rows, width ?? 0)
}

/**
 * The table as CSV with a header line, without a newline at its end. Text that a spreadsheet would run as a formula gets
 * an apostrophe in front; numbers stay numbers, negative ones too.
 */
export function renderCsv(table: Table): string {
  const lines: (readonly Cell[])[] = [table.columns.map((column) => column.heading), ...table.rows]
  const clean = lines.map((cells) => cells.map((cell) => (typeof cell === 'string' ? cleanText(cell) : cell)))
  return stringify(clean, { escape_formulas: true, eof: false })
}

/** The columns' widths within the whole table's; undefined where they cannot fit. */
function fitWidths(natural: readonly number[], columns: readonly Column[], width: number): number[] | undefined {
  // A cell has a space on either side and a border before it; the last border closes the row.
  const available = width - 3 * natural.length - 1
  const widths = natural.map((wanted) => Math.min(wanted, Math.max(available, LEAST_WIDTH)))
  const indexes = [...widths.keys()]
  shrink(
    widths,
    indexes.filter((index) => columns[index]?.flexible),
    available,
  )
  shrink(widths, indexes, available)
  return sum(widths) <= available ? widths : undefined
}

/** Takes from the widest of these columns, one at a time, so that they end up alike. */
function shrink(widths: number[], indexes: readonly number[], available: number): void {
  for (let excess = sum(widths) - available; excess > 0; excess -= 1) {
    const widest = indexes.reduce(
      (best, index) => ((widths[index] ?? 0) > (widths[best] ?? 0) ? index : best),
      indexes[0] ?? -1,
    )
    const width = widths[widest] ?? 0
    if (width <= LEAST_WIDTH) return
    widths[widest] = width - 1
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

/**
 * cli-table3 draws the frame around a heading and a row of stand-ins, and each row's cells then take their places. Its
 * own measure of text (string-width 4) is wrong for Thai and for emoji from 2020 on, and it cannot hold more rows than
 * a call holds arguments, about 120,000.
 */
function drawTable(
  columns: readonly Column[],
  widths: readonly number[],
  headings: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const standIns = widths.map((width) => 'x'.repeat(width))
  const frame = new CliTable({ head: standIns, style: { head: [], border: [], compact: true } })
  frame.push(standIns)
  const [top = '', line = '', ...rest] = frame.toString().split('\n')
  const fill = (cells: readonly string[]) => {
    const places = cells.map((cell, index) => {
      const width = widths[index] ?? 0
      return padText(cutText(cell, width), width, columns[index]?.align)
    })
    return line.replace(/x+/g, () => places.shift() ?? '')
  }
  const under = rows.length > 0 ? rest.slice(0, 1) : []
  return [top, fill(headings), ...under, ...rows.map(fill), rest.at(-1) ?? ''].join('\n')
}

function drawBlocks(headings: readonly string[], rows: readonly (readonly string[])[], width: number): string {
  return rows
    .map((row) => row.map((cell, index) => cutText(`${headings[index]}: ${cell}`, width)).join('\n'))
    .join('\n\n')
}
