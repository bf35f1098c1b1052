// What a preset is.
import type { Mapping } from '../mapping.js'

export interface Preset {
  readonly name: string
  /** What it reads, for lists. */
  readonly reads: string
  /** A file is the system's if it has all columns of one of these headers. */
  readonly headers: readonly (readonly string[])[]
  /** Columns that a file does not have are ignored, so one mapping serves all headers. */
  readonly mapping: Mapping
}
