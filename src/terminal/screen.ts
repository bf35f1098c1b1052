// The capabilities of an output stream: terminal, colour, width.
import type { WriteStream } from 'node:tty'
import { inkLine, type Line, lineText } from './line.js'

export interface Screen {
  /** Whether spinners and cursor movement are allowed. */
  readonly isTerminal: boolean
  readonly hasColour: boolean
  /** Whether the locale or the terminal is limited to ASCII. */
  readonly isAscii: boolean
  /** Maximum width of a line in columns; undefined if lines must not be cut, as in a pipe. */
  readonly width: number | undefined
}

/** A stream such as `process.stdout`. Pipes and files lack the optional properties. */
export type Output = NodeJS.WritableStream &
  Partial<Pick<WriteStream, 'isTTY' | 'columns' | 'rows'>> & { readonly fd?: number }

/** Treats a terminal that reports 0 columns as a pipe 80 columns wide; ora would clear its lines forever. */
export function screenOf(stream: Pick<Output, 'isTTY' | 'columns'>, environment: NodeJS.ProcessEnv): Screen {
  const { NO_COLOR, CI, TERM, LC_ALL, LC_CTYPE, LANG } = environment
  const locale = LC_ALL || LC_CTYPE || LANG
  const isAscii = TERM === 'dumb' || (locale !== undefined && locale !== '' && !/utf-?8/i.test(locale))
  if (!stream.isTTY) return { isTerminal: false, hasColour: false, isAscii, width: undefined }
  const isTerminal = !CI && TERM !== 'dumb' && stream.columns !== 0
  return { isTerminal, hasColour: isTerminal && !NO_COLOR, isAscii, width: stream.columns || 80 }
}

/** The line as the screen can show it. */
export function drawLine(line: Line, { hasColour, isAscii }: Screen): string {
  const shown = isAscii ? line.map(({ text, ink }) => ({ text: asciiOf(text), ink })) : line
  return hasColour ? inkLine(shown) : lineText(shown)
}

const ASCII: readonly (readonly [RegExp, string])[] = [
  [/[─–]/g, '-'],
  [/[│┤]/g, '|'],
  [/[█▇▆▅▉▊▋▌]/g, '#'],
  [/[▁▂▃▄▍▎▏]/g, '.'],
  // At the end of a cell, the dots replace the last two letters, so that columns keep their width.
  [/[ -~]{2}…(?= |$)|…/gm, '...'],
  [/·/g, '-'],
  [/’/g, "'"],
]

/** The text with ASCII in place of our own symbols, no wider than before where text was cut. */
export function asciiOf(text: string): string {
  return ASCII.reduce((changed, [symbol, letter]) => changed.replace(symbol, letter), text)
}
