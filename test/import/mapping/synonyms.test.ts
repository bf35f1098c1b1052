// Names of columns: what they mean in each language, and what only looks like one.
import { expect, test } from 'vitest'
import { nameColumns } from '../../../src/import/mapping/name-columns.js'
import { normalName } from '../../../src/import/mapping/names.js'
import { SYNONYMS } from '../../../src/import/mapping/synonyms.js'

test('no name means two things', () => {
  const meanings = new Map<string, string>()
  const twice = Object.entries(SYNONYMS).flatMap(([meaning, names]) =>
    names.split(',').flatMap((name) => {
      const normal = normalName(name)
      const other = meanings.get(normal) ?? meaning
      meanings.set(normal, other)
      return other === meaning && normal !== '' ? [] : [`${name.trim()}: ${other} and ${meaning}`]
    }),
  )
  expect(twice).toEqual([])
})

/** The meaning of the only column with a meaning, and the currency in its name. */
function meaningOf(name: string): string | undefined {
  const [[meaning, columns] = []] = Object.entries(nameColumns([name]))
  const currency = columns?.[0]?.currency
  return meaning && (currency ? `${meaning} ${currency}` : meaning)
}

test.for([
  ['Order #', 'order_id'],
  ['orderNo.', 'order_id'],
  ['ORDERNUMBER', 'order_id'],
  ['Bestell-Nr.', 'order_id'],
  ['Nº de pedido', 'order_id'],
  ['N° de commande', 'order_id'],
  ['# de venta', 'order_id'],
  ['Numero d’ordine', 'order_id'],
  ['Bestelnummer', 'order_id'],
  ['KUNDENNUMMER', 'customer_key'],
  ['Correo electrónico', 'customer_email'],
  ['Email (Billing)', 'customer_email'],
  ['Artikel-Nr.', 'product_sku'],
  ['Désignation', 'product_name'],
  ['Título do anúncio', 'product_name'],
  ['Qté', 'quantity'],
  ['Stückzahl', 'quantity'],
  ['Q.tà', 'quantity'],
  ['Quantity refunded', 'returned_units'],
  ['qty_refunded', 'returned_units'],
  ['Lineitem returned quantity', 'returned_units'],
  ['Menge retourniert', 'returned_units'],
  ['UnitPrice', 'unit_price'],
  ['Einzelpreis (EUR)', 'unit_price EUR'],
  ['Preis €', 'unit_price EUR'],
  ['Price ($)', 'unit_price'],
  ['unit_price_gbp', 'unit_price GBP'],
  ['Precio unitario de venta de la publicación (ARS)', 'unit_price ARS'],
  ['Total in USD', 'any_total USD'],
  ['Order Lines/Quantity', 'quantity'],
  ['line_items.sku', 'product_sku'],
  ['Item Rate', 'unit_price'],
  ['Line total', 'line_total'],
  ['Valor total', 'any_total'],
  ['Währung', 'currency'],
  ['Fecha del pedido', 'order_date'],
  ['Stato ordine', 'status'],
] as const)('"%s" means %s', ([name, meaning]) => {
  expect(meaningOf(name)).toBe(meaning)
})

test.for([
  'customer_note',
  'cost_price',
  'unit_price_cents',
  'Price all',
  'Ship Date',
  'Row ID',
  'Line item ID',
  'order item id',
  'Listing ID',
  'Number of Items',
  'Total order quantity',
  'Order Total',
  'Tax 5%',
  'Item Cost',
  'Order (EUR)',
  '',
  '2025-03-14',
])('"%s" means nothing', (name) => {
  expect(meaningOf(name)).toBe(undefined)
})
