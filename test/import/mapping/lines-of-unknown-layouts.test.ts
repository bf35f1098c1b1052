// What becomes of each line of a table in a layout that no preset knows.
import { expect, test } from 'vitest'
import { readRows } from '../../../src/csv/dialect.js'
import { LineReader } from '../../../src/import/line-reader.js'
import { understandText } from './understand-text.js'

/** Each line as `order sku units`, the reason it is skipped for, or `rejected`. */
async function fatesOf(text: string): Promise<readonly string[]> {
  const { header, mapping, dialect, questions } = await understandText(text)
  expect(questions).toEqual([])
  const reader = new LineReader(header.cells, mapping, { latest: undefined })
  const rows = readRows(Buffer.from(text), dialect, { from: header, limit: 100 })
  return rows.flatMap(({ cells }) =>
    reader.read([...cells], false).map((fate) => {
      if ('skipped' in fate) return fate.skipped
      return 'sku' in fate ? `${fate.reference} ${fate.sku} ${fate.quantity}` : 'rejected'
    }),
  )
}

async function customersOf(text: string): Promise<readonly string[]> {
  const { header, mapping, dialect } = await understandText(text)
  const reader = new LineReader(header.cells, mapping, { latest: undefined })
  const rows = readRows(Buffer.from(text), dialect, { from: header, limit: 100 })
  const fates = rows.flatMap(({ cells }) => reader.read([...cells], false))
  return fates.map((fate) => ('customer_id' in fate ? fate.customer_id : 'none'))
}

const HEAD = 'Order,Date,SKU,Product,Qty,Price,Currency'

test.for([
  ['Payment status', 'CANCELLED', 'cancelled'],
  ['Bestellstatus', 'Storniert', 'cancelled'],
  ['Estado', 'Cancelada por el comprador', 'cancelled'],
  ['Void?', 'true', 'cancelled'],
  ['Cancelled Time', '2025-03-15', 'cancelled'],
  ['Type', 'Sales credit note', 'return'],
] as const)('a line whose %s is "%s" is skipped as %s', async ([column, value, reason]) => {
  const text = `${HEAD},${column}\n1,2025-03-14,A,Tea,2,4.5,EUR,\n2,2025-03-14,A,Tea,2,4.5,EUR,${value}\n`
  expect(await fatesOf(text)).toEqual(['1 A 2', reason])
})

test.for([
  ['Financial status', 'Refunded', 'refunded'],
  ['Payment status', 'VOIDED', 'voided'],
  ['Zahlungsstatus', 'Fehlgeschlagen', 'failed'],
  ['Estado del pago', 'No pagado', 'unpaid'],
] as const)('an order whose %s is "%s" is a question, and the mapping skips it', async ([column, value, reason]) => {
  const text = `${HEAD},${column}\n1,2025-03-14,A,Tea,2,4.5,EUR,\n2,2025-03-14,A,Tea,2,4.5,EUR,${value}\n`
  const { mapping, questions } = await understandText(text)
  expect(questions).toEqual([
    expect.objectContaining({
      ...{ flag: '--map', column },
      text: expect.stringContaining(`${column} does not say whether to charge the order: line 3 has ${value}.`),
    }),
  ])
  const rule = mapping.skip?.find((one) => one.reason === reason)
  expect(rule).toMatchObject({ column, is: expect.arrayContaining([value.toLowerCase()]) })
})

test('an order that is cancelled as well as refunded is no question', async () => {
  const text = `${HEAD},Status,Cancelled at\n1,2025-03-14,A,Tea,2,4.5,EUR,Refunded,2025-03-15\n`
  expect(await fatesOf(text)).toEqual(['cancelled'])
})

test.for([
  ['Line type', 'Shipping', 'shipping'],
  ['Positionstyp', 'Versandposition', 'shipping'],
  ['OrderItemType', 'shippingCosts', 'shipping'],
  ['Type', 'Delivery', 'shipping'],
  ['Type', 'Tax', 'tax'],
] as const)('a line whose %s is "%s", unlike that of its order, is skipped as %s', async ([column, value, reason]) => {
  const lines = `1,2025-03-14,A,Tea,2,4.5,EUR,Item\n1,2025-03-14,B,DHL,1,4.5,EUR,${value}\n`
  expect(await fatesOf(`${HEAD},${column}\n${lines}`)).toEqual(['1 A 2', reason])
})

test('orders of the type Delivery are sold', async () => {
  const lines = [
    '1,2025-03-14,A,Tea,2,4.5,EUR,Delivery',
    '1,2025-03-14,B,Cup,1,4.5,EUR,Delivery',
    '2,2025-03-14,A,Tea,1,4.5,EUR,Pickup',
  ]
  expect(await fatesOf(`${HEAD},Type\n${lines.join('\n')}\n`)).toEqual(['1 A 2', '1 B 1', '2 A 1'])
})

test.for([
  ['Status', 'Partially refunded'],
  ['Refunded', '1.00'],
  ['Cancelled at', 'NULL'],
  ['Cancelled at', '0000-00-00 00:00:00'],
  ['Void?', 'false'],
  ['Line type', 'Product'],
  ['Quantity refunded', '0'],
  ['qty_canceled', '0.0000'],
] as const)('a line whose %s is "%s" is sold', async ([column, value]) => {
  expect(await fatesOf(`${HEAD},${column}\n1,2025-03-14,A,Tea,2,4.5,EUR,${value}\n`)).toEqual(['1 A 2'])
})

test('a line with no more than its item continues the order before it, unless it is a total', async () => {
  const lines = ['1,2025-03-14,A,Tea,2,4.5,EUR,Cancelled', ',,B,Cup,1,3,,', '2,2025-03-14,A,Tea,2,4.5,EUR,Paid']
  const more = [',,B,Cup,1,3,,', ',,,Total,6,24,,', ',2025-03-14,B,Cup,1,3,EUR,']
  const fates = await fatesOf(`${HEAD},Status\n${[...lines, ...more].join('\n')}\n`)
  expect(fates).toEqual(['cancelled', 'cancelled', '2 A 2', '2 B 1', 'total', 'rejected'])
})

test('each line of an order has its own cancellation date, if the rest of the order is repeated', async () => {
  const text = `${HEAD},Cancelled at\n1,2025-03-14,A,Tea,2,4.5,EUR,2025-03-15\n1,2025-03-14,B,Cup,1,3,EUR,\n1,,C,Pot,1,3,,\n`
  expect(await fatesOf(text)).toEqual(['cancelled', '1 B 1', '1 C 1'])
})

test('a line of notes below the header is skipped, and asks for no currency', async () => {
  const note = 'Number of the order,When it was placed,Id,Name,How many,Price of one,'
  expect(await fatesOf(`${HEAD}\n${note}\n1,2025-03-14,A,Tea,2,4.5,EUR\n`)).toEqual(['note', '1 A 2'])
})

test('a line without units or with a negative amount costs no other line', async () => {
  const text = `${HEAD}\n1,2025-03-14,A,Tea,2,4.5,EUR\n1,2025-03-14,B,Cup,0,3,EUR\n1,2025-03-14,,Thank you,1,-2.50,EUR\n`
  expect(await fatesOf(text)).toEqual(['1 A 2', 'no units', 'negative amount'])
})

test('quantities such as 2.0 and 3 pcs are whole, next to prices with decimal commas', async () => {
  const text =
    'Order;Date;SKU;Qty;Price\n1;2025-03-14;A;2.0;4,50 €\n1;2025-03-14;B;3 pcs;1,20 €\n1;2025-03-14;C;2 km;1 €\n'
  expect(await fatesOf(text)).toEqual(['1 A 2', '1 B 3', 'rejected'])
})

test('a first and a last name identify a customer, unless there is an id or an e-mail address', async () => {
  const text = (more: string, value: string) =>
    `Order,Date,First name,Last name,SKU,Qty,Price,Currency${more}\n1,2025-03-14,Ann,Lee,A,1,2,EUR${value}\n`
  expect(await customersOf(text('', ''))).toEqual(['Ann Lee'])
  expect(await customersOf(text(',Email', ',a@x.com'))).toEqual(['a@x.com'])
  expect(await customersOf(text(',Email', ','))).toEqual(['Ann Lee'])
})

test('0 and NULL are no customers', async () => {
  const text =
    'Order,Date,Customer ID,Email,SKU,Qty,Price,Currency\n1,2025-03-14,0,a@x.com,A,1,2,EUR\n2,2025-03-14,NULL,,A,1,2,EUR\n'
  expect(await customersOf(text)).toEqual(['a@x.com', 'guest'])
})

test('shipping in the place of a product is skipped', async () => {
  const text = `${HEAD}\n1,2025-03-14,A,Tea,2,4.5,EUR\n1,2025-03-14,,Versandkosten,1,5,EUR\n1,2025-03-14,,Shipping box,1,5,EUR\n`
  expect(await fatesOf(text)).toEqual(['1 A 2', 'shipping', '1 name:Shipping box 1'])
})
