// Fits column widths to a terminal that is too narrow for all text.

export interface ColumnShape {
  /** Least useful width [default: 8]. */
  readonly least?: number
  /** Narrowed before the others. */
  readonly flexible?: boolean
  /** Left out if the columns do not fit, the highest number first; a column without one stays. */
  readonly spare?: number
}

const LEAST_WIDTH = 8

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
  const leastOf = (index: number) => Math.min(wanted[index] ?? 0, columns[index]?.least ?? LEAST_WIDTH)
  const widths = new Map(wanted.map((width, index) => [index, Math.min(width, Math.max(room, LEAST_WIDTH))]))
  const excess = () => [...widths.values()].reduce((sum, width) => sum + width + gap, -gap) - room
  const flexible = () => [...widths.keys()].filter((index) => columns[index]?.flexible)
  const slack = () => flexible().reduce((sum, index) => sum + (widths.get(index) ?? 0) - leastOf(index), 0)
  const spareOf = (index: number) => columns[index]?.spare ?? 0
  for (const index of [...widths.keys()].sort((a, b) => spareOf(b) - spareOf(a))) {
    if (spareOf(index) > 0 && excess() > slack()) widths.delete(index)
  }
  // Narrows the widest column by one at a time, so that widths become similar.
  for (const indexes of [flexible(), [...widths.keys()]]) {
    for (let left = excess(); left > 0; left -= 1) {
      const narrowable = indexes.filter((index) => (widths.get(index) ?? 0) > leastOf(index))
      const [widest] = narrowable.sort((a, b) => (widths.get(b) ?? 0) - (widths.get(a) ?? 0))
      if (widest === undefined) break
      widths.set(widest, (widths.get(widest) ?? 0) - 1)
    }
  }
  return widths
}
