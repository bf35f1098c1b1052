// What cannot be meant is a usage error that names the value.
import { expect, test } from 'vitest'
import type { Day } from '../../src/domain/business-day.js'
import { EXIT } from '../../src/errors.js'
import { readCurrency, readDay, readPeriod } from '../../src/reports/read-query.js'

const TODAY = '2025-01-31' as Day

test.each(['2025-02-29', '15.01.2025', '2025-1-5', '', 'now'])('%j is no day', (text) => {
  expect(() => readDay('--date', text, TODAY)).toThrow(
    expect.objectContaining({ code: 'bad_date', exit: EXIT.usage, message: expect.stringContaining(`"${text}"`) }),
  )
})

test('a period may have no start, and may be one day, but not end before it begins', () => {
  expect(readPeriod({ to: '2025-01-31' }, TODAY)).toEqual({ from: undefined, to: '2025-01-31' })
  expect(readPeriod({ from: '2025-01-31', to: '2025-01-31' }, TODAY)).toEqual({ from: '2025-01-31', to: '2025-01-31' })
  expect(() => readPeriod({ from: '2025-02-01', to: '2025-01-31' }, TODAY)).toThrow(
    expect.objectContaining({ code: 'bad_period', exit: EXIT.usage }),
  )
})

test('a currency is one of ISO 4217, in capitals or not', () => {
  expect(readCurrency(undefined)).toBeUndefined()
  expect(readCurrency('eur')).toBe('EUR')
  expect(() => readCurrency('ABC')).toThrow(expect.objectContaining({ code: 'bad_currency', exit: EXIT.usage }))
})
