// Money in whole minor units (cents, fils, yen) of one currency. Amounts of two currencies are never added.
import { data as isoCurrencies } from 'currency-codes'

declare const iso4217: unique symbol

/** A three-letter ISO 4217 code. */
export type Currency = string & { readonly [iso4217]: true }

export interface Money {
  readonly currency: Currency
  /** Whole minor units: 48596 with USD is 485.96. */
  readonly minor: number
}

/** Decimals of a stored unit price. A price can be finer than its currency (0.0025 USD per screw). */
export const PRICE_DECIMALS = 4

/** Maximum line total in minor units. Sums of 9,000 such totals are exact. */
export const MAX_TOTAL_MINOR = 1_000_000_000_000

const decimalsByCode: ReadonlyMap<string, number> = new Map([
  ...isoCurrencies.map(({ code, digits }) => [code, digits] as const),
  // The guilder of Curaçao since 2025, which the package does not know yet.
  ['XCG', 2] as const,
])

export function isCurrency(code: string): code is Currency {
  return decimalsByCode.has(code)
}

/** Other codes that start with X are metals, units of account and test codes: nothing that a gateway charges. */
const CHARGEABLE_X = ['XAF', 'XCD', 'XCG', 'XOF', 'XPF']

export function isChargeable(currency: Currency): boolean {
  return !currency.startsWith('X') || CHARGEABLE_X.includes(currency)
}

export const CURRENCIES: readonly Currency[] = [...decimalsByCode.keys()].filter(isCurrency)

/** Returns the currency's number of decimals: 2 for USD, 0 for JPY, 3 for BHD. */
export function currencyDecimals(currency: Currency): number {
  const decimals = decimalsByCode.get(currency)
  if (decimals === undefined) throw new RangeError(`${currency} is not an ISO 4217 currency code`)
  return decimals
}

/**
 * Multiplies quantity and unit price. Rounds once, half up, to minor units.
 *
 * @param priceScaled the unit price times 10^PRICE_DECIMALS
 * @returns undefined if the total exceeds MAX_TOTAL_MINOR
 */
export function lineTotal(priceScaled: number, quantity: number, currency: Currency): number | undefined {
  const product = priceScaled * quantity
  const divisor = 10 ** (PRICE_DECIMALS - currencyDecimals(currency))
  const minor = Number.isSafeInteger(product)
    ? Math.floor(product / divisor) + (product % divisor >= divisor / 2 && divisor > 1 ? 1 : 0)
    : Number((BigInt(priceScaled) * BigInt(quantity) * 2n + BigInt(divisor)) / (2n * BigInt(divisor)))
  return minor <= MAX_TOTAL_MINOR ? minor : undefined
}

/** Divides an amount into equal parts, rounded half up to minor units. */
export function divideMinor(minor: number, parts: number): number {
  return parts === 0 ? 0 : Number((BigInt(minor) * 2n + BigInt(parts)) / (2n * BigInt(parts)))
}

/** Returns the amount for JSON: a number with the currency's decimals, such as 485.96. */
export function majorUnits({ currency, minor }: Money): number {
  return Number(decimalText(minor, currencyDecimals(currency)))
}

/** Reads an amount as a person types it, such as `12.50`. @returns undefined if it is no amount of the currency */
export function readAmount(text: string, currency: Currency): Money | undefined {
  const [, whole, fraction = ''] = /^(\d{1,13})(?:\.(\d+))?$/.exec(text) ?? []
  const decimals = currencyDecimals(currency)
  if (whole === undefined || fraction.length > decimals) return undefined
  return { currency, minor: Number(whole + fraction.padEnd(decimals, '0')) }
}

export function isMoney(value: unknown): value is Money {
  return typeof value === 'object' && value !== null && 'minor' in value && 'currency' in value
}

/** A replacer for `JSON.stringify`: amounts become numbers with the currency's decimals. */
export function amountsAsNumbers(_name: string, value: unknown): unknown {
  return isMoney(value) ? majorUnits(value) : value
}

/** Formats the amount for display, without the currency: `12,345.60`. */
export function formatAmount({ currency, minor }: Money): string {
  return groupThousands(decimalText(minor, currencyDecimals(currency)))
}

/** Formats a unit price with the currency's decimals, or more if the price has more. */
export function formatPrice(priceScaled: number, currency: Currency): string {
  const [whole = '0', fraction = ''] = decimalText(priceScaled, PRICE_DECIMALS).split('.')
  const decimals = currencyDecimals(currency)
  const kept = fraction.slice(0, decimals) + fraction.slice(decimals).replace(/0+$/, '')
  return kept === '' ? whole : `${whole}.${kept}`
}

/** Adds thousands separators to a number. */
export function groupThousands(digits: string | number): string {
  const [whole = '', fraction] = String(digits).split('.')
  const grouped = whole.replace(/\B(?=(\d{3})+(?!\d))/g, ',')
  return fraction === undefined ? grouped : `${grouped}.${fraction}`
}

/** Thrown for an amount that a number cannot hold exactly: 2^53 minor units or more. */
export class InexactAmount extends RangeError {}

function decimalText(scaled: number, decimals: number): string {
  if (!Number.isSafeInteger(scaled)) throw new InexactAmount(`${scaled} is not exact`)
  if (decimals === 0) return String(scaled)
  const digits = String(Math.abs(scaled)).padStart(decimals + 1, '0')
  const sign = scaled < 0 ? '-' : ''
  return `${sign}${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`
}
