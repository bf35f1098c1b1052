// What a stream can show.
import type { WriteStream } from 'node:tty'

export interface Screen {
  /** Whether it may have colours, spinners and a cursor that moves. */
  readonly isTerminal: boolean
  /** Columns that a line may fill; undefined if nothing may be cut, as in a pipe. */
  readonly width: number | undefined
}

/** A stream such as `process.stdout`. A pipe or a file has none of the optional properties. */
export type Output = NodeJS.WritableStream &
  Partial<Pick<WriteStream, 'isTTY' | 'columns' | 'rows'>> & { readonly fd?: number }

/** A terminal that reports 0 columns, where ora would clear lines forever, counts as 80 wide and as no terminal. */
export function screenOf(stream: Pick<Output, 'isTTY' | 'columns'>, environment: NodeJS.ProcessEnv): Screen {
  if (!stream.isTTY) return { isTerminal: false, width: undefined }
  const { NO_COLOR, CI, TERM } = environment
  const isTerminal = !NO_COLOR && !CI && TERM !== 'dumb' && stream.columns !== 0
  return { isTerminal, width: stream.columns || 80 }
}
