// Local times are those of Intl.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { clockAt } from '../../src/domain/business-day.js'

test('a time in UTC is what Intl prints', () => {
  const format = new Intl.DateTimeFormat('sv-SE', { timeZone: 'UTC', dateStyle: 'short', timeStyle: 'medium' })
  const instants = fc.date({ min: new Date('1900-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
  fc.assert(
    fc.property(instants, (date) => {
      expect(clockAt(date.getTime(), 'UTC')).toBe(format.format(date))
    }),
  )
})
