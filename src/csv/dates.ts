// Dates as people write them, and which order of day, month and year a column uses.
import type { Verdict } from './evidence.js'

export type DateOrder = 'ymd' | 'dmy' | 'mdy'

/** Collects the evidence of one column. */
export declare class DateEvidence {
  add(text: string, line: number): void
  verdict(): Verdict<DateOrder>
}

/**
 * Reads a date. `order` settles dates that have only numbers.
 *
 * @returns the shop's local time, as in `2025-01-15T17:41:00`; if the text has an offset, the time in UTC with a `Z`
 */
export declare function readDate(text: string, order: DateOrder | undefined): string
