// A line as parts of text and ink, so that widths are measured without escape codes.
import { cleanText, cutText } from './text.js'
import { widthOf } from './text-width.js'

/** The palette of all output. Headings are bold, and what matters less is dim. */
const INKS = {
  plain: ['', ''],
  bold: ['\u001b[1m', '\u001b[22m'],
  dim: ['\u001b[2m', '\u001b[22m'],
  good: ['\u001b[32m', '\u001b[39m'],
  warning: ['\u001b[33m', '\u001b[39m'],
  bad: ['\u001b[31m', '\u001b[39m'],
} as const
export type Ink = keyof typeof INKS

export interface Part {
  readonly text: string
  readonly ink: Ink
}

export type Line = readonly Part[]

/** Makes a part of the cleaned text. */
export function part(text: string, ink: Ink = 'plain'): Part {
  return { text: cleanText(text), ink }
}

export function lineText(line: Line): string {
  return line.map(({ text }) => text).join('')
}

export function lineWidth(line: Line): number {
  return widthOf(lineText(line))
}

/** Cuts the line to at most `width` columns. Measures all parts together, since characters may combine across parts. */
export function cutLine(line: Line, width: number): Line {
  const text = lineText(line)
  const kept = cutText(text, width)
  if (kept === text) return line
  let room = kept.length - 1
  const parts: Part[] = []
  for (const { text: full, ink } of line) {
    if (room > 0) parts.push({ text: full.slice(0, room), ink })
    room -= full.length
  }
  if (kept === '') return []
  const { text: end, ink }: Part = parts.pop() ?? part('')
  return [...parts, { text: `${end}…`, ink }]
}

/** Pads or cuts the line to exactly `width` columns. */
export function fitLine(line: Line, width: number, align: 'left' | 'right' = 'left'): Line {
  const cut = cutLine(line, width)
  const missing = width - lineWidth(cut)
  if (missing <= 0) return cut
  const space: Part = { text: ' '.repeat(missing), ink: 'plain' }
  return align === 'left' ? [...cut, space] : [space, ...cut]
}

/** The line as text with escape codes for colours. */
export function inkLine(line: Line): string {
  return line.map(({ text, ink }) => `${INKS[ink][0]}${text}${INKS[ink][1]}`).join('')
}
