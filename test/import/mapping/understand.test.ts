// Order files of real systems and of systems without a preset: which columns mean what, what is asked, what is refused.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { openContent } from '../../../src/csv/content.js'
import { UserError } from '../../../src/errors.js'
import type { Answers, FieldColumns } from '../../../src/import/mapping/mapping.js'
import { presetNamed } from '../../../src/import/mapping/presets.js'
import { understand } from '../../../src/import/mapping/understand.js'
import { ENTRIES, FLAGS, FOLDER } from '../../support/formats.js'
import { understandText } from './understand-text.js'

async function understandFile(file: string, answers: Answers = {}) {
  const content = await openContent(join(FOLDER, file))
  try {
    return await understand(content, answers)
  } finally {
    await content.close()
  }
}

const asked = ENTRIES.filter(({ refusal, must_ask }) => !refusal || must_ask.length > 0)

test.for(asked)('asks for what $file does not say, and for nothing else', async ({ file, must_ask, refusal }) => {
  const { questions } = await understandFile(file)
  expect(questions.map(({ flag }) => flag)).toEqual(must_ask.map((what) => FLAGS[what]))
  const text = questions.map(({ text, answers }) => `${text} ${answers.join(' ')}`).join()
  for (const mention of refusal?.mentions ?? []) expect(text).toContain(mention)
})

const NINE = {
  order_id: ['order_id'],
  customer_id: ['customer_id'],
  customer_name: ['customer_name'],
  product_sku: ['product_sku'],
  product_name: ['product_name'],
  quantity: ['quantity'],
  unit_price: ['unit_price'],
  currency: ['currency'],
  order_date: ['order_date'],
}

const AMAZON = {
  product_sku: ['sku'],
  product_name: ['product-name'],
  line_total: ['item-price'],
  currency: ['currency'],
}
const WOO = { order_id: ['order_number'], currency: ['order_currency'], order_date: ['order_date'] }

/** The columns that the totals of each file are computed from, and the mark and order that its traps name. */
const FILES: readonly (readonly [file: string, preset: string | null, how: string, columns: FieldColumns])[] = [
  ['ours_semicolon_decimal_comma.csv', 'orderctl', '; comma dmy', NINE],
  ['ours_tab.tsv', 'orderctl', '\t point -', NINE],
  ['ours_pipe.csv', 'orderctl', '| point -', NINE],
  ['ours_windows1252.csv', 'orderctl', '; comma -', NINE],
  ['ours_sep_line.csv', 'orderctl', '; point -', NINE],
  ['ours.csv.gz', 'orderctl', ', point -', NINE],
  ['ours_trailing_empty_columns.csv', 'orderctl', ', point -', NINE],
  [
    'shopify_full.csv',
    'shopify',
    ', point -',
    {
      order_id: ['Name'],
      customer_id: ['Email', 'Billing Name'],
      customer_name: ['Billing Name'],
      product_sku: ['Lineitem sku'],
      product_name: ['Lineitem name'],
      quantity: ['Lineitem quantity'],
      unit_price: ['Lineitem price'],
      currency: ['Currency'],
      order_date: ['Created at'],
    },
  ],
  [
    'woocommerce_item_rows.csv',
    'woocommerce',
    ', point -',
    {
      ...WOO,
      customer_id: ['customer_email', 'billing_email'],
      product_sku: ['sku'],
      product_name: ['product_name'],
      quantity: ['quantity'],
      line_total: ['item_total'],
    },
  ],
  [
    'woocommerce_webtoffee_wide.csv',
    'woocommerce',
    ', point -',
    {
      ...WOO,
      customer_id: ['customer_id', 'customer_email', 'billing_email'],
      product_sku: ['item.sku'],
      product_name: ['item.name'],
      quantity: ['item.quantity'],
      line_total: ['item.sub_total'],
    },
  ],
  [
    'amazon_all_orders.txt',
    'amazon',
    '\t point -',
    { ...AMAZON, order_id: ['amazon-order-id'], quantity: ['quantity'], order_date: ['purchase-date'] },
  ],
  [
    'amazon_new_orders.txt',
    'amazon',
    '\t point -',
    {
      ...AMAZON,
      order_id: ['order-id'],
      customer_id: ['buyer-email'],
      customer_name: ['buyer-name'],
      quantity: ['quantity-purchased'],
      order_date: ['purchase-date'],
    },
  ],
  [
    'ebay_orders_au.csv',
    'ebay',
    ', point -',
    {
      order_id: ['Order Number', 'Sales Record Number'],
      customer_id: ['Buyer Username'],
      product_sku: ['Custom Label', 'Item Number'],
      product_name: ['Item Title'],
      quantity: ['Quantity'],
      unit_price: ['Sold For'],
      order_date: ['Sale Date'],
    },
  ],
  [
    'etsy_items_decimal_comma.csv',
    'etsy',
    ', comma mdy',
    {
      order_id: ['Order ID'],
      customer_id: ['Buyer'],
      product_name: ['Item Name'],
      quantity: ['Quantity'],
      unit_price: ['Price'],
      currency: ['Currency'],
      order_date: ['Sale Date'],
    },
  ],
  [
    'square_items.csv',
    'square',
    ', point -',
    {
      order_id: ['Transaction ID'],
      customer_id: ['Customer ID', 'Customer Name'],
      customer_name: ['Customer Name'],
      product_sku: ['SKU'],
      product_name: ['Item'],
      quantity: ['Qty'],
      line_total: ['Gross Sales'],
      order_date: ['Date', 'Time'],
    },
  ],
  [
    'superstore.csv',
    'superstore',
    ', point mdy',
    {
      order_id: ['Order ID'],
      customer_id: ['Customer ID'],
      customer_name: ['Customer Name'],
      product_sku: ['Product ID'],
      product_name: ['Product Name'],
      quantity: ['Quantity'],
      line_total: ['Sales'],
      order_date: ['Order Date'],
    },
  ],
  [
    'online_retail.csv',
    'online-retail',
    ', point mdy',
    {
      order_id: ['InvoiceNo'],
      customer_id: ['CustomerID'],
      product_sku: ['StockCode'],
      product_name: ['Description'],
      quantity: ['Quantity'],
      unit_price: ['UnitPrice'],
      order_date: ['InvoiceDate'],
    },
  ],
  [
    'generic_items.csv',
    null,
    '; comma dmy',
    {
      order_id: ['id'],
      customer_id: ['email', 'customer'],
      customer_name: ['customer'],
      product_name: ['item'],
      quantity: ['qty'],
      unit_price: ['price'],
      order_date: ['date'],
    },
  ],
  [
    'lookalike_other_names.csv',
    null,
    ', point -',
    {
      order_id: ['order_number'],
      customer_id: ['customer_email'],
      product_sku: ['sku'],
      product_name: ['title'],
      quantity: ['qty'],
      unit_price: ['price'],
      order_date: ['created_at'],
    },
  ],
]

test.for(FILES)('understands the columns of %s', async ([file, preset, how, columns]) => {
  const { mapping } = await understandFile(file)
  const { delimiter, decimal = '-', dateOrder = '-' } = mapping
  expect({ preset: mapping.preset, how: `${delimiter} ${decimal} ${dateOrder}` }).toEqual({ preset, how })
  expect(mapping.columns).toEqual(columns)
})

describe('a file without a preset', () => {
  test.for([
    [
      'Magento',
      'increment_id,created_at,status,customer_email,sku,name,qty_ordered,price,row_total,order_currency_code',
    ],
    [
      'PrestaShop',
      'id_order;reference;date_add;email;product_reference;product_name;product_quantity;unit_price_tax_excl',
    ],
    [
      'Wix',
      'Order number,Date created,Time,Total order quantity,Contact email,Item,Variant,SKU,Qty,Price,Currency,Total',
    ],
    ['Odoo', 'Order Reference,Order Date,Customer,Order Lines/Product,Order Lines/Quantity,Order Lines/Unit Price'],
    [
      'QuickBooks',
      'Invoice No,Customer,Invoice Date,Item(Product/Service),Item Quantity,Item Rate,Item Amount,Currency',
    ],
    ['Xero', 'ContactName,InvoiceNumber,InvoiceDate,DueDate,Description,Quantity,UnitAmount,LineAmount,Currency'],
    ['SAP', 'Sales Document;Item;Sold-to party;Material;Material Description;Order Quantity;Net price;Created on'],
    ['Mercado Libre', '# de venta,Fecha de venta,Estado,Unidades,SKU,Precio unitario de venta de la publicación (ARS)'],
    ['Bol', 'Bestelnummer;Besteldatum;EAN;Titel;Aantal;Prijs'],
    ['Cdiscount', 'Référence commande;Date commande;Référence vendeur;Nom produit;Quantité;Prix unitaire;Statut'],
    ['a German ERP', 'Belegnr.;Auftragsnr.;Auftragsdatum;Kd-Nr.;Artikelnr.;Bezeichnung;Menge;E-Preis;Gesamt'],
    ['an Italian shop', 'N. ordine;Data ordine;Cliente;Codice articolo;Descrizione;Q.tà;Prezzo unitario'],
    ['a Portuguese shop', 'Nº do Pedido;Data do pedido;Nome do cliente;Código do produto;Produto;Qtd;Preço unitário'],
  ] as const)('is understood if it is like that of %s', async ([, header]) => {
    const delimiter = header.includes(';') ? ';' : ','
    const line = header.split(delimiter).map((name) => (/dat|fecha|created/i.test(name) ? '2025-03-14' : '1'))
    const { mapping } = await understandText(`${header}\n${line.join(delimiter)}\n`)
    const { order_id, product_sku, product_name, quantity, unit_price, order_date } = mapping.columns
    expect([order_id, product_sku ?? product_name, quantity, unit_price, order_date]).not.toContain(undefined)
    expect({ preset: mapping.preset, delimiter: mapping.delimiter }).toEqual({ preset: null, delimiter })
  })

  test('has its header below a preamble', async () => {
    const text =
      'Report;;;\nCreated: 2025-03-31;;;\n\nAuftragsnr.;Datum;Artikel;Menge;Preis (EUR)\n1;14.03.2025;Tee;2;4,50\n'
    const { header, mapping, questions } = await understandText(text)
    expect({ line: header.line, end: header.end, next: header.nextLine }).toEqual({ line: 4, end: 78, next: 5 })
    expect(mapping).toMatchObject({ currency: 'EUR', decimal: 'comma', dateOrder: 'dmy' })
    expect(questions).toEqual([])
  })

  test('joins a date and a time in two columns', async () => {
    const head = 'Order ID,Date,Time,SKU,Qty,Price'
    expect((await understandText(`${head}\n1,2025-03-14,10:15,A,1,2\n`)).mapping.columns.order_date).toEqual([
      'Date',
      'Time',
    ])
    const whole = await understandText(`${head}\n1,2025-03-14 10:15,10:15,A,1,2\n`)
    expect(whole.mapping.columns.order_date).toEqual(['Date'])
    const unread = await understandText(`${head}\n1,2025-03-14,10.15,A,1,2\n`)
    expect(unread.mapping.columns.order_date).toEqual(['Date'])
    const why = unread.columns.find(({ name }) => name === 'Time')?.why
    expect(why).toBe('its times cannot be read; write them as in 17:41')
  })

  test('skips lines with a cancelled status, a cancellation date, or of a refund', async () => {
    const { mapping } = await understandText(
      'Order ID,Date,SKU,Qty,Price,Status,Cancelled at,Receipt type\n1,2025-03-14,A,1,2,,,\n',
    )
    const rules = mapping.skip?.map(({ reason, column }) => `${reason}: ${column}`)
    expect(rules).toEqual(
      expect.arrayContaining(['cancelled: Cancelled at', 'cancelled: Status', 'return: Receipt type']),
    )
  })

  test.for([
    'Item,Qty,Price,Item2,Qty2,Price2',
    'Item 1,Qty 1,Price 1,Item 2,Qty 2,Price 2',
    'Item,Qty,Price,Item.1,Qty.1',
  ])('is refused if a line has several items: %s', async (items) => {
    await expect(understandText(`Order,Date,${items}\n1,2025-03-14,Tea,1,2,Cup,1,3\n`)).rejects.toMatchObject({
      code: 'not_orders',
      message: expect.stringContaining('several items on a line'),
    })
  })

  test('has no order ids in a column that counts its lines', async () => {
    const text = 'No.,Date,SKU,Qty,Price,Currency\n1,2025-03-14,A,1,2,EUR\n2,2025-03-14,B,1,2,EUR\n'
    await expect(understandText(text)).rejects.toMatchObject({ code: 'columns_missing' })
    expect((await understandText(text.replace('\n2,', '\n1,'))).mapping.columns.order_id).toEqual(['No.'])
  })

  test('has the price of a unit in a part of a line, and the total in a line price', async () => {
    const parts = await understandText('Order,Date,Line: SKU,Line: Quantity,Line: Price\n1,2025-03-14,A,1,2\n')
    expect(parts.mapping.columns.unit_price).toEqual(['Line: Price'])
    const line = await understandText('Order,Date,SKU,Quantity,Line price\n1,2025-03-14,A,1,2\n')
    expect(line.mapping.columns.line_total).toEqual(['Line price'])
  })

  test('takes the most specific column for each field', async () => {
    const { mapping } = await understandText('id,invoice id,order id,date,order date,title,sku,qty,price,unit price\n')
    const { order_id, order_date, unit_price } = mapping.columns
    expect({ order_id, order_date, unit_price }).toEqual({
      order_id: ['order id'],
      order_date: ['order date'],
      unit_price: ['unit price'],
    })
  })
})

describe('a total', () => {
  const file = (lines: string) => `Order,Product,Qty,Total,Date,Currency\n${lines}`
  const QUESTION = { flag: '--map', column: 'Total', text: expect.stringContaining('--save-map') }

  test('is that of the line if it differs between the lines of an order', async () => {
    const { mapping, questions } = await understandText(
      file('A,Tea,2,9,2025-03-14,EUR\nA,Cup,1,12.50,2025-03-14,EUR\nB,Cup,1,12.50,2025-03-15,EUR\n'),
    )
    expect(mapping.columns.line_total).toEqual(['Total'])
    expect(questions).toEqual([])
  })

  test.for([
    ['it repeats on the lines of an order', 'A,Tea,2,9,2025-03-14,EUR\nA,Cup,1,9,2025-03-14,EUR\n'],
    [
      'most orders repeat it',
      'A,Tea,2,9,D,EUR\nA,Cup,1,8,D,EUR\nB,Tea,2,7,D,EUR\nB,Cup,1,7,D,EUR\nC,T,1,2,D,EUR\nC,U,1,2,D,EUR\n',
    ],
    ['it stands on the first line of an order only', 'A,Tea,2,9,2025-03-14,EUR\nA,Cup,1,,2025-03-14,EUR\n'],
  ] as const)('is asked about if %s', async ([, lines]) => {
    const { mapping, questions } = await understandText(file(lines))
    expect(mapping.columns.line_total).toBe(undefined)
    expect(questions).toEqual([expect.objectContaining(QUESTION)])
  })

  test.for([
    ['nothing else is charged', '', ['Total']],
    ['another column has shipping', ',Shipping cost', undefined],
    ['another column has taxes', ',Tax 5%', undefined],
  ] as const)(
    'of orders with one line is that of the line only if nothing else is charged: %s',
    async ([, more, columns]) => {
      const { mapping } = await understandText(
        `Order,Product,Qty,Total,Date,Currency${more}\nA,Tea,2,9,2025-03-14,EUR,1\nB,Cup,1,12.50,2025-03-14,EUR,1\n`,
      )
      expect(mapping.columns.line_total).toEqual(columns)
    },
  )

  test('that equals the price of several units shows that the price is the total of the line', async () => {
    const head = 'Order,Product,Qty,Price,Subtotal,Date,Currency'
    const same = await understandText(`${head}\nA,Tea,2,9,9,2025-03-14,EUR\nB,Cup,1,5,5,2025-03-14,EUR\n`)
    expect(same.mapping.columns).toMatchObject({ line_total: ['Price', 'Subtotal'] })
    expect(same.mapping.columns.unit_price).toBe(undefined)
    const other = await understandText(`${head}\nA,Tea,2,9,18,2025-03-14,EUR\nB,Cup,3,5,5,2025-03-14,EUR\n`)
    expect(other.mapping.columns).toMatchObject({ unit_price: ['Price'] })
  })

  test('is asked about if two columns can be it', async () => {
    const text =
      'Order,Item,Qty,Amount,Total,Date,Currency\nA,Tea,2,9,9.90,2025-03-14,EUR\nA,Cup,1,12,13.20,2025-03-14,EUR\n'
    const { mapping, questions } = await understandText(text)
    expect(mapping.columns.line_total).toBe(undefined)
    expect(questions).toMatchObject([{ flag: '--map', text: expect.stringContaining('Amount and Total') }])
    const before = await understandText(text.replace('Amount', 'Subtotal'))
    expect(before.mapping.columns.line_total).toEqual(['Subtotal'])
  })

  test('counts for nothing next to a unit price', async () => {
    const { mapping } = await understandText('Order,Product,Qty,Line total,Price,Date\nA,Tea,2,9,4.50,2025-03-14\n')
    expect(mapping.columns).toMatchObject({ unit_price: ['Price'] })
    expect(mapping.columns.line_total).toBe(undefined)
  })
})

describe('a price with and one without tax', () => {
  const file = (one: string, other: string, price = '12') =>
    `Order,Product,Qty,${one},${other},Date,Currency\nA,Tea,2,10,${price},2025-03-14,EUR\n`

  test.for([
    ['Net price', 'Gross price'],
    ['Price', 'Price incl. VAT'],
    ['Preis brutto', 'Preis netto'],
    ['Prix unitaire HT', 'Prix unitaire TTC'],
  ] as const)('are asked about: %s and %s', async ([one, other]) => {
    const { questions } = await understandText(file(one, other))
    expect(questions).toMatchObject([{ flag: '--map', text: expect.stringMatching(/differ, as in 1[02] and 1[02]:/) }])
    expect(questions[0]?.text).toContain(other)
  })

  test('are not if they are the same, or if one is of another kind', async () => {
    expect((await understandText(file('Net price', 'Gross price', '10'))).questions).toEqual([])
    expect((await understandText(file('Price', 'Sale price'))).questions).toEqual([])
  })

  test('are not if a mapping names one', async () => {
    const text = file('Net price', 'Gross price')
    const { mapping } = await understandText(text)
    const columns = { ...mapping.columns, unit_price: ['Gross price'] }
    expect((await understandText(text, { mapping: { ...mapping, columns } })).questions).toEqual([])
  })
})

describe('answers', () => {
  test('override what the file suggests', async () => {
    const answers = { currency: 'USD', dateOrder: 'dmy', decimal: 'comma', customer: 'Customer name' } as const
    const { mapping, questions } = await understandFile('superstore.csv', answers)
    expect(mapping).toMatchObject({ currency: 'USD', dateOrder: 'dmy', decimal: 'comma' })
    expect(mapping.columns.customer_id).toEqual(['Customer Name'])
    expect(questions).toEqual([])
  })

  test('name a mapping that the file must have', async () => {
    const mapping = { preset: null, columns: { ...NINE, order_id: ['Ship Date'] } }
    await expect(understandFile('superstore.csv', { mapping })).rejects.toMatchObject({
      code: 'columns_missing',
      message: expect.stringContaining('that the mapping needs: "unit_price".'),
    })
    const shopify = await understandFile('shopify_full.csv', { mapping: presetNamed('shopify').mapping })
    expect(shopify.mapping.columns).toEqual((await understandFile('shopify_full.csv')).mapping.columns)
  })

  test('name a column that the file does not have', async () => {
    await expect(understandFile('superstore.csv', { customer: 'Client' })).rejects.toMatchObject({
      exit: 2,
      code: 'unknown_column',
    })
  })

  test('a mapping that was settled once is settled the same again', async () => {
    const { mapping } = await understandFile('ours_semicolon_decimal_comma.csv')
    const again = await understandFile('ours_semicolon_decimal_comma.csv', { mapping })
    expect(again.mapping).toEqual(mapping)
  })
})

describe('refuses', () => {
  const REFUSED: readonly (readonly [why: string, text: string, code: string, says: RegExp])[] = [
    ['an empty file', '', 'file_empty', /is empty/],
    ['blank lines', '\n,,\n', 'file_empty', /is empty/],
    [
      'a file without a header',
      'A-1,C-1,Ann,S-1,Tea,2,4.5,EUR\n',
      'no_header',
      /Found: A-1, C-1, Ann.*Expected: order_id/,
    ],
    [
      'a misspelt column',
      'order_id,product_sku,quantitty,unit_price,order_date\n',
      'columns_missing',
      /lacks the column quantity/,
    ],
    ['the same column twice', 'Order,SKU,Qty,Qty,Price,Date\n', 'column_twice', /more than one column named Qty/],
    ['two times', 'Order,SKU,Qty,Price,Date,Time,Time\n1,A,1,2,2025-03-14,08:00,09:00\n', 'column_twice', /named Time/],
    ['two prices', 'Order,SKU,Qty,Price EUR,Price USD,Date\n', 'column_twice', /Price EUR and Price USD/],
    [
      'ids that a spreadsheet has rounded',
      'Order,SKU,Qty,Price,Date\n6.20012E+12,A,1,2,2025-01-31\n',
      'damaged_ids',
      /Order in line 2/,
    ],
    [
      'order heads',
      'Order Number,Date,Email,Grand Total\n12,2025-03-14,a@b.de,35\n',
      'not_orders',
      /one line per order.*Grand Total/,
    ],
    ['payments', 'Transaction ID,Date,Gross,Fee,Net\n12,2025-03-14,35,1,34\n', 'not_orders', /payments.*no products/],
    [
      'items in one cell',
      'Order,Date,Total,Items\n1,2025-03-14,9,"2 x Tea, 1 x Cup"\n',
      'not_orders',
      /all items of an order/,
    ],
    [
      'items with their quantities in one cell',
      'Order,Date,Items\n1,2025-03-14,"SKU: A, Qty: 2"\n',
      'not_orders',
      /Items/,
    ],
    ['a summary by product', 'Product,SKU,Quantity sold,Net sales,Orders\nTea,T,12,54,9\n', 'not_orders', /by product/],
    ['a list of products', 'SKU,Title,Price,Stock\nT,Tea,4.50,12\n', 'not_orders', /list of products/],
    ['a list of customers', 'Customer ID,Email,Total spent\n1,a@b.de,35\n', 'not_orders', /list of customers/],
    [
      'a Shopify export without prices',
      'Name,Lineitem name,Lineitem quantity,Created at\n',
      'columns_missing',
      /the preset shopify needs: "Lineitem price"/,
    ],
  ]
  test.for(REFUSED)('%s', async ([, text, code, says]) => {
    await expect(understandText(text)).rejects.toMatchObject({ exit: 2, code, message: expect.stringMatching(says) })
  })

  test('a column twice only if it is used', async () => {
    const { mapping } = await understandText('Order,SKU,Qty,Price,Date,Note,Note,,\n')
    expect(mapping.columns.order_id).toEqual(['Order'])
  })
})

test('a damaged file is understood or refused, never a crash', async () => {
  const texts = ENTRIES.filter(({ file }) => !/\.(gz|xlsx)$/.test(file)).map(({ file }) => {
    return readFileSync(join(FOLDER, file), 'latin1').slice(0, 4_000)
  })
  const text = fc.constantFrom(...texts)
  const edit = fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    cut: fc.integer({ min: 0, max: 40 }),
    put: fc.constantFrom('', ',', ';', '\t', '"', '\n', '\r', '|', 'item.', 'Order', '[{"', '\u00e9', '9'.repeat(50)),
  })
  await fc.assert(
    fc.asyncProperty(text, fc.array(edit, { minLength: 1, maxLength: 8 }), async (text, edits) => {
      const damaged = edits.reduce((text, { at, cut, put }) => {
        const start = Math.floor(at * text.length)
        return text.slice(0, start) + put + text.slice(start + cut)
      }, text)
      const outcome = await understandText(damaged).catch((error: unknown) => error)
      expect(
        outcome instanceof UserError || (outcome !== null && typeof outcome === 'object' && 'mapping' in outcome),
      ).toBe(true)
    }),
    { numRuns: 300 },
  )
})
