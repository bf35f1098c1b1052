// Compiles the skip rules of a mapping.
import type { SkipRule } from './mapping/mapping.js'
import { findNames } from './mapping/names.js'

/** Returns the reason for which a line is skipped, as in `cancelled`. */
export type SkipTest = (cells: readonly string[]) => string | undefined

/** Rules for columns that the file does not have are left out. */
export function skipTests(header: readonly string[], rules: readonly SkipRule[] = []): SkipTest[] {
  const tests: SkipTest[] = []
  /** The test before this one: rules for words in the same column become one look-up. */
  let last: { readonly position: number; readonly words: Map<string, string> } | undefined
  for (const rule of rules) {
    const [position] = findNames(header, [rule.column])
    if (position === undefined) continue
    if (!('is' in rule)) {
      last = undefined
      tests.push(testOf(rule, position))
      continue
    }
    if (last?.position !== position) {
      last = { position, words: new Map() }
      tests.push(wordTest(last.words, position))
    }
    for (const word of rule.is) {
      const key = word.toLowerCase()
      if (!last.words.has(key)) last.words.set(key, rule.reason)
    }
  }
  return tests
}

/** Longer cells are compared with no word. */
const LONGEST_WORD = 60

function wordTest(words: ReadonlyMap<string, string>, position: number): SkipTest {
  return (cells) => {
    const cell = cells[position]?.trim() ?? ''
    return cell.length > LONGEST_WORD ? undefined : words.get(cell.toLowerCase())
  }
}

function testOf(rule: Exclude<SkipRule, { is: unknown }>, position: number): SkipTest {
  const { reason } = rule
  const cellOf = (cells: readonly string[]) => cells[position]?.trim() ?? ''
  if ('startsWith' in rule) return (cells) => (cellOf(cells).startsWith(rule.startsWith) ? reason : undefined)
  const isBlank = (cell: string) => cell === '' || NOTHING.test(cell)
  return (cells) => (isBlank(cellOf(cells)) === (rule.cell === 'blank') ? reason : undefined)
}

/** What databases and spreadsheets write for no value, and for no. */
const NOTHING = /^(?:null|none|nil|nan|nat|n\/a|na|-+|0000-00-00.*|0|no|non|nein|nee|não|false|faux|falsch)$/i
