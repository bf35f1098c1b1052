// Fits column widths to a terminal that is too narrow for all text.

export interface ColumnShape {
  /** Numbers, amounts and times are on the right, and are narrowed last: they do not read well in several lines. */
  readonly align?: 'left' | 'right'
  /** Smallest useful width [default: 8]. */
  readonly minWidth?: number
  /** Narrowed before the other columns. */
  readonly flexible?: boolean
  /** Columns that do not fit are left out, highest number first. A column without a number always stays. */
  readonly dropOrder?: number
}

const MIN_WIDTH = 8

/**
 * Returns the widths of the columns to show, by index. Their sum may exceed the room if no column can be narrowed.
 *
 * @param wanted the width of each column's text
 * @param room available width, including a `gap` between columns
 */
export function fitColumns(
  columns: readonly ColumnShape[],
  wanted: readonly number[],
  room: number,
  gap: number,
): ReadonlyMap<number, number> {
  const minOf = (index: number) => Math.min(wanted[index] ?? 0, columns[index]?.minWidth ?? MIN_WIDTH)
  const widths = new Map(wanted.map((width, index) => [index, Math.min(width, Math.max(room, MIN_WIDTH))]))
  const excess = () => [...widths.values()].reduce((sum, width) => sum + width + gap, -gap) - room
  const flexible = () => [...widths.keys()].filter((index) => columns[index]?.flexible)
  const slack = () => flexible().reduce((sum, index) => sum + (widths.get(index) ?? 0) - minOf(index), 0)
  const dropOrderOf = (index: number) => columns[index]?.dropOrder ?? 0
  for (const index of [...widths.keys()].sort((a, b) => dropOrderOf(b) - dropOrderOf(a))) {
    if (dropOrderOf(index) > 0 && excess() > slack()) widths.delete(index)
  }
  // Narrows the widest column by one at a time, so that widths become similar.
  const all = [...widths.keys()]
  for (const indexes of [flexible(), all.filter((index) => columns[index]?.align !== 'right'), all]) {
    for (let left = excess(); left > 0; left -= 1) {
      const narrowable = indexes.filter((index) => (widths.get(index) ?? 0) > minOf(index))
      const [widest] = narrowable.sort((a, b) => (widths.get(b) ?? 0) - (widths.get(a) ?? 0))
      if (widest === undefined) break
      widths.set(widest, (widths.get(widest) ?? 0) - 1)
    }
  }
  return widths
}
