// Rows under headings, lined up without a frame: for a screen that has none to spare.
import { cutLine, fitLine, type Line, lineWidth, part } from './line.js'

export interface GridColumn {
  readonly heading: Line
  readonly align?: 'left' | 'right'
  /** So that a figure that grows does not move its neighbours. */
  readonly least?: number
  /** Narrower than its text where it must be, down to `least`. */
  readonly flexible?: boolean
  /** Left out where the screen is too narrow for all, the highest number first; one without stays. */
  readonly spare?: number
}

const GAP: Line = [part('  ')]

/** The headings and then the rows, none wider than `width` columns. */
export function gridLines(columns: readonly GridColumn[], rows: readonly (readonly Line[])[], width: number): Line[] {
  const cellsOf = (index: number) => rows.map((row) => row[index] ?? [])
  const wanted = columns.map(({ heading, least = 0 }, index) =>
    Math.max(least, lineWidth(heading), ...cellsOf(index).map(lineWidth)),
  )
  const shown = chooseColumns(columns, wanted, width)
  const room = width - GAP_WIDTH * (shown.length - 1)
  const excess = Math.max(0, shown.reduce((sum, index) => sum + (wanted[index] ?? 0), 0) - room)
  const widths = shrink(columns, wanted, shown, excess)
  const drawn = [columns.map(({ heading }) => heading), ...rows]
  return drawn.map((cells) => {
    const line = shown.flatMap((column, place): Line => {
      const cell = fitLine(cells[column] ?? [], widths.get(column) ?? 0, columns[column]?.align)
      return place === 0 ? cell : [...GAP, ...cell]
    })
    return cutLine(line, width)
  })
}

const GAP_WIDTH = 2

/** The indexes of as many columns as fit, at least the one that stays. */
function chooseColumns(columns: readonly GridColumn[], wanted: readonly number[], width: number): number[] {
  const narrowest = (index: number) => {
    const { flexible = false, least = 0 } = columns[index] ?? {}
    return flexible ? Math.min(least, wanted[index] ?? 0) : (wanted[index] ?? 0)
  }
  let shown = [...columns.keys()]
  const spare = shown
    .filter((index) => columns[index]?.spare !== undefined)
    .sort((a, b) => (columns[b]?.spare ?? 0) - (columns[a]?.spare ?? 0))
  const needed = () => shown.reduce((sum, index) => sum + narrowest(index) + GAP_WIDTH, -GAP_WIDTH)
  for (const index of spare) {
    if (needed() <= width) break
    shown = shown.filter((other) => other !== index)
  }
  return shown
}

/** Takes the excess from the flexible columns, one after the other. */
function shrink(columns: readonly GridColumn[], wanted: readonly number[], shown: readonly number[], excess: number) {
  let left = excess
  return new Map(
    shown.map((index) => {
      const { flexible = false, least = 0 } = columns[index] ?? {}
      const width = wanted[index] ?? 0
      const given = flexible ? Math.min(left, Math.max(0, width - least)) : 0
      left -= given
      return [index, width - given]
    }),
  )
}
