// The width of a text on a terminal, and wrapping by it.
import { createRequire } from 'node:module'

// Loaded when a text needs them: their tables of emoji take longer to load than most commands run.
const require = createRequire(import.meta.url)
const loadStringWidth = (): typeof import('string-width') => require('string-width')
const loadWrapAnsi = (): typeof import('wrap-ansi') => require('wrap-ansi')

/** Characters that never combine and are one column wide: ASCII, Latin letters, dashes, boxes and blocks. */
const NARROW = /^[ -~\u00A1-\u00AC\u00AE-\u02FF\u2010-\u2027\u2500-\u259F]*$/

/** The columns that the text takes. */
export function widthOf(text: string): number {
  return NARROW.test(text) ? text.length : loadStringWidth().default(text)
}

/** Breaks the text between words, and words that are longer than a line, into lines of at most `width` columns. */
export function wrapText(text: string, width: number): string[] {
  return loadWrapAnsi().default(text, width, { hard: true }).split('\n')
}
