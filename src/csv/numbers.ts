// Numbers as people write them, and which decimal mark a column uses.
import type { Currency } from '../domain/money.js'
import { bothOf, currenciesOf } from './currency-signs.js'
import { Evidence, type Verdict } from './evidence.js'

export type DecimalMark = 'point' | 'comma'

/** A number and the currency next to it. */
export interface WrittenNumber {
  /** As in `-1299.99`: digits with a decimal point, and digits on both sides of it. Zero has no sign. */
  readonly digits: string
  /** The currency that a sign or code names; undefined for none and for a sign of several currencies, such as `$`. */
  readonly currency: Currency | undefined
  /** The currencies that a sign of several can mean. */
  readonly candidates?: readonly Currency[]
}

/** Longer texts are no numbers. Bounds the work for a cell of megabytes. */
const MAX_LENGTH = 60

const MARKS: readonly DecimalMark[] = ['point', 'comma']

/**
 * Collects the evidence of one column: a value that is a number with only one of the decimal marks settles it. Values
 * that are no number with either mark are ignored.
 */
export class DecimalEvidence {
  readonly #evidence = new Evidence(MARKS)

  add(text: string, line: number): void {
    if (!text.includes('.') && !text.includes(',')) return
    const [point, comma] = [readNumber(text, 'point'), readNumber(text, 'comma')]
    if (point && comma) {
      if (point.digits !== comma.digits) this.#evidence.narrow(MARKS, text, line)
    } else if (point) this.#evidence.narrow(['point'], text, line)
    else if (comma) this.#evidence.narrow(['comma'], text, line)
  }

  verdict(): Verdict<DecimalMark> {
    return this.#evidence.verdict()
  }
}

/**
 * Reads a number with a sign, thousands marks and a currency, as in `-1,299.99`, `(3.00)`, `AU $3,000.00` and
 * `1 299,99 €`. Marks that do not fit are never corrected.
 *
 * @param mark undefined for a column without evidence: only numbers are read that have the same value with both marks,
 *   or that fit only one of them
 * @returns undefined if the text is no such number
 */
export function readNumber(text: string, mark: DecimalMark | undefined): WrittenNumber | undefined {
  const at = plainMark(text, mark === 'comma' ? COMMA : POINT)
  if (at === -1 || (at !== undefined && mark === 'point')) return { digits: text, currency: undefined }
  if (mark === undefined) return readEither(text)
  if (at === undefined) return readWritten(text, mark)
  return { digits: `${text.slice(0, at)}.${text.slice(at + 1)}`, currency: undefined }
}

const POINT = 46
const COMMA = 44

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57
}

/**
 * Fast path for most cells: digits with at most one mark between them.
 *
 * @returns the position of the mark; -1 if there is none; undefined if the text has anything else
 */
function plainMark(text: string, mark: number): number | undefined {
  let at = -1
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (isDigit(code)) continue
    if (code !== mark || at !== -1 || index === 0) return undefined
    at = index
  }
  return text === '' || at === text.length - 1 ? undefined : at
}

function readEither(text: string): WrittenNumber | undefined {
  const [point, comma] = [readNumber(text, 'point'), readNumber(text, 'comma')]
  if (point && comma) return point.digits === comma.digits ? point : undefined
  return point ?? comma
}

/** Groups of three digits with one kind of mark between them, or Indian groups; then the decimals. */
const DIGITS: Readonly<Record<DecimalMark, RegExp>> = {
  point: /^(?:\d+|[1-9]\d{0,2}([,'’ \u00a0\u202f\u2009])\d{3}(?:\1\d{3})*|[1-9]\d?(?:,\d{2})+,\d{3})?(?:\.\d+)?$/,
  comma: /^(?:\d+|[1-9]\d{0,2}([.'’ \u00a0\u202f\u2009])\d{3}(?:\1\d{3})*)?(?:,\d+)?$/,
}

function readWritten(text: string, mark: DecimalMark): WrittenNumber | undefined {
  if (text.length > MAX_LENGTH) return undefined
  const { before, marked, after } = splitAtDigits(text)
  if (marked === '' || !DIGITS[mark].test(marked)) return undefined
  const sign = readSign(before.trim(), after.trim())
  const currencies = readCurrencies(sign.before, sign.after)
  if (!currencies) return undefined
  const point = marked.indexOf(mark === 'point' ? '.' : ',')
  const whole = (point === -1 ? marked : marked.slice(0, point)).replace(/\D/g, '')
  const digits = point === -1 ? whole : `${whole || '0'}.${marked.slice(point + 1)}`
  return { digits: sign.negative && /[1-9]/.test(digits) ? `-${digits}` : digits, ...currencies }
}

/** Splits the text at its first and last digit. A mark before the first one belongs to it in `$.50`, not in `Rs.50`. */
function splitAtDigits(text: string) {
  let start = 0
  while (start < text.length && !isDigit(text.charCodeAt(start))) start++
  let end = text.length
  while (end > start && !isDigit(text.charCodeAt(end - 1))) end--
  if (start > 0 && /(?<![\p{L}/])[.,]$/u.test(text.slice(0, start))) start--
  return { before: text.slice(0, start), marked: text.slice(start, end), after: text.slice(end) }
}

const SIGNS = /[-+()\u2212]/

/** Finds one sign outside or inside the currency: `-$5`, `$-5`, `5-`, `5- €`, `(5)`, `$(5)`. */
function readSign(before: string, after: string) {
  if (!SIGNS.test(before) && !SIGNS.test(after)) return { negative: false, before, after }
  const [open, close] = [atEdge(before, '('), atEdge(after, ')')]
  if (open !== undefined && close !== undefined) return { negative: true, before: open, after: close }
  for (const minus of ['-', '\u2212']) {
    const [left, right] = [atEdge(before, minus), atEdge(after, minus)]
    if (left !== undefined) return { negative: true, before: left, after }
    if (right !== undefined) return { negative: true, before, after: right }
  }
  return { negative: false, before: atEdge(before, '+') ?? before, after }
}

/** The text without the character at its start or end; undefined if it is at neither. */
function atEdge(text: string, character: string): string | undefined {
  if (text.startsWith(character)) return text.slice(1).trim()
  return text.endsWith(character) ? text.slice(0, -1).trim() : undefined
}

/** @returns undefined if a text is no currency, or if the two disagree */
function readCurrencies(before: string, after: string): Omit<WrittenNumber, 'digits'> | undefined {
  if (before === '' && after === '') return { currency: undefined }
  const some = currenciesOf(before || after)
  const candidates = before && after ? bothOf(some, currenciesOf(after)) : some
  const [only, second] = candidates
  if (second) return { currency: undefined, candidates }
  return only && { currency: only }
}
