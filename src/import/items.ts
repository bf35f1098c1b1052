// Lines with several items, each packed in a cell.
import type { Mapping } from './mapping/mapping.js'

/** Splits a record with several items into one record for each, with the parts of the item in columns of their own. */
export function itemSplitter(header: readonly string[], { items, columns }: Mapping) {
  if (!items) return undefined
  const { separator, assigns } = items
  const positions = itemColumns(header, { items })
  const names = Object.values(columns).flatMap((list) => list.filter((name) => name.startsWith(ITEM)))
  const split = (cells: readonly string[]): string[][] =>
    positions.flatMap((position) => {
      const item = cells[position]?.trim()
      if (!item) return []
      const parts = new Map(item.split(separator).map((part) => keyAndValue(part, assigns)))
      return [
        [...header.map((_, at) => cells[at] ?? ''), ...names.map((name) => parts.get(name.slice(ITEM.length)) ?? '')],
      ]
    })
  return { names, split }
}

function itemColumns(header: readonly string[], { items }: Pick<Mapping, 'items'>): number[] {
  return items ? header.flatMap((name, at) => (name.trim().startsWith(items.prefix) ? [at] : [])) : []
}

/**
 * Each item of a line has a number of its own, which grows with the lines of the file: that of the line, if lines have
 * one item.
 */
export class ItemNumbers {
  readonly #perLine: number

  constructor(header: readonly string[], mapping: Mapping) {
    this.#perLine = itemColumns(header, mapping).length || 1
  }

  /** @param index that of the item in its line */
  numberOf(line: number, index = 0): number {
    return (line - 1) * this.#perLine + index + 1
  }

  lineOf(number: number): number {
    return Math.ceil(number / this.#perLine)
  }
}

/** Columns of the parts of an item start with it, as in `item.sku`. */
export const ITEM = 'item.'

/** A value may contain the sign that ends its key. */
function keyAndValue(part: string, assigns: string): readonly [string, string] {
  const at = part.indexOf(assigns)
  return at === -1 ? [part.trim(), ''] : [part.slice(0, at).trim(), part.slice(at + assigns.length)]
}
