// Lists products and adjusts their stock manually. See catalogue.ts for changes from a file.
import type { Transaction } from 'kysely'
import { recordAction } from '../database/actions.js'
import type { Database } from '../database/connection.js'
import { countRows } from '../database/count-rows.js'
import { forUpdate } from '../database/engine.js'
import type { Schema } from '../database/schema.js'
import { inSnapshot, inTransaction, inTransactionOnce } from '../database/transaction.js'
import { groupThousands } from '../domain/money.js'
import { nearest } from '../domain/nearest.js'
import { UserError, usageError } from '../errors.js'
import { reasonIn } from '../servers/recognise.js'
import { countOf } from '../terminal/text.js'

/** Maximum units of one product in stock. Sums over many products stay exact. */
export const MAX_STOCK = 1_000_000_000

const MAX_REASON_LENGTH = 255

/**
 * Lists products by SKU. `available` is on_hand minus reserved. `total` also counts products beyond the limit.
 *
 * @param low lists only products with at most this many units available, lowest first
 */
export function listProducts(db: Database, limit: number, low?: number) {
  return inSnapshot(db, async (trx) => {
    let matching = trx.selectFrom('products')
    if (low !== undefined) matching = matching.where((eb) => eb(eb('on_hand', '-', eb.ref('reserved')), '<=', low))
    const total = await countRows(matching)
    let listed = matching
      .select(['sku', 'name', 'on_hand', 'reserved'])
      .select((eb) => eb('on_hand', '-', eb.ref('reserved')).as('available'))
      .limit(limit)
    if (low !== undefined) listed = listed.orderBy('available')
    return { total, products: await listed.orderBy('sku').execute() }
  })
}

/** Units to add or remove, or the units that a count found. */
export type StockChange = { readonly delta: number } | { readonly onHand: number }

/**
 * Adds units to a product's stock, removes some, or sets what a count found, and records who did it and why. Records
 * nothing if the stock stays as it is.
 *
 * @returns the stock after the change; `delta` is the number of units added
 * @throws UserError if the product is unknown, if reserved units would be removed, or if the outcome of the commit of a
 *   `delta` is unknown (running it again might apply the change twice)
 */
export async function adjustStock(db: Database, sku: string, change: StockChange, reason: string) {
  const why = reason.trim()
  if (why === '' || why.length > MAX_REASON_LENGTH) {
    throw usageError({
      code: 'bad_reason',
      message: why === '' ? 'The reason is empty.' : `The reason is longer than ${MAX_REASON_LENGTH} characters.`,
      fix: 'Give a short reason for the change: --reason "stocktake".',
    })
  }
  const record = async (trx: Transaction<Schema>) => {
    const product = await forUpdate(
      trx,
      trx.selectFrom('products').selectAll().where('sku', '=', sku),
    ).executeTakeFirst()
    if (!product) throw await unknownProduct(trx, sku)
    const { id, name, on_hand, reserved } = product
    const delta = 'delta' in change ? change.delta : change.onHand - on_hand
    const after = on_hand + delta
    if (after < reserved) throw notEnough(sku, delta, on_hand, reserved)
    if (after > MAX_STOCK) {
      throw new UserError({
        code: 'too_much_stock',
        message: `${sku} would have ${countOf(after, 'unit')}; the maximum is ${groupThousands(MAX_STOCK)}.`,
        fix: 'Add fewer units.',
      })
    }
    // Clears import_id, so that undoing the import that created the product keeps it.
    await trx.updateTable('products').set({ on_hand: after, import_id: null }).where('id', '=', id).execute()
    if (delta !== 0) {
      const adjustment = { product_id: id, delta, reason: why, adjusted_at: Date.now() }
      await trx.insertInto('stock_adjustments').values(adjustment).execute()
      const details = `${signed(delta)}, ${groupThousands(after)} on hand`
      await recordAction(trx, { command: 'products adjust', subject: sku, reason: why, details })
    }
    return { sku, name, delta, on_hand: after, reserved, available: after - reserved }
  }
  // After a lost connection, a count can be set again.
  if ('onHand' in change) return inTransaction(db, record)
  return inTransactionOnce(db, record, ({ on_hand }, cause) => outcomeUnknown(sku, change.delta, on_hand, cause))
}

function signed(delta: number): string {
  return `${delta > 0 ? '+' : ''}${groupThousands(delta)}`
}

/** Parses `5`, `+5` or `-5`. Rejects zero. */
export function readDelta(text: string): number {
  const delta = /^[+-]?\d{1,10}$/.test(text) ? Number(text) : Number.NaN
  if (Math.abs(delta) >= 1 && Math.abs(delta) <= MAX_STOCK) return delta
  throw usageError({
    code: 'bad_delta',
    message: `Stock change "${text}" is invalid; expected a whole number other than 0.`,
    fix: 'Pass 5 to add five units, or -5 to remove five.',
  })
}

/** Parses the result of a count, from 0. */
export function readCount(text: string): number {
  const units = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN
  if (units <= MAX_STOCK) return units
  throw usageError({
    code: 'bad_count',
    message: `--set "${text}" is invalid; expected a whole number from 0 to ${groupThousands(MAX_STOCK)}.`,
    fix: 'Pass the number of units that you counted, including reserved ones.',
  })
}

function notEnough(sku: string, delta: number, onHand: number, reserved: number): UserError {
  const [units, held, wanted] = [onHand, reserved, -delta].map(groupThousands)
  return new UserError({
    code: 'not_enough_stock',
    message: `${sku} has ${countOf(onHand - reserved, 'unit')} available (${units} on hand, ${held} reserved), so ${wanted} cannot be removed.`,
    fix: `Remove fewer units${reserved > 0 ? ', or settle the orders that reserve the rest first: `orderctl work --drain`' : ''}.`,
  })
}

function outcomeUnknown(sku: string, delta: number, after: number, cause: unknown): UserError {
  return new UserError(
    {
      code: 'outcome_unknown',
      message: `The connection to the database was lost while the change of ${sku} by ${groupThousands(delta)} was committed (${reasonIn(cause)}). It may or may not have been applied.`,
      fix:
        'Running it again might apply it twice. Once the server is back, check first: `orderctl products list` shows ' +
        `${countOf(after, 'unit')} of ${sku} on hand with the change and ${groupThousands(after - delta)} without it, minus what was sold since.`,
    },
    { cause },
  )
}

async function unknownProduct(db: Database, sku: string): Promise<UserError> {
  const products = await db.selectFrom('products').select('sku').orderBy('sku').limit(10_000).execute()
  const skus = products.map((product) => product.sku)
  const meant = nearest(sku, skus)
  return new UserError({
    code: 'unknown_product',
    message: `Product ${sku} does not exist.${meant ? ` Did you mean ${meant}?` : ''}`,
    fix: 'List all products with `orderctl products list`.',
  })
}
