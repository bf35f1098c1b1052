// A batch of catalogue rows -> products and their stock adjustments, in one transaction.

import type { Kysely } from 'kysely'
import type { Database } from '../database/connection.js'
import { forUpdate } from '../database/engine.js'
import { type Columns, packRows } from '../database/packed-rows.js'
import { rowSource } from '../database/row-source.js'
import type { Schema } from '../database/schema.js'
import { inTransaction } from '../database/transaction.js'
import type { Currency } from '../domain/money.js'
import type { CatalogueColumn, ProductRow } from './catalogue-row.js'

const REASON = 'products import'

export interface StoredProducts {
  readonly created: number
  readonly updated: number
  readonly unchanged: number
  readonly rejected: readonly RejectedProduct[]
}

interface RejectedProduct {
  readonly line: number
  readonly column: CatalogueColumn
  readonly reason: string
}

interface Product {
  readonly sku: string
  readonly name: string
  readonly unit_price: number | null
  readonly currency: Currency | null
  readonly on_hand: number
  readonly reserved: number
}

/** What a product becomes; `delta` is what its stock changes by. */
interface ProductChange {
  readonly sku: string
  readonly name: string
  readonly unit_price: number | null
  readonly currency: Currency | null
  readonly delta: number
}

const CHANGE_COLUMNS = {
  sku: 'text',
  name: 'text',
  unit_price: 'integer',
  currency: 'text',
  delta: 'integer',
} as const satisfies Columns<ProductChange>

/** @param rows no SKU twice */
export async function storeProducts(db: Database, rows: readonly ProductRow[]): Promise<StoredProducts> {
  return inTransaction(db, async (trx) => {
    const products = await readProducts(trx, rows)
    const created: ProductChange[] = []
    const updated: ProductChange[] = []
    const rejected: RejectedProduct[] = []
    for (const row of rows) {
      const product = products.get(row.sku)
      const fault = findFault(row, product)
      if (fault) rejected.push(fault)
      else if (!product) created.push(newProduct(row))
      else {
        const change = changeProduct(row, product)
        if (isChange(change, product)) updated.push(change)
      }
    }
    await createProducts(trx, created)
    await adoptProducts(trx, rows)
    await updateProducts(trx, updated)
    // A new product's first adjustment is its first stock, be it none.
    await recordAdjustments(trx, [...created, ...updated.filter((change) => change.delta !== 0)])
    return {
      created: created.length,
      updated: updated.length,
      unchanged: rows.length - created.length - updated.length - rejected.length,
      rejected,
    }
  })
}

/** Locked in id order, as by every transaction that changes several products. */
async function readProducts(db: Kysely<Schema>, rows: readonly ProductRow[]): Promise<Map<string, Product>> {
  const skus = packRows({ sku: 'text' }, rows)
  const products = await forUpdate(
    db,
    db
      .selectFrom('products')
      .where('sku', 'in', (eb) => eb.selectFrom(rowSource(db, 'asked', skus)).select('asked.sku'))
      .orderBy('id')
      .select(['sku', 'name', 'unit_price', 'currency', 'on_hand', 'reserved']),
  ).execute()
  return new Map(products.map((product) => [product.sku, product]))
}

/** What only a look at the product shows. */
function findFault(row: ProductRow, product: Product | undefined): RejectedProduct | undefined {
  const { line, name, unitPrice, currency, stock } = row
  if (!product && name === null) return { line, column: 'name', reason: 'name is empty: a new product needs one' }
  if (unitPrice !== null && currency === null && !product?.currency) {
    return { line, column: 'currency', reason: 'currency is empty: a price needs one' }
  }
  if (unitPrice === null && currency !== null && currency !== (product?.currency ?? null)) {
    return { line, column: 'price', reason: `price is empty: what it is in ${currency} is not known` }
  }
  if (product && stock !== null && stock < product.reserved) {
    const reason = `stock is ${stock}, less than the ${product.reserved} units that open orders hold`
    return { line, column: 'stock', reason }
  }
  return undefined
}

function newProduct({ sku, name, unitPrice, currency, stock }: ProductRow): ProductChange {
  return { sku, name: name ?? sku, unit_price: unitPrice, currency, delta: stock ?? 0 }
}

function changeProduct({ sku, name, unitPrice, currency, stock }: ProductRow, product: Product): ProductChange {
  return {
    sku,
    name: name ?? product.name,
    unit_price: unitPrice ?? product.unit_price,
    currency: currency ?? product.currency,
    delta: stock === null ? 0 : stock - product.on_hand,
  }
}

function isChange(change: ProductChange, product: Product): boolean {
  return (
    change.delta !== 0 ||
    change.name !== product.name ||
    change.unit_price !== product.unit_price ||
    change.currency !== product.currency
  )
}

async function createProducts(db: Kysely<Schema>, changes: readonly ProductChange[]): Promise<void> {
  if (changes.length === 0) return
  await db
    .insertInto('products')
    .columns(['sku', 'name', 'unit_price', 'currency', 'on_hand'])
    .expression((eb) =>
      eb
        .selectFrom(rowSource(db, 'change', packRows(CHANGE_COLUMNS, changes)))
        .select(['change.sku', 'change.name', 'change.unit_price', 'change.currency', 'change.delta']),
    )
    .execute()
}

/** Products that an import created stay when that import is undone, now that the catalogue has them. */
async function adoptProducts(db: Kysely<Schema>, rows: readonly ProductRow[]): Promise<void> {
  await db
    .updateTable('products')
    .from(rowSource(db, 'named', packRows({ sku: 'text' }, rows)))
    .set({ import_id: null })
    .whereRef('products.sku', '=', 'named.sku')
    .where('products.import_id', 'is not', null)
    .execute()
}

async function updateProducts(db: Kysely<Schema>, changes: readonly ProductChange[]): Promise<void> {
  if (changes.length === 0) return
  await db
    .updateTable('products')
    .from(rowSource(db, 'change', packRows(CHANGE_COLUMNS, changes)))
    .set((eb) => ({
      name: eb.ref('change.name'),
      unit_price: eb.ref('change.unit_price'),
      currency: eb.ref('change.currency'),
      on_hand: eb('products.on_hand', '+', eb.ref('change.delta')),
    }))
    .whereRef('products.sku', '=', 'change.sku')
    .execute()
}

async function recordAdjustments(db: Kysely<Schema>, changes: readonly ProductChange[]): Promise<void> {
  if (changes.length === 0) return
  const adjustedAt = Date.now()
  await db
    .insertInto('stock_adjustments')
    .columns(['product_id', 'delta', 'reason', 'adjusted_at'])
    .expression((eb) =>
      eb
        .selectFrom(rowSource(db, 'change', packRows(CHANGE_COLUMNS, changes)))
        .innerJoin('products', 'products.sku', 'change.sku')
        .select((one) => [
          'products.id',
          'change.delta',
          one.val(REASON).as('reason'),
          one.val(adjustedAt).as('adjusted_at'),
        ]),
    )
    .execute()
}
