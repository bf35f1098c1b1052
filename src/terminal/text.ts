// Formats labels, counts and times, and makes text from files and servers safe to print.
import { groupThousands } from '../domain/money.js'
import { widthOf } from './text-width.js'

const BREAKS = /[\t\n\v\f\r\u0085\u2028\u2029]+/g
// Control characters, and invisible characters that reorder, join or split text, including unassigned ones. Includes
// the emoji joiner: terminals disagree on the width of a joined emoji, but not on that of its parts.
const INVISIBLE = /\p{Cc}|(?=[\p{Cf}\p{Cn}])\p{Default_Ignorable_Code_Point}|[\uFFF9-\uFFFB]/gu
const LONE_SURROGATE = /\p{Cs}/gu

let graphemes: Intl.Segmenter | undefined

/** Puts the text on one line, without characters that move the cursor, set colours or reorder text. */
export function cleanText(text: string): string {
  return text.replace(BREAKS, ' ').replace(INVISIBLE, '').replace(LONE_SURROGATE, '\uFFFD')
}

/** The characters of BREAKS and INVISIBLE that JSON.stringify leaves in a text. */
const RAW_IN_JSON = /[\u007F-\u009F\u2028\u2029\uFFF9-\uFFFB]|(?=[\p{Cf}\p{Cn}])\p{Default_Ignorable_Code_Point}/gu

/** Escapes the same characters in a JSON document, which keeps its values and its line breaks between them. */
export function escapeJson(json: string): string {
  return json.replace(RAW_IN_JSON, (text) =>
    text.replace(/[\s\S]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`),
  )
}

/** Cuts the text to at most `width` columns, ending with an ellipsis. Never splits a visible character. */
export function cutText(text: string, width: number): string {
  if (widthOf(text) <= width) return text
  // Created when it is needed: that takes 8 ms.
  graphemes ??= new Intl.Segmenter()
  let kept = ''
  let room = width - 1
  for (const { segment } of graphemes.segment(text)) {
    room -= widthOf(segment)
    if (room < 0) break
    kept += segment
  }
  return width < 1 ? '' : `${kept}…`
}

/** Pads the text with spaces to `width` columns. */
export function padText(text: string, width: number, align: 'left' | 'right' = 'left'): string {
  const spaces = ' '.repeat(Math.max(0, width - widthOf(text)))
  return align === 'left' ? text + spaces : spaces + text
}

/** A label as tables show it: `on hand` becomes `On hand`, `sku` becomes `SKU`. Percentiles such as `p50` are kept. */
export function capitalized(label: string): string {
  return label.replace(/\bsku\b/, 'SKU').replace(/^[a-z](?!\d)/, (letter) => letter.toUpperCase())
}

/** `1 order`, `12,345 orders`. */
export function countOf(count: number, one: string, many = `${one}s`): string {
  return `${groupThousands(count)} ${count === 1 ? one : many}`
}

/** `2025-01-15T17:41:00.000Z`; null stays null. */
export function isoTime(instant: number | null): string | null {
  return instant === null ? null : new Date(instant).toISOString()
}

/** Rounds to one decimal. */
export function tenths(number: number): number {
  return Math.round(number * 10) / 10
}

const UNITS = [
  ['d', 86_400],
  ['h', 3_600],
  ['min', 60],
  ['s', 1],
] as const

/** `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`. At most two units; tenths only below ten seconds. */
export function duration(seconds: number): string {
  if (seconds < 10) return `${Number(Math.max(0, seconds).toFixed(1))} s`
  let rest = Math.round(seconds)
  const largest = UNITS.findIndex(([, length]) => rest >= length)
  const parts = UNITS.slice(largest, largest + 2).map(([name, length]) => {
    const count = Math.floor(rest / length)
    rest %= length
    return count > 0 ? `${count} ${name}` : ''
  })
  return parts.join(' ').trimEnd()
}

/** `12 s ago`, from epoch milliseconds. An instant in the future counts as now. */
export function ago(instantMs: number, nowMs: number): string {
  const seconds = Math.floor((nowMs - instantMs) / 1000)
  return seconds < 1 ? 'just now' : `${duration(seconds)} ago`
}
