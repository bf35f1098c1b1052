// What an import read, and how.
import type { Dialect } from '../csv/dialect.js'
import type { Mapping } from './mapping/mapping.js'

export interface FileRead {
  readonly mapping: Mapping
  readonly dialect: Dialect
  /** Of the orders in the file. */
  readonly currencies: readonly string[]
  /** First and last business day of these orders; null if there are none. */
  readonly firstDay: string | null
  readonly lastDay: string | null
}
