// The capabilities of an output stream: terminal or not, and its width.
import type { WriteStream } from 'node:tty'

export interface Screen {
  /** Whether colours, spinners and cursor movement are allowed. */
  readonly isTerminal: boolean
  /** Maximum width of a line in columns; undefined if lines must not be cut, as in a pipe. */
  readonly width: number | undefined
}

/** A stream such as `process.stdout`. Pipes and files lack the optional properties. */
export type Output = NodeJS.WritableStream &
  Partial<Pick<WriteStream, 'isTTY' | 'columns' | 'rows'>> & { readonly fd?: number }

/** Treats a terminal that reports 0 columns as a pipe 80 columns wide; ora would clear its lines forever. */
export function screenOf(stream: Pick<Output, 'isTTY' | 'columns'>, environment: NodeJS.ProcessEnv): Screen {
  if (!stream.isTTY) return { isTerminal: false, width: undefined }
  const { NO_COLOR, CI, TERM } = environment
  const isTerminal = !NO_COLOR && !CI && TERM !== 'dumb' && stream.columns !== 0
  return { isTerminal, width: stream.columns || 80 }
}
