// The content of a file as UTF-8, whatever its compression and encoding.
import type { ByteSource } from './bytes.js'

export interface Content extends ByteSource {
  /** As in `utf-8` or `windows-1252`. */
  readonly encoding: string
  readonly compression: 'gzip' | 'zstd' | null
  /** Fraction of the file that was read, from 0 to 1; undefined for a pipe. */
  readonly fraction: number | undefined
  /** Returns at least so many bytes from the current position, or all that are left. Does not consume them. */
  peek(bytes: number): Promise<Buffer>
}
