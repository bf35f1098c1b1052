// Records as a mapping sees them: several items on a line become a record each, and lines that are no sales are named.

import type { Mapping } from './mapping.js'
import { findName } from './names.js'

/** What precedes the names of the parts of an item, as in `item.sku`. */
const ITEM = 'item.'

export interface Unfolded {
  /** The names of the columns, with those of the parts of an item at the end. */
  readonly header: readonly string[]
  /** Returns a record for each item: the cells of the line, and the parts of the item. One record without items. */
  unfold(cells: readonly string[]): readonly (readonly string[])[]
}

export function unfolded(header: readonly string[], { columns, items }: Mapping): Unfolded {
  const names = [...new Set(Object.values(columns).flat())].filter((name) => name.startsWith(ITEM))
  const packed = items ? header.flatMap((name, index) => (isItem(name, items.prefix) ? [index] : [])) : []
  if (!items || packed.length === 0) return { header, unfold: (cells) => [cells] }
  return {
    header: [...header, ...names],
    unfold: (cells) => {
      const line = Array.from(header, (_, index) => cells[index] ?? '')
      return packed
        .map((index) => cells[index] ?? '')
        .filter((text) => text.trim() !== '')
        .map((text) => {
          const parts = partsOf(text, items.separator, items.assigns)
          return [...line, ...names.map((name) => parts.get(name.slice(ITEM.length)) ?? '')]
        })
    },
  }
}

/** As in `line_item_12`. */
export function isItem(name: string, prefix: string): boolean {
  return name.trim().startsWith(prefix) && /^\d+$/.test(name.trim().slice(prefix.length))
}

/** Splits `name:Tea: green|sku:T-1` at the first sign of each part. */
function partsOf(text: string, separator: string, assigns: string): Map<string, string> {
  return new Map(
    text.split(separator).map((part) => {
      const at = part.indexOf(assigns)
      return at < 0 ? ['', part] : [part.slice(0, at).trim(), part.slice(at + assigns.length)]
    }),
  )
}

/** Returns a function that gives the reason to skip a record; undefined for a record to be read. */
export function skipping(
  header: readonly string[],
  { skip = [] }: Mapping,
): (cells: readonly string[]) => string | undefined {
  const rules = skip
    .map((rule) => ({ reason: rule.reason, index: findName(header, rule.column), matches: matcher(rule) }))
    .filter(({ index }) => index >= 0)
  if (rules.length === 0) return () => undefined
  return (cells) => rules.find(({ index, matches }) => matches((cells[index] ?? '').trim()))?.reason
}

function matcher(rule: NonNullable<Mapping['skip']>[number]): (text: string) => boolean {
  if ('is' in rule) {
    const values = new Set(rule.is.map((value) => value.toLowerCase()))
    return (text) => text !== '' && values.has(text.toLowerCase())
  }
  if ('startsWith' in rule) return (text) => text.startsWith(rule.startsWith)
  return rule.cell === 'filled' ? (text) => text !== '' : (text) => text === ''
}
