// Money against arithmetic of another kind: exact fractions of BigInt.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type Currency,
  divideMinor,
  formatAmount,
  formatPrice,
  isCurrency,
  lineTotal,
  MAX_TOTAL_MINOR,
  majorUnits,
} from '../../src/domain/money.js'

function currency(code: string): Currency {
  if (!isCurrency(code)) throw new Error(code)
  return code
}

const DECIMALS = { USD: 2, JPY: 0, BHD: 3, CLF: 4 } as const
const codes = fc.constantFrom(...(Object.keys(DECIMALS) as (keyof typeof DECIMALS)[]))

describe('a line total', () => {
  test.each([
    ['USD', 25, 3, 1],
    ['USD', 125_000, 2, 2500],
    ['USD', 50, 1, 1],
    ['USD', 49, 1, 0],
    ['JPY', 105_000, 3, 32],
    ['BHD', 15, 1, 2],
    ['CLF', 1, 7, 7],
  ])('in %s of %i ten-thousandths times %i is %i minor units', (code, price, quantity, total) => {
    expect(lineTotal(price, quantity, currency(code))).toBe(total)
  })

  test('is exact and rounded once, half up, however large', () => {
    fc.assert(
      fc.property(
        codes,
        fc.nat(10_000_000_000_000),
        fc.integer({ min: 1, max: 1_000_000 }),
        (code, price, quantity) => {
          const divisor = 10n ** BigInt(4 - DECIMALS[code])
          const product = BigInt(price) * BigInt(quantity)
          const whole = product / divisor
          const exact = (product - whole * divisor) * 2n >= divisor && divisor > 1n ? whole + 1n : whole
          const expected = exact <= BigInt(MAX_TOTAL_MINOR) ? Number(exact) : undefined
          expect(lineTotal(price, quantity, currency(code))).toBe(expected)
        },
      ),
    )
  })
})

test('an average is rounded half up', () => {
  expect([divideMinor(5, 2), divideMinor(6003, 2), divideMinor(1, 3), divideMinor(2, 3), divideMinor(0, 0)]).toEqual([
    3, 3002, 0, 1, 0,
  ])
})

test('an amount reads back as the same minor units', () => {
  fc.assert(
    fc.property(codes, fc.integer({ min: -MAX_TOTAL_MINOR, max: MAX_TOTAL_MINOR }), (code, minor) => {
      const text = formatAmount({ currency: currency(code), minor }).replaceAll(',', '')
      expect(BigInt(text.replace('.', ''))).toBe(BigInt(minor))
      expect((text.split('.')[1] ?? '').length).toBe(DECIMALS[code])
      expect(majorUnits({ currency: currency(code), minor })).toBeCloseTo(minor / 10 ** DECIMALS[code], 4)
    }),
  )
})

test('a price keeps at least its currency’s decimals and loses nothing', () => {
  expect(formatPrice(125_000, currency('USD'))).toBe('12.50')
  expect(formatPrice(25, currency('USD'))).toBe('0.0025')
  expect(formatPrice(105_000, currency('JPY'))).toBe('10.5')
  expect(formatPrice(100_000, currency('JPY'))).toBe('10')
})
