// What cannot be meant is a usage error that names the value.
import { expect, test } from 'vitest'
import { EXIT } from '../../src/errors.js'
import { readCurrency, readDay, readPeriod } from '../../src/reports/read-query.js'

test.each(['2025-02-29', '15.01.2025', '2025-1-5', '', 'today'])('%j is no day', (text) => {
  expect(() => readDay('--date', text)).toThrow(
    expect.objectContaining({ code: 'bad_date', exit: EXIT.usage, message: expect.stringContaining(`"${text}"`) }),
  )
})

test('a period may be open on either side, and may be one day, but not end before it begins', () => {
  expect(readPeriod(undefined, '2025-01-31')).toEqual({ from: undefined, to: '2025-01-31' })
  expect(readPeriod('2025-01-31', '2025-01-31')).toEqual({ from: '2025-01-31', to: '2025-01-31' })
  expect(() => readPeriod('2025-02-01', '2025-01-31')).toThrow(
    expect.objectContaining({ code: 'bad_period', exit: EXIT.usage }),
  )
})

test('a currency is one of ISO 4217, in capitals or not', () => {
  expect(readCurrency(undefined)).toBeUndefined()
  expect(readCurrency('eur')).toBe('EUR')
  expect(() => readCurrency('ABC')).toThrow(expect.objectContaining({ code: 'bad_currency', exit: EXIT.usage }))
})
