// Numbers are read exactly as they are written, or not at all; a column's decimal mark is settled by evidence.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { currenciesOf, currencyNamed } from '../../src/csv/currency-signs.js'
import { DecimalEvidence, type DecimalMark, readNumber } from '../../src/csv/numbers.js'
import { isDamagedId, minorTotal, readCurrency, readPrice, readQuantity, wholeNumber } from '../../src/csv/values.js'
import { CURRENCIES, type Currency, currencyDecimals, isChargeable, isCurrency } from '../../src/domain/money.js'
import { verdictOn } from './verdict.js'

const currency = (code: string): Currency => (isCurrency(code) ? code : expect.fail(`${code} is no currency`))

const READ: readonly (readonly [text: string, mark: DecimalMark, digits: string, currency?: string])[] = [
  ['12', 'point', '12'],
  ['12', 'comma', '12'],
  ['0.0385', 'point', '0.0385'],
  ['0,0385', 'comma', '0.0385'],
  ['483.9275', 'point', '483.9275'],
  ['1249,9', 'comma', '1249.9'],
  ['.5', 'point', '0.5'],
  ['1,480.00', 'point', '1480.00'],
  ['1.250,00', 'comma', '1250.00'],
  ['1.234', 'comma', '1234'],
  ['1,234', 'point', '1234'],
  ['12,345,678.9', 'point', '12345678.9'],
  ['1,00,000', 'point', '100000'],
  ['12,34,567.50', 'point', '1234567.50'],
  ['1 234,50', 'comma', '1234.50'],
  ['1\u00a0234,50', 'comma', '1234.50'],
  ['1\u202f234\u202f567', 'comma', '1234567'],
  ["1'299.95", 'point', '1299.95'],
  ['1’299.95', 'point', '1299.95'],
  ['-5', 'point', '-5'],
  ['+5', 'point', '5'],
  ['\u22125', 'point', '-5'],
  ['5-', 'point', '-5'],
  ['(1,299.00)', 'point', '-1299.00'],
  ['-0.00', 'point', '0.00'],
  ['$1,234.50', 'point', '1234.50'],
  ['-$0.90', 'point', '-0.90'],
  ['$-0.90', 'point', '-0.90'],
  ['($0.90)', 'point', '-0.90'],
  ['$(0.90)', 'point', '-0.90'],
  ['$.50', 'point', '0.50'],
  ['AU $3,000.00', 'point', '3000.00', 'AUD'],
  ['AU $119.50', 'point', '119.50', 'AUD'],
  ['A$5', 'point', '5', 'AUD'],
  ['US $12.00', 'point', '12.00', 'USD'],
  ['C $7.25', 'point', '7.25', 'CAD'],
  ['MX$80', 'point', '80', 'MXN'],
  ['R$ 1.299,90', 'comma', '1299.90', 'BRL'],
  ['64,90 €', 'comma', '64.90', 'EUR'],
  ['1.299,99 €', 'comma', '1299.99', 'EUR'],
  ['-1.299,99\u00a0€', 'comma', '-1299.99', 'EUR'],
  ['€ -5,00', 'comma', '-5.00', 'EUR'],
  ['5,00- €', 'comma', '-5.00', 'EUR'],
  ['£26.50', 'point', '26.50', 'GBP'],
  ['EUR 12', 'comma', '12', 'EUR'],
  ['12.50 usd', 'point', '12.50', 'USD'],
  ["CHF 1'299.95", 'point', '1299.95', 'CHF'],
  ['12,50 zł', 'comma', '12.50', 'PLN'],
  ['1 250 Kč', 'comma', '1250', 'CZK'],
  ['$10.00 USD', 'point', '10.00', 'USD'],
  ['€10,00 EUR', 'comma', '10.00', 'EUR'],
  ['CAD$12.00', 'point', '12.00', 'CAD'],
  ['¥1,200', 'point', '1200'],
  ['￥1200', 'point', '1200'],
  ['kr 99,50', 'comma', '99.50'],
  ['99,50 kr.', 'comma', '99.50'],
  ['Rs.50', 'point', '50'],
  ['Rs. 1,00,000.00', 'point', '100000.00'],
  ['S/.100', 'point', '100', 'PEN'],
  ['₹1,00,000', 'point', '100000', 'INR'],
]

const REFUSED: readonly (readonly [text: string, mark: DecimalMark])[] = [
  ...[
    '',
    ' ',
    '-',
    '.',
    '$',
    '€',
    'EUR',
    'two',
    '5.',
    '1e5',
    '1E+5',
    '0x10',
    '٣',
    '5%',
    '1/2',
    '12 pcs',
    '5.00 XYZ',
  ].map((text) => [text, 'point'] as const),
  ['12,50', 'point'],
  ['12.50', 'comma'],
  ['1,2345', 'point'],
  ['1234,567', 'point'],
  ['0,123', 'point'],
  ['01,234', 'point'],
  ['1,234,56', 'point'],
  ['1,23,4567', 'point'],
  ['1.23.456', 'comma'],
  ['1.00.000', 'comma'],
  ['1.2.3', 'point'],
  ['1..2', 'point'],
  ['..5', 'point'],
  ['1,234.567,89', 'comma'],
  ['1 234 56', 'point'],
  ["1'234 567", 'point'],
  ['1  234', 'point'],
  ['--5', 'point'],
  ['-5-', 'point'],
  ['(-5)', 'point'],
  ['(5', 'point'],
  ['5)', 'point'],
  ['€5 USD', 'point'],
  ['$5 EUR', 'point'],
  ['XAU 5', 'point'],
  [`${'1 '.repeat(40)}1`, 'point'],
]

describe('numbers', () => {
  test.for(READ)('%j with a decimal %s is %s', ([text, mark, digits, code]) => {
    expect(readNumber(text, mark)).toMatchObject({ digits, currency: code })
  })

  test('say which currencies a sign of several can mean', () => {
    expect(readNumber('$5', 'point')?.candidates).toEqual(expect.arrayContaining(['USD', 'AUD']))
    expect(readNumber('kr 5', 'point')?.candidates).toEqual(['DKK', 'ISK', 'NOK', 'SEK'])
    for (const text of ['5', 'US$ 5', '$5 USD']) expect(readNumber(text, 'point')?.candidates).toBeUndefined()
  })

  test.each(REFUSED)('%j is no number with a decimal %s', (text, mark) => {
    expect(readNumber(text, mark)).toBeUndefined()
  })

  test('without a decimal mark, only numbers with one reading are read', () => {
    expect(readNumber('1234', undefined)?.digits).toBe('1234')
    expect(readNumber('12.50', undefined)?.digits).toBe('12.50')
    expect(readNumber('1.299,99 €', undefined)).toEqual({ digits: '1299.99', currency: 'EUR' })
    expect(readNumber('1.234', undefined)).toBeUndefined()
    expect(readNumber('$1,234', undefined)).toBeUndefined()
  })

  const separators: Readonly<Record<DecimalMark, readonly string[]>> = {
    point: ['', ',', ' ', '\u00a0', '\u202f', "'", '’'],
    comma: ['', '.', ' ', '\u00a0', '\u202f', "'", '’'],
  }
  const signs: readonly ((number: string) => string)[] = [
    (number) => `-${number}`,
    (number) => `\u2212 ${number}`,
    (number) => `${number}-`,
    (number) => `(${number})`,
  ]
  const currencies: readonly (readonly [before: string, after: string, code: string | undefined])[] = [
    ['', '', undefined],
    ['$', '', undefined],
    ['', ' kr', undefined],
    ['AU $', '', 'AUD'],
    ['', '\u00a0€', 'EUR'],
    ['USD ', '', 'USD'],
    ['', ' zł', 'PLN'],
  ]
  const written = fc.record({
    whole: fc.nat({ max: 10 ** 9 }),
    fraction: fc.option(fc.stringMatching(/^\d{1,6}$/), { nil: undefined }),
    mark: fc.constantFrom<DecimalMark>('point', 'comma'),
    separator: fc.nat({ max: 6 }),
    indian: fc.boolean(),
    sign: fc.option(fc.constantFrom(...signs), { nil: undefined }),
    money: fc.constantFrom(...currencies),
  })

  test('any number reads back the same in any format', () => {
    fc.assert(
      fc.property(written, ({ whole, fraction, mark, separator, indian, sign, money: [before, after, code] }) => {
        const between = separators[mark][separator] ?? ''
        const isIndian = indian && mark === 'point' && between === ','
        const groups = isIndian ? /\B(?=(?:\d{2})*\d{3}$)/g : /\B(?=(?:\d{3})+$)/g
        const decimals = fraction === undefined ? '' : `${mark === 'point' ? '.' : ','}${fraction}`
        const unsigned = `${before}${String(whole).replace(groups, between)}${decimals}${after}`
        const digits = fraction === undefined ? `${whole}` : `${whole}.${fraction}`
        const isNegative = sign !== undefined && /[1-9]/.test(digits)
        const text = sign ? sign(unsigned) : unsigned
        expect(readNumber(text, mark), text).toMatchObject({
          digits: `${isNegative ? '-' : ''}${digits}`,
          currency: code,
        })
      }),
      { numRuns: 5000 },
    )
  })
})

const verdictOf = (values: readonly string[]) => verdictOn(new DecimalEvidence(), values)

describe('the decimal mark of a column', () => {
  const settled = (reading: DecimalMark, text: string, line: number) => ({
    kind: 'settled',
    reading,
    by: { text, line },
  })

  test.each<readonly [text: string, reading: DecimalMark]>([
    ['1.299,99', 'comma'],
    ['1,299.99', 'point'],
    ['1.234.567', 'comma'],
    ['1,234,567', 'point'],
    ['1,00,000', 'point'],
    ['8,9', 'comma'],
    ['0,0385', 'comma'],
    ['24.5', 'point'],
    ['0.123', 'point'],
    ['.500', 'point'],
    ['1234.567', 'point'],
    ['1 234,500', 'comma'],
    ["1'299.950", 'point'],
    ['1.050,00 €', 'comma'],
    ['AU $2,150.00', 'point'],
  ])('is settled by %j', (text, reading) => {
    expect(verdictOf(['12', '1.234', text])).toEqual(settled(reading, text, 4))
    expect(verdictOf([text, '1.234', '1,234'])).toEqual(settled(reading, text, 2))
  })

  test.each([['12'], ['1 234'], ["1'234"], ['-5'], ['$12'], [''], ['n/a'], ['1.2.3'], ['Rs.50']])(
    'does not depend on %j',
    (text) => {
      expect(verdictOf([text, text])).toEqual({ kind: 'irrelevant' })
    },
  )

  test('is contradicted by two values that need different marks, and names the first of each', () => {
    expect(verdictOf(['1.250,00', '1,480.00', '12,50', '12.95'])).toEqual({
      kind: 'contradiction',
      one: { text: '1.250,00', line: 2 },
      other: { text: '1,480.00', line: 3 },
    })
  })

  const ambiguous = fc
    .tuple(
      fc.integer({ min: 1, max: 999 }),
      fc.nat({ max: 999 }),
      fc.constantFrom('.', ','),
      fc.constantFrom('', '-', '$'),
    )
    .map(([thousands, rest, mark, sign]) => `${sign}${thousands}${mark}${String(rest).padStart(3, '0')}`)
  const any = fc.oneof(ambiguous, fc.constantFrom('1', '1,5', '1.5', '1.234,5', '1,234.5', 'x', '1 234'))

  test('is open for any column of ambiguous values', () => {
    fc.assert(
      fc.property(fc.array(ambiguous, { minLength: 1 }), (values) => {
        const example = { text: values[0], line: 2 }
        expect(verdictOf(values)).toEqual({ kind: 'open', example, readings: ['point', 'comma'] })
      }),
    )
  })

  test('once settled, stays settled the same way or is contradicted, whatever follows', () => {
    fc.assert(
      fc.property(fc.array(any), fc.array(any), (before, after) => {
        const [first, then] = [verdictOf(before), verdictOf([...before, ...after])]
        if (first.kind === 'settled' && then.kind !== 'contradiction') expect(then).toEqual(first)
        if (first.kind === 'contradiction') expect(then).toEqual(first)
        if (first.kind === 'open') expect(then.kind).not.toBe('irrelevant')
      }),
      { numRuns: 2000 },
    )
  })
})

describe('values of numbers', () => {
  test('whole numbers may have a sign and zeros for decimals', () => {
    expect(['2', '2.0', '2.000', '007', '-3', '-3.0', '0', '-0'].map(wholeNumber)).toEqual([2, 2, 2, 7, -3, -3, 0, 0])
    expect(['1.5', '2.001', '', '1e3', '+1', '1234567890123456'].map(wholeNumber)).toEqual(Array(6).fill(undefined))
    expect(readQuantity('1.0')).toBe(1)
    expect(() => readQuantity('1.5')).toThrow('is "1.5", not a whole number')
    expect(() => readQuantity('-1.0')).toThrow('returns are not imported')
  })

  test('a price may have more than four decimals only if they are zeros', () => {
    expect(readPrice('12.500000')).toBe(125_000)
    expect(readPrice('0.03850')).toBe(385)
    expect(() => readPrice('0.00001')).toThrow('at most 4 decimals')
  })

  test.each<readonly [digits: string, code: string, minor: number]>([
    ['483.9275', 'USD', 48_393],
    ['11.768', 'USD', 1177],
    ['3.9717', 'USD', 397],
    ['1050.00', 'EUR', 105_000],
    ['20', 'GBP', 2000],
    ['0.005', 'EUR', 1],
    ['0.00499999999999999999999', 'EUR', 0],
    ['1.2345', 'BHD', 1235],
    ['31.5', 'JPY', 32],
    ['0', 'EUR', 0],
    ['0000000000000000000007.1', 'EUR', 710],
    ['10000000000.00', 'EUR', 1_000_000_000_000],
  ])('a line total of %s %s is %i minor units', (digits, code, minor) => {
    expect(minorTotal(digits, currency(code))).toBe(minor)
  })

  test.each(['10000000000.01', '10000000000.005', '99999999999999999999'])(
    'a line total of %s is too much',
    (digits) => {
      expect(() => minorTotal(digits, currency('EUR'))).toThrow('exceeds the maximum line total')
    },
  )

  test('a line total is not negative', () => {
    expect(() => minorTotal('-0.90', currency('USD'))).toThrow('must not be negative')
  })

  test('a line total is rounded once, half up', () => {
    fc.assert(
      fc.property(
        fc.nat({ max: 10 ** 8 }),
        fc.stringMatching(/^\d{1,8}$/),
        fc.constantFrom('JPY', 'EUR', 'BHD'),
        (whole, fraction, code) => {
          const unit = 10n ** BigInt(8 - currencyDecimals(currency(code)))
          const exact = BigInt(whole) * 10n ** 8n + BigInt(fraction.padEnd(8, '0'))
          expect(minorTotal(`${whole}.${fraction}`, currency(code))).toBe(Number((exact + unit / 2n) / unit))
        },
      ),
    )
  })

  test.each(['6.20012E+12', '6,20012E+12', '1E+15', '8.9e+11'])('%s is an id that a spreadsheet has damaged', (id) => {
    expect(isDamagedId(id)).toBe(true)
  })

  test.each(['620012000000', '1E15', 'E+12', 'A-1E+15', 'ann+1@example.com', '6.2.1E+12', '-1E+5'])(
    '%s is an id',
    (id) => {
      expect(isDamagedId(id)).toBe(false)
    },
  )
})

describe('currencies', () => {
  test.each([
    ['eur', 'EUR'],
    ['Eur', 'EUR'],
    ['€', 'EUR'],
    ['Euro', 'EUR'],
    ['AU $', 'AUD'],
    ['US Dollar', 'USD'],
    ['Schweizer Franken', 'CHF'],
    ['£', 'GBP'],
  ])('%s in a currency column is %s', (text, code) => {
    expect(readCurrency(text)).toBe(code)
  })

  test.each(['$', 'kr', '¥', 'dollar', 'XYZ', ''])('%j names no currency', (text) => {
    expect(currencyNamed(text)).toBeUndefined()
    expect(() => readCurrency(text)).toThrow('not an ISO 4217 currency code')
  })

  test('a sign of several currencies lists them', () => {
    expect(currenciesOf('$')).toEqual(expect.arrayContaining(['USD', 'CAD', 'AUD']))
    expect(currenciesOf('kr')).toEqual(['DKK', 'ISK', 'NOK', 'SEK'])
    expect(currenciesOf('¥')).toEqual(['CNY', 'JPY'])
  })

  test('each code and its English name stand for it alone', () => {
    const names = new Intl.DisplayNames(['en'], { type: 'currency' })
    for (const code of CURRENCIES.filter(isChargeable)) {
      expect(currencyNamed(code)).toBe(code)
      expect(currencyNamed(`${names.of(code)}`)).toBe(code)
    }
  })
})
