// Finds out what an order file means: its dialect, its header, the field of each column, and the marks and orders of its
// numbers and dates. Nothing is guessed: what the file does not settle becomes a question.
import type { Content } from '../../csv/content.js'
import type { Dialect, Row } from '../../csv/dialect.js'
import type { Answers, Field, Mapping } from './mapping.js'

/** What is known of one column. */
export interface ColumnUse {
  readonly name: string
  readonly field: Field | null
  /** The first three different values. */
  readonly samples: readonly string[]
  /** Why it has the field or none, as in `preset shopify`, `means quantity`, `decimal comma: line 4 has 8,9`. */
  readonly why: string
}

/** What the file does not settle. */
export interface Question {
  /** As in `--currency`. */
  readonly flag: string
  /** Name of the column; null if there is none. */
  readonly column: string | null
  /** A sentence with the reason, as in `order_date can be day first or month first: line 2 has 03/04/2025.` */
  readonly text: string
  /** The flags that answer it, as in `--date-format dmy`. */
  readonly answers: readonly string[]
}

export interface Understood {
  /** With all parts that the file or the answers settle. */
  readonly mapping: Mapping
  readonly dialect: Dialect
  /** `header.end` is the offset of the first data line. */
  readonly header: Row
  readonly columns: readonly ColumnUse[]
  /** If there are any, the file cannot be imported. */
  readonly questions: readonly Question[]
}

/**
 * Reads the start of the file, and more of it while a question is open. Leaves the content at its first byte.
 *
 * @throws UserError if no header is found, if a field is missing, or if this is no file of orders
 */
export async function understand(_content: Content, _answers: Answers): Promise<Understood> {
  throw new Error('not built')
}
