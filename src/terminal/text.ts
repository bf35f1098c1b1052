// Words, counts and times as a person reads them, and the text of others made fit to print.
import stringWidth from 'string-width'
import { groupThousands } from '../domain/money.js'

const BREAKS = /[\t\n\v\f\r\u0085\u2028\u2029]+/g
// Controls, and the invisible characters that reorder, join or split what surrounds them. Those that are not assigned
// yet but set aside for such go too, and so does the joiner of emoji:
// terminals disagree on how wide a joined emoji is, not on how wide its parts are.
const INVISIBLE = /\p{Cc}|(?=[\p{Cf}\p{Cn}])\p{Default_Ignorable_Code_Point}|[\uFFF9-\uFFFB]/gu
const HALF_A_PAIR = /\p{Cs}/gu

const graphemes = new Intl.Segmenter()

/** Text from a file or a database on one line, without anything that moves a cursor, colours or reorders. */
export function cleanText(text: string): string {
  return text.replace(BREAKS, ' ').replace(INVISIBLE, '').replace(HALF_A_PAIR, '\uFFFD')
}

/** A JSON document with the same content, in which such characters are escaped: safe to print, and exact. */
export function escapeJson(json: string): string {
  const escaped = (text: string) =>
    text.replace(/[\s\S]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
  return json.replace(BREAKS, escaped).replace(INVISIBLE, escaped)
}

/** At most `width` columns of the text; what is cut off leaves an ellipsis. Never splits a character that people see. */
export function cutText(text: string, width: number): string {
  if (stringWidth(text) <= width) return text
  let kept = ''
  let room = width - 1
  for (const { segment } of graphemes.segment(text)) {
    room -= stringWidth(segment)
    if (room < 0) break
    kept += segment
  }
  return width < 1 ? '' : `${kept}…`
}

/** The text with spaces up to `width` columns. */
export function padText(text: string, width: number, align: 'left' | 'right' = 'left'): string {
  const spaces = ' '.repeat(Math.max(0, width - stringWidth(text)))
  return align === 'left' ? text + spaces : spaces + text
}

/** `1 order`, `12,345 orders`. */
export function countOf(count: number, one: string, many = `${one}s`): string {
  return `${groupThousands(count)} ${count === 1 ? one : many}`
}

/** `2025-01-15T17:41:00.000Z`, as JSON and details give times; null stays null. */
export function isoTime(instant: number | null): string | null {
  return instant === null ? null : new Date(instant).toISOString()
}

/** To one decimal. */
export function tenths(number: number): number {
  return Math.round(number * 10) / 10
}

const UNITS = [
  { name: 'd', seconds: 86_400 },
  { name: 'h', seconds: 3_600 },
  { name: 'min', seconds: 60 },
  { name: 's', seconds: 1 },
]

/** `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`: at most two units, and tenths below ten seconds only. */
export function duration(seconds: number): string {
  if (seconds < 10) return `${Number(Math.max(0, seconds).toFixed(1))} s`
  const whole = Math.round(seconds)
  const largest = UNITS.findIndex((unit) => whole >= unit.seconds)
  let rest = whole
  const parts: string[] = []
  for (const unit of UNITS.slice(largest, largest + 2)) {
    const count = Math.floor(rest / unit.seconds)
    rest -= count * unit.seconds
    if (count > 0) parts.push(`${count} ${unit.name}`)
  }
  return parts.join(' ')
}

/** `12 s ago`, from epoch milliseconds. An instant ahead of our clock counts as now. */
export function ago(instantMs: number, nowMs: number): string {
  const seconds = Math.floor((nowMs - instantMs) / 1000)
  return seconds < 1 ? 'just now' : `${duration(seconds)} ago`
}
