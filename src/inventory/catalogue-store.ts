// Stores a batch of catalogue rows as products and stock adjustments, in one transaction.
import type { Kysely } from 'kysely'
import { recordAction } from '../database/actions.js'
import type { Database } from '../database/connection.js'
import { forUpdate } from '../database/engine.js'
import { type Columns, packRows } from '../database/packed-rows.js'
import { rowSource } from '../database/row-source.js'
import type { Schema } from '../database/schema.js'
import { inTransaction } from '../database/transaction.js'
import { countOf } from '../terminal/text.js'
import type { CatalogueColumn, ProductRow, RejectedRow } from './catalogue-row.js'

type Product = Pick<Schema['products'], 'sku' | 'name' | 'unit_price' | 'currency' | 'on_hand'> & { reserved: number }

/** A product's new values. `delta` is the change of its stock. */
type ProductChange = Omit<Product, 'on_hand' | 'reserved'> & { readonly delta: number }

const CHANGE_COLUMNS = {
  sku: 'text',
  name: 'text',
  unit_price: 'integer',
  currency: 'text',
  delta: 'integer',
} as const satisfies Columns<ProductChange>

/** Stores the rows that are valid for their stored products. @param rows each SKU at most once */
export function storeProducts(db: Database, rows: readonly ProductRow[]) {
  return inTransaction(db, async (trx) => {
    const products = await readProducts(trx, rows)
    const created: ProductChange[] = []
    const kept: ProductChange[] = []
    const rejected: RejectedRow[] = []
    let updated = 0
    for (const row of rows) {
      const product = products.get(row.sku)
      const [column, fault] = findFault(row, product) ?? []
      const change = changeTo(row, product)
      if (column) rejected.push({ line: row.line, column, reason: `${column} ${fault}` })
      else if (product) {
        kept.push(change)
        const hasChanged = (['name', 'unit_price', 'currency'] as const).some((name) => change[name] !== product[name])
        if (hasChanged || change.delta !== 0) updated += 1
      } else created.push(change)
    }
    await createProducts(trx, created)
    await updateProducts(trx, kept)
    // A new product's first adjustment is its initial stock, even if that is 0.
    await recordAdjustments(trx, [...created, ...kept.filter((change) => change.delta !== 0)])
    const changed = created.length + updated
    const details = `${created.length} created, ${updated} updated`
    if (changed > 0) {
      await recordAction(trx, { command: 'products import', subject: countOf(changed, 'product'), details })
    }
    return { created: created.length, updated, unchanged: kept.length - updated, rejected }
  })
}

/** Reads the stored products. Locks them by id, the order in which every transaction locks several products. */
async function readProducts(db: Kysely<Schema>, rows: readonly ProductRow[]): Promise<Map<string, Product>> {
  const skus = packRows({ sku: 'text' }, rows)
  const products = await forUpdate(
    db,
    db
      .selectFrom('products')
      .where('sku', 'in', (eb) => eb.selectFrom(rowSource(db, 'requested', skus)).select('requested.sku'))
      .orderBy('id')
      .select(['sku', 'name', 'unit_price', 'currency', 'on_hand', 'reserved']),
  ).execute()
  return new Map(products.map((product) => [product.sku, product]))
}

/** Returns the invalid column and the reason, for faults that depend on the stored product. */
function findFault(row: ProductRow, product: Product | undefined): [CatalogueColumn, string] | undefined {
  const { name, unitPrice, currency, stock } = row
  if (!product && name === null) return ['name', 'is empty, but a new product needs a name']
  if (unitPrice !== null && currency === null && !product?.currency)
    return ['currency', 'is empty, but a price needs a currency']
  if (unitPrice === null && currency !== null && currency !== (product?.currency ?? null)) {
    return ['price', `is empty, but the currency changes to ${currency}`]
  }
  if (product && stock !== null && stock < product.reserved) {
    return ['stock', `is ${stock}, less than the ${countOf(product.reserved, 'unit')} reserved by open orders`]
  }
  return undefined
}

function changeTo({ sku, name, unitPrice, currency, stock }: ProductRow, product?: Product): ProductChange {
  const onHand = product?.on_hand ?? 0
  return {
    sku,
    name: name ?? product?.name ?? sku,
    unit_price: unitPrice ?? product?.unit_price ?? null,
    currency: currency ?? product?.currency ?? null,
    delta: (stock ?? onHand) - onHand,
  }
}

/** Row source of the changes, with columns in the order of CHANGE_COLUMNS. */
const changesIn = (db: Kysely<Schema>, changes: readonly ProductChange[]) =>
  rowSource(db, 'change', packRows(CHANGE_COLUMNS, changes))

async function createProducts(db: Kysely<Schema>, changes: readonly ProductChange[]): Promise<void> {
  await db
    .insertInto('products')
    .columns(['sku', 'name', 'unit_price', 'currency', 'on_hand'])
    .expression(db.selectFrom(changesIn(db, changes)).selectAll())
    .execute()
}

/** Updates the products. Clears import_id, so that undoing the import that created them keeps them. */
async function updateProducts(db: Kysely<Schema>, changes: readonly ProductChange[]): Promise<void> {
  await db
    .updateTable('products')
    .from(changesIn(db, changes))
    .set((eb) => ({
      name: eb.ref('change.name'),
      unit_price: eb.ref('change.unit_price'),
      currency: eb.ref('change.currency'),
      on_hand: eb('products.on_hand', '+', eb.ref('change.delta')),
      import_id: null,
    }))
    .whereRef('products.sku', '=', 'change.sku')
    .execute()
}

async function recordAdjustments(db: Kysely<Schema>, changes: readonly ProductChange[]): Promise<void> {
  const adjustments = db
    .selectFrom(changesIn(db, changes))
    .innerJoin('products', 'products.sku', 'change.sku')
    .select((eb) => ['products.id', 'change.delta', eb.val('products import').as('reason')])
    .select((eb) => eb.val(Date.now()).as('adjusted_at'))
  await db
    .insertInto('stock_adjustments')
    .columns(['product_id', 'delta', 'reason', 'adjusted_at'])
    .expression(adjustments)
    .execute()
}
