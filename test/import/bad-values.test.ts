// Values that cannot be used: each is named with its column and the reason, and costs its order alone.
import { describe, expect } from 'vitest'
import { fates, importJson } from '../support/orders-file.js'
import { csv, type LineDraft, line, test } from '../support/workplace.js'

describe.concurrent('a value that cannot be used', () => {
  const cases: readonly (readonly [LineDraft, string])[] = [
    [{ order: '' }, 'order_id: order_id is empty'],
    [{ customer: ' ' }, 'customer_id: customer_id is empty'],
    [{ sku: '' }, 'product_sku: product_sku is empty'],
    [{ name: '' }, 'imported'],
    [{ product: '' }, 'imported'],
    [{ quantity: '' }, 'quantity: quantity is "", not a whole number'],
    [{ quantity: 0 }, 'quantity: quantity is 0: it must be 1 or more'],
    [{ quantity: -1 }, 'quantity: quantity is -1: returns are not imported, it must be 1 or more'],
    [{ quantity: '1.5' }, 'quantity: quantity is "1.5", not a whole number'],
    [{ quantity: '1e3' }, 'quantity: quantity is "1e3", not a whole number'],
    [{ quantity: '0x10' }, 'quantity: quantity is "0x10", not a whole number'],
    [{ quantity: '9999999999' }, 'quantity: quantity is 9999999999: more than 1000000'],
    [{ quantity: '1000001' }, 'quantity: quantity is 1000001: more than 1000000'],
    [{ quantity: '1000000' }, 'imported'],
    [{ quantity: '007' }, 'imported'],
    [{ price: '' }, 'unit_price: unit_price is "", not a decimal number such as 12.50'],
    [
      { price: '"1,299.99"' },
      'unit_price: unit_price is "1,299.99": write it with a point and without thousands separators, like 1299.99',
    ],
    [
      { price: '"12,50"' },
      'unit_price: unit_price is "12,50": write it with a point and without thousands separators, like 1299.99',
    ],
    [{ price: '-1' }, 'unit_price: unit_price is -1: it must not be negative'],
    [{ price: 'abc' }, 'unit_price: unit_price is "abc", not a decimal number such as 12.50'],
    [{ price: '$5' }, 'unit_price: unit_price is "$5", not a decimal number such as 12.50'],
    [{ price: 'NaN' }, 'unit_price: unit_price is "NaN", not a decimal number such as 12.50'],
    [{ price: '1.00001' }, 'unit_price: unit_price is 1.00001: it has more than 4 decimals'],
    [{ price: '1.0001' }, 'imported'],
    [{ price: '1000000001' }, 'unit_price: unit_price is 1000000001: more than 1000000000'],
    [
      { price: '1000000000', quantity: 1000000 },
      'unit_price: unit_price times quantity is more than an order line may cost',
    ],
    [{ price: '0' }, 'imported'],
    [{ currency: '' }, 'currency: currency is "", not a currency of ISO 4217 such as USD'],
    [{ currency: 'XYZ' }, 'currency: currency is "XYZ", not a currency of ISO 4217 such as USD'],
    [{ currency: '$' }, 'currency: currency is "$", not a currency of ISO 4217 such as USD'],
    [{ date: '' }, 'order_date: order_date is "": write it as YYYY-MM-DD or YYYY-MM-DD HH:MM:SS'],
    [{ date: '15/01/2025' }, 'order_date: order_date is "15/01/2025": write it as YYYY-MM-DD or YYYY-MM-DD HH:MM:SS'],
    [{ date: '2025-02-30' }, 'order_date: order_date is "2025-02-30": there is no such day'],
    [{ date: '2025-13-01' }, 'order_date: order_date is "2025-13-01": there is no such day'],
    [{ date: '2025-02-29' }, 'order_date: order_date is "2025-02-29": there is no such day'],
    [{ date: '2024-02-29' }, 'imported'],
    [{ date: '2025-01-15 25:00:00' }, 'order_date: order_date is "2025-01-15 25:00:00": there is no such time'],
    [
      { date: '2025-01-15 10:00:00 +15:00' },
      'order_date: order_date is "2025-01-15 10:00:00 +15:00": there is no such offset from UTC',
    ],
    [
      { date: '9999-12-31T23:00:00-05:00' },
      'order_date: order_date is "9999-12-31T23:00:00-05:00": there is no such day',
    ],
    [{ customer: 'i'.repeat(101) }, 'customer_id: customer_id has 101 characters: 100 is the most'],
    [{ customer: 'i'.repeat(100) }, 'imported'],
    [{ sku: 'i'.repeat(101) }, 'product_sku: product_sku has 101 characters: 100 is the most'],
    [{ name: 'n'.repeat(256) }, 'customer_name: customer_name has 256 characters: 255 is the most'],
  ]

  test('is named with its column and the reason, one order each', async ({ place }) => {
    const expected: Record<string, string> = {}
    const lines = cases.map(([draft, fate], index) => {
      const order = draft.order ?? `A-${index}`
      expected[order] = fate
      return line({ order, customer: `C-${index}`, ...draft })
    })
    expect(await fates(place, csv(...lines))).toEqual(expected)
    expect(place.rows("select name from customers where customer_id = 'C-3'")).toEqual([{ name: 'C-3' }])
    expect(place.value('select quantity from order_lines where line_number = 16')).toBe(7)
  })

  test('may be a control character; names may hold tabs', async ({ place }) => {
    const lines = [
      line({ order: 'A-1\x07' }),
      line({ order: 'A-2', customer: 'C\x1b[31m' }),
      line({ order: 'A-3', sku: 'S\x7f1' }),
      line({ order: 'A-4', name: 'Ann\x08' }),
      line({ order: 'A-5', product: 'Wid\u0085get' }),
      line({ order: 'A-6', name: 'Ann\tSmith' }),
      line({ order: 'A-7', customer: '"C\n1"' }),
    ]
    expect(await fates(place, csv(...lines))).toEqual({
      'A-1\x07': 'order_id: order_id holds a control character (U+0007)',
      'A-2': 'customer_id: customer_id holds a control character (U+001B)',
      'A-3': 'product_sku: product_sku holds a control character (U+007F)',
      'A-4': 'customer_name: customer_name holds a control character (U+0008)',
      'A-5': 'product_name: product_name holds a control character (U+0085)',
      'A-6': 'imported',
      'A-7': 'customer_id: customer_id holds a control character (U+000A)',
    })
  })

  test('may be a control character that stands alone in its file', async ({ place }) => {
    for (const [source, id] of [
      ['del', 'A\x7f'],
      ['next', 'A\u0085'],
      ['cr', 'A\r1'],
    ] as const) {
      place.file('one.csv', csv(line({ order: 'A-0' }), line({ order: id })))
      expect((await importJson(place, 'one.csv', '--source', source)).told).toMatchObject({ imported: 1, rejected: 1 })
    }
  })

  test('is read with its offset from UTC, and falls on the day of the business', async ({ place }) => {
    place.file(
      'orders.csv',
      csv(
        line({ order: 'A-1', date: '2025-01-15T00:30:00+02:00' }),
        line({ order: 'A-2', date: '2025-01-15 23:30:00-0500' }),
        line({ order: 'A-3', date: '2025-01-15T23:30Z' }),
        line({ order: 'A-4', date: '2025-01-15T23:30:00.250' }),
      ),
    )
    await place.runWith({ ORDERCTL_TIME_ZONE: 'Europe/Berlin' }, 'import', 'orders.csv')
    expect(place.db.prepare('select ordered_at, business_day from orders order by id').raw().all()).toEqual([
      ['2025-01-14T22:30:00Z', '2025-01-14'],
      ['2025-01-16T04:30:00Z', '2025-01-16'],
      ['2025-01-15T23:30:00Z', '2025-01-16'],
      ['2025-01-15T23:30:00', '2025-01-15'],
    ])
  })
})
