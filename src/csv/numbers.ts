// Numbers as people write them, and which decimal mark a column uses.
import type { Currency } from '../domain/money.js'
import type { Verdict } from './evidence.js'

export type DecimalMark = 'point' | 'comma'

/** A number and the currency beside it. */
export interface WrittenNumber {
  /** As in `-1299.99`: digits with a decimal point. */
  readonly digits: string
  /** The currency that a sign or code names; undefined for none and for a sign of several currencies, such as `$`. */
  readonly currency: Currency | undefined
}

/** Collects the evidence of one column. */
export declare class DecimalEvidence {
  add(text: string, line: number): void
  verdict(): Verdict<DecimalMark>
}

/** @returns undefined if the text is no number with this decimal mark */
export declare function readNumber(text: string, mark: DecimalMark): WrittenNumber | undefined
