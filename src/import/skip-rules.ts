// Compiles the skip rules of a mapping.
import type { SkipRule } from './mapping/mapping.js'
import { findAllNamed } from './mapping/names.js'

/** Returns the reason for which a line is skipped, as in `cancelled`. */
export type SkipTest = (cells: readonly string[]) => string | undefined

/** Rules for columns that the file does not have are left out. Several columns of one name are all tested. */
export function skipTests(header: readonly string[], rules: readonly SkipRule[] = []): SkipTest[] {
  const tests: SkipTest[] = []
  /** The test before this one: rules for words in the same column become one look-up. */
  let last: { readonly position: number; readonly words: Map<string, string> } | undefined
  for (const rule of rules) {
    const positions = findAllNamed(header, rule.column)
    const [position] = positions
    if (position === undefined) continue
    if (!('is' in rule)) {
      last = undefined
      tests.push(testOf(rule, positions))
      continue
    }
    if (last?.position !== position) {
      last = { position, words: new Map() }
      tests.push(...wordTests(last.words, positions))
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

function wordTests(words: ReadonlyMap<string, string>, positions: readonly number[]): SkipTest[] {
  return positions.map((position) => (cells) => {
    const cell = cells[position]?.trim() ?? ''
    return cell.length > LONGEST_WORD ? undefined : words.get(cell.toLowerCase())
  })
}

/** Columns of one name are blank if all of them are. */
function testOf(rule: Exclude<SkipRule, { is: unknown }>, positions: readonly number[]): SkipTest {
  const { reason } = rule
  const cellsOf = (cells: readonly string[]) => positions.map((position) => cells[position]?.trim() ?? '')
  if ('startsWith' in rule)
    return (cells) => (cellsOf(cells).some((cell) => cell.startsWith(rule.startsWith)) ? reason : undefined)
  const isBlank = (cell: string) => cell === '' || NOTHING.test(cell)
  return (cells) => (cellsOf(cells).every(isBlank) === (rule.cell === 'blank') ? reason : undefined)
}

/** What databases and spreadsheets write for no value, and for no. */
const NOTHING =
  /^(?:null|none|nil|nan|nat|n\/a|na|-+|0000-00-00.*|0+(?:[.,]0+)?|no|non|nein|nee|não|false|faux|falsch)$/i
