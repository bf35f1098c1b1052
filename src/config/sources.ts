// What the configuration says about the order files of each source. A flag of `orderctl import` overrides it.
import { isCurrency } from '../domain/money.js'
import { oneOf } from './values.js'

export const DATE_FORMATS = ['dmy', 'mdy', 'ymd'] as const
export const DECIMALS = ['comma', 'point'] as const

/** Readers of the keys of a source. Each throws an Error whose message completes "… is invalid; ". */
export const SOURCE_KEYS = {
  currency: source('currency of amounts that name none', readCurrencyCode),
  dateFormat: source('order of day, month and year in dates: dmy, mdy or ymd', oneOf(...DATE_FORMATS)),
  decimal: source('decimal mark: comma or point', oneOf(...DECIMALS)),
  encoding: source('encoding, such as windows-1252', readText),
  delimiter: source('delimiter: , ; | or tab', readDelimiter),
  customer: source('column that identifies the customer', readText),
  map: source('preset, or file of "orderctl import inspect --save-map"', readText),
} as const

export type SourceKey = keyof typeof SOURCE_KEYS
export type SourceSettings = { readonly [Key in SourceKey]?: ReturnType<(typeof SOURCE_KEYS)[Key]['read']> }

function source<Value>(about: string, read: (text: string) => Value) {
  return { about, read }
}

export function readCurrencyCode(text: string): string {
  const code = text.toUpperCase()
  if (isCurrency(code)) return code
  throw new Error('expected an ISO 4217 code, such as EUR')
}

const DELIMITERS: ReadonlyMap<string, ',' | ';' | '|' | '\t'> = new Map([
  [',', ','],
  [';', ';'],
  ['|', '|'],
  ['\t', '\t'],
  ['tab', '\t'],
])

export function readDelimiter(text: string) {
  const delimiter = DELIMITERS.get(text)
  if (delimiter === undefined) throw new Error('expected , ; | or tab')
  return delimiter
}

function readText(text: string): string {
  if (text.trim() === '') throw new Error('expected a text that is not empty')
  return text
}
