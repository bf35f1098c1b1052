// What the stream at hand can show.
import type { WriteStream } from 'node:tty'

export interface Screen {
  /** Whether it may have colours, spinners and a cursor that moves. */
  readonly isTerminal: boolean
  /** Columns that a line may fill; undefined where nobody sees them, so nothing is cut. */
  readonly width: number | undefined
}

/** A stream for text, such as `process.stdout`. What only a terminal has is undefined on a pipe or a file. */
export type Output = NodeJS.WritableStream &
  Partial<Pick<WriteStream, 'isTTY' | 'columns' | 'rows'>> & { readonly fd?: number }

/** For a terminal that does not know its size and says 0 columns. In such a one ora clears lines without end. */
const USUAL_WIDTH = 80

/** NO_COLOR, CI and a dumb terminal rule out all that moves; a table still keeps to the width that a person sees. */
export function screenOf(stream: Pick<Output, 'isTTY' | 'columns'>, environment: NodeJS.ProcessEnv): Screen {
  if (!stream.isTTY) return { isTerminal: false, width: undefined }
  const { NO_COLOR, CI, TERM } = environment
  const moves = !NO_COLOR && !CI && TERM !== 'dumb' && stream.columns !== 0
  return { isTerminal: moves, width: stream.columns || USUAL_WIDTH }
}
