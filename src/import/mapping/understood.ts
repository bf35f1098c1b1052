// What was found out about an order file.
import type { Dialect, Row } from '../../csv/dialect.js'
import type { Field, Mapping } from './mapping.js'

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
  /** The flags that answer it, as in `--date-format dmy`. Capitals stand for a value: `--currency CODE`. */
  readonly answers: readonly string[]
}

export interface Understood {
  /** With all parts that the file or the answers settle, and with the names of columns as the header has them. */
  readonly mapping: Mapping
  readonly dialect: Dialect
  /** `header.end` is the offset of the first data line. */
  readonly header: Row
  readonly columns: readonly ColumnUse[]
  /** Name of a column of times that cannot be read: orders have only the day. */
  readonly unreadTimes?: string | undefined
  /** If there are any, the file cannot be imported. */
  readonly questions: readonly Question[]
}
