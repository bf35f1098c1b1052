// A table without a frame, for a screen that has no lines to spare.
import { cutLine, fitLine, type Line, lineWidth, type Part, part } from './line.js'
import type { Cell, Column } from './table.js'
import { fitColumns } from './widths.js'

export interface Grid {
  /** Stands in place of the first column's heading. */
  readonly title: string
  readonly columns: readonly Column[]
  readonly rows: readonly (readonly (Cell | Part)[])[]
}

const GAP = 2

/** The headings and then the rows, none wider than `width` columns. */
export function gridLines({ title, columns, rows }: Grid, width: number): Line[] {
  const headings = columns.map(({ heading }, index) => (index === 0 ? part(title, 'bold') : part(heading, 'dim')))
  const lines = [headings, ...rows.map((cells) => columns.map((_, index) => cellPart(cells[index] ?? null)))]
  const wanted = columns.map(({ least = 0 }, index) =>
    Math.max(least, ...lines.map((cells) => lineWidth(cells.slice(index, index + 1)))),
  )
  const widths = [...fitColumns(columns, wanted, width, GAP)]
  return lines.map((cells) => {
    const drawn = widths.flatMap(([index, columnWidth], place) => [
      ...(place === 0 ? [] : [part(' '.repeat(GAP))]),
      ...fitLine(cells.slice(index, index + 1), columnWidth, columns[index]?.align),
    ])
    return cutLine(drawn, width)
  })
}

function cellPart(cell: Cell | Part): Part {
  return typeof cell === 'object' && cell !== null ? cell : part(String(cell ?? '–'))
}
