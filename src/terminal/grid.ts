// A table without a frame, for the live view.
import { cutLine, fitLine, type Line, lineWidth, part } from './line.js'
import type { Column } from './table.js'
import { fitColumns } from './widths.js'

export interface Grid {
  /** Replaces the heading of the first column. */
  readonly title: string
  readonly columns: readonly Column[]
  readonly rows: readonly Line[]
}

const GAP = 2

/** The headings and at most `maxRows` rows, within `width` columns. If rows are left out, the last line counts them. */
export function gridLines({ title, columns, rows }: Grid, maxRows: number, width: number): Line[] {
  const headings = columns.map(({ heading }, index) => (index === 0 ? part(title, 'bold') : part(heading, 'dim')))
  const rest = rows.length > maxRows ? rows.length - maxRows + 1 : 0
  const more = columns.map((_, index) => part(index === 0 ? `… ${rest} more` : '', 'dim'))
  const lines = [headings, ...(rest > 0 ? [...rows.slice(0, maxRows - 1), more] : rows)]
  const widthOf = (line: Line, index: number) => lineWidth(line.slice(index, index + 1))
  const wanted = columns.map(({ minWidth = 0 }, index) =>
    Math.max(minWidth, ...lines.map((line) => widthOf(line, index))),
  )
  const widths = [...fitColumns(columns, wanted, width, GAP)]
  return lines.map((line) => {
    const drawn = widths.flatMap(([index, columnWidth], place) => [
      ...(place === 0 ? [] : [part(' '.repeat(GAP))]),
      ...fitLine(line.slice(index, index + 1), columnWidth, columns[index]?.align),
    ])
    return cutLine(drawn, width)
  })
}
