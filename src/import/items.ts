// Lines with several items, each packed in a cell.
import type { Mapping } from './mapping/mapping.js'

/** Splits a record with several items into one record for each, with the parts of the item in columns of their own. */
export function itemSplitter(header: readonly string[], { items, columns }: Mapping) {
  if (!items) return undefined
  const { prefix, separator, assigns } = items
  const positions = header.flatMap((name, at) => (name.trim().startsWith(prefix) ? [at] : []))
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

/** Columns of the parts of an item start with it, as in `item.sku`. */
export const ITEM = 'item.'

/** A value may contain the sign that ends its key. */
function keyAndValue(part: string, assigns: string): readonly [string, string] {
  const at = part.indexOf(assigns)
  return at === -1 ? [part.trim(), ''] : [part.slice(0, at).trim(), part.slice(at + assigns.length)]
}
