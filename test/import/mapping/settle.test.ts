// Decimal mark, date order and currency: settled by the values of a file, or asked for with the lines that say why.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { understandText } from './understand-text.js'

interface Line {
  readonly order?: string
  readonly quantity?: string
  readonly price?: string
  readonly currency?: string
  readonly date?: string
}

const file = (...lines: readonly Line[]) =>
  ['Order;SKU;Qty;Price;Currency;Date']
    .concat(
      lines.map(({ order = '1', quantity = '1', price = '5', currency = 'EUR', date = '2025-03-14' }) =>
        [order, 'A', quantity, price, currency, date].join(';'),
      ),
    )
    .join('\n')

const asks = async (...lines: readonly Line[]) =>
  (await understandText(file(...lines))).questions.map(({ flag, column, text }) => ({ flag, column, text }))

const upTo = (most: number) => fc.integer({ min: 1, max: most })

describe('asks for the decimal mark', () => {
  test('whatever the prices are, if each reads with both marks', async () => {
    const price = fc.tuple(upTo(999), fc.integer({ min: 0, max: 999 }), fc.constantFrom('.', ','))
    await fc.assert(
      fc.asyncProperty(fc.array(price, { minLength: 1, maxLength: 20 }), async (prices) => {
        const texts = prices.map(([whole, part, mark]) => `${whole}${mark}${String(part).padStart(3, '0')}`)
        const isMixed = new Set(prices.map(([, , mark]) => mark)).size > 1
        const questions = await asks(...texts.map((price) => ({ price })))
        expect(questions).toMatchObject([{ flag: '--decimal', column: 'Price' }])
        if (!isMixed) expect(questions[0]?.text).toContain(`line 2 has ${texts[0]}.`)
      }),
    )
  })

  test('if two lines contradict each other, and names both', async () => {
    const text = expect.stringMatching(/^Price has .*: line 2 has 1\.250,00, and line 4 has 1,480\.00\.$/)
    expect(await asks({ price: '1.250,00' }, { price: '3' }, { price: '1,480.00' })).toEqual([
      { flag: '--decimal', column: 'Price', text },
    ])
  })

  test('if two columns contradict each other', async () => {
    const text = 'Price has a decimal comma (line 2 has 1,25), and Qty a decimal point (line 3 has 2.5).'
    expect(await asks({ price: '1,25' }, { quantity: '2.5' })).toEqual([{ flag: '--decimal', column: 'Price', text }])
  })

  test('not if one column settles it for another', async () => {
    const { mapping, questions } = await understandText(file({ price: '1,25', quantity: '1.000' }))
    expect({ decimal: mapping.decimal, questions }).toEqual({ decimal: 'comma', questions: [] })
  })

  test('not if no number has a mark, and settles nothing', async () => {
    const { mapping, questions } = await understandText(file({ price: '12' }))
    expect({ decimal: mapping.decimal, questions }).toEqual({ decimal: undefined, questions: [] })
  })
})

describe('asks for the date order', () => {
  test('whatever the dates are, if each reads day first and month first', async () => {
    const date = fc
      .tuple(upTo(12), upTo(12), fc.integer({ min: 1990, max: 2024 }), fc.constantFrom('/', '.', '-'))
      .filter(([day, month]) => day !== month)
    await fc.assert(
      fc.asyncProperty(fc.array(date, { minLength: 1, maxLength: 20 }), async (dates) => {
        const texts = dates.map(([day, month, year, mark]) => [day, month, year].join(mark))
        const questions = await asks(...texts.map((date) => ({ date })))
        const text = `Date can be day first or month first: line 2 has ${texts[0]}.`
        expect(questions).toEqual([{ flag: '--date-format', column: 'Date', text }])
      }),
    )
  })

  test('if two dates contradict each other, and names both', async () => {
    const text = expect.stringMatching(/line 2 has 14\/03\/2025, and line 3 has 03\/15\/2025/)
    expect(await asks({ date: '14/03/2025' }, { date: '03/15/2025' })).toEqual([
      { flag: '--date-format', column: 'Date', text },
    ])
  })

  test('not if one date settles it, and shows which', async () => {
    const { mapping, columns } = await understandText(file({ date: '03/04/2025' }, { date: '14/04/2025' }))
    expect(mapping.dateOrder).toBe('dmy')
    expect(columns.find(({ name }) => name === 'Date')?.why).toBe('means order date; day first: line 3 has 14/04/2025')
  })
})

describe('asks for the currency', () => {
  const NONE: readonly (readonly [why: string, lines: Line[], says: string])[] = [
    ['no line names one', [{ currency: '' }, { order: '2', currency: '' }], 'Currency is blank in line 2.'],
    ['a sign names several', [{ currency: '', price: '$5.00' }], 'Currency is blank in line 2.'],
  ]
  test.for(NONE)('if %s', async ([, lines, text]) => {
    expect(await asks(...lines)).toEqual([{ flag: '--currency', column: 'Currency', text }])
  })

  const NAMED: readonly (readonly [why: string, lines: Line[]])[] = [
    ['each line names one', [{ currency: 'USD' }, { currency: 'EUR' }]],
    ['the price has its sign', [{ currency: '', price: '5,00 €' }, { price: '6,00' }]],
    ['a line continues an order that names it', [{}, { currency: '' }]],
    [
      'only lines without an order id or a date lack it',
      [
        { order: '', currency: '' },
        { date: '', currency: '' },
      ],
    ],
    ['only some lines lack it', [{}, { order: '2', currency: '' }]],
  ]
  test.for(NAMED)('not if %s', async ([, lines]) => {
    expect(await asks(...lines)).toEqual([])
  })

  test('not of cancelled lines', async () => {
    const { questions } = await understandText(
      'Order;SKU;Qty;Price;Currency;Date;Status\n1;A;1;5;EUR;2025-03-14;paid\n2;A;1;5;;2025-03-14;Storniert\n',
    )
    expect(questions).toEqual([])
  })

  test('not if the name of the column says it', async () => {
    const { mapping, questions } = await understandText('Order;SKU;Qty;Preis in EUR;Date\n1;A;1;5;2025-03-14\n')
    expect({ currency: mapping.currency, questions }).toEqual({ currency: 'EUR', questions: [] })
  })
})

describe('reads on while a question is open', () => {
  const SAMPLE = 1_048_576
  const open = (order: string): Line => ({ order, date: '03/04/2025' })
  const pages = Array.from({ length: 400 }, (_, index) => open(`${index}`.padEnd(4_000, '-')))

  test('and finds the one line that answers it', async () => {
    const text = file(...pages, { date: '03/14/2025' })
    expect(text.length).toBeGreaterThan(SAMPLE * 1.5)
    const { mapping, questions, columns } = await understandText(text)
    expect({ order: mapping.dateOrder, questions }).toEqual({ order: 'mdy', questions: [] })
    expect(columns.find(({ name }) => name === 'Date')?.why).toContain('line 402 has 03/14/2025')
  })

  test('wherever the end of the sample cuts a line', async () => {
    const answer: Line = { order: 'z', date: '14/04/2025' }
    const before = file(...pages.slice(0, 250), open('')).length
    for (let cut = 1; cut <= 25; cut++) {
      const padded = open('y'.repeat(SAMPLE - before - cut))
      const text = file(...pages.slice(0, 250), padded, answer, ...pages.slice(300))
      expect(text.slice(SAMPLE - cut, SAMPLE - cut + 3)).toBe('\nz;')
      const { mapping, questions } = await understandText(text)
      expect({ order: mapping.dateOrder, questions }).toEqual({ order: 'dmy', questions: [] })
    }
  })
})

test('shows three different values of each column', async () => {
  const lines = ['1', '1', '2', '3', '4'].map((order) => ({ order }))
  const { columns } = await understandText(file(...lines))
  expect(columns.map(({ name, field, samples }) => ({ name, field, samples }))).toEqual([
    { name: 'Order', field: 'order_id', samples: ['1', '2', '3'] },
    { name: 'SKU', field: 'product_sku', samples: ['A'] },
    { name: 'Qty', field: 'quantity', samples: ['1'] },
    { name: 'Price', field: 'unit_price', samples: ['5'] },
    { name: 'Currency', field: 'currency', samples: ['EUR'] },
    { name: 'Date', field: 'order_date', samples: ['2025-03-14'] },
  ])
})
