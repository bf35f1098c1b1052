// What a stream can show.
import type { WriteStream } from 'node:tty'
import { inkLine, type Line, lineText } from './line.js'

export interface Screen {
  /** Whether it may have spinners and a cursor that moves. */
  readonly isTerminal: boolean
  readonly hasColour: boolean
  /** Whether the locale or the terminal is limited to ASCII. */
  readonly isAscii: boolean
  /** Columns that a line may fill; undefined if nothing may be cut, as in a pipe. */
  readonly width: number | undefined
}

/** A stream such as `process.stdout`. A pipe or a file has none of the optional properties. */
export type Output = NodeJS.WritableStream &
  Partial<Pick<WriteStream, 'isTTY' | 'columns' | 'rows'>> & { readonly fd?: number }

/** A terminal that reports 0 columns, where ora would clear lines forever, counts as 80 wide and as no terminal. */
export function screenOf(stream: Pick<Output, 'isTTY' | 'columns'>, environment: NodeJS.ProcessEnv): Screen {
  const { NO_COLOR, CI, TERM, LC_ALL, LC_CTYPE, LANG } = environment
  const isAscii = TERM === 'dumb' || /^(C|POSIX)$/.test(LC_ALL || LC_CTYPE || LANG || '')
  if (!stream.isTTY) return { isTerminal: false, hasColour: false, isAscii, width: undefined }
  const isTerminal = !CI && TERM !== 'dumb' && stream.columns !== 0
  return { isTerminal, hasColour: isTerminal && !NO_COLOR, isAscii, width: stream.columns || 80 }
}

/** The line as the screen can show it. */
export function drawLine(line: Line, { hasColour, isAscii }: Screen): string {
  const text = hasColour ? inkLine(line) : lineText(line)
  return isAscii ? asciiOf(text) : text
}

const ASCII: readonly (readonly [RegExp, string])[] = [
  [/[─–]/g, '-'],
  [/[│┤]/g, '|'],
  [/[█▇▆▅▉▊▋▌]/g, '#'],
  [/[▁▂▃▄▍▎▏]/g, '.'],
  [/…/g, '~'],
  [/·/g, '-'],
  [/’/g, "'"],
]

/** The text with ASCII in place of our own symbols, one for one. */
export function asciiOf(text: string): string {
  return ASCII.reduce((changed, [symbol, letter]) => changed.replace(symbol, letter), text)
}
