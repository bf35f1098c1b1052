// Lists products and adjusts their stock by hand. A catalogue file changes many at once: catalogue.ts.
import type { Transaction } from 'kysely'
import type { Database } from '../database/connection.js'
import { forUpdate } from '../database/engine.js'
import type { Schema } from '../database/schema.js'
import { inSnapshot, inTransactionOnce } from '../database/transaction.js'
import { groupThousands } from '../domain/money.js'
import { nearest } from '../domain/nearest.js'
import { UserError, usageError } from '../errors.js'
import { reasonIn } from '../servers/recognise.js'

/** Most units of one product in stock; sums of many still fit. */
export const MAX_STOCK = 1_000_000_000

const MAX_REASON_LENGTH = 255

/**
 * Lists products by SKU. `available` is on_hand less reserved; `total` also counts products beyond the limit.
 *
 * @param low only products with so many units or fewer available, the scarcest first
 */
export function listProducts(db: Database, limit: number, low?: number) {
  return inSnapshot(db, async (trx) => {
    let matching = trx.selectFrom('products')
    if (low !== undefined) matching = matching.where((eb) => eb(eb('on_hand', '-', eb.ref('reserved')), '<=', low))
    const { total } = await matching.select((eb) => eb.fn.countAll<number>().as('total')).executeTakeFirstOrThrow()
    let listed = matching
      .select(['sku', 'name', 'on_hand', 'reserved'])
      .select((eb) => eb('on_hand', '-', eb.ref('reserved')).as('available'))
      .limit(limit)
    if (low !== undefined) listed = listed.orderBy('available')
    return { total, products: await listed.orderBy('sku').execute() }
  })
}

/**
 * Adds units to a product's stock or takes some away, and records why.
 *
 * @throws UserError if the product is unknown, if more would be taken than is available, or if the outcome of the commit is
 *   unknown: running it again might book it twice
 */
export async function adjustStock(db: Database, sku: string, delta: number, reason: string) {
  const why = reason.trim()
  if (why === '' || why.length > MAX_REASON_LENGTH) {
    throw usageError({
      code: 'bad_reason',
      message: why === '' ? 'The reason is empty.' : `The reason is longer than ${MAX_REASON_LENGTH} characters.`,
      fix: 'Say in a few words why the stock changes: --reason "stocktake".',
    })
  }
  const book = async (trx: Transaction<Schema>) => {
    const product = await forUpdate(
      trx,
      trx.selectFrom('products').selectAll().where('sku', '=', sku),
    ).executeTakeFirst()
    if (!product) throw await unknownProduct(trx, sku)
    const { id, name, on_hand, reserved } = product
    const after = on_hand + delta
    if (after < reserved) throw notEnough(sku, delta, on_hand, reserved)
    if (after > MAX_STOCK) {
      throw new UserError({
        code: 'too_much_stock',
        message: `${sku} would have ${groupThousands(after)} units, more than the ${groupThousands(MAX_STOCK)} that a product can have.`,
        fix: 'Add fewer.',
      })
    }
    // Without its import, it stays when that import is undone.
    await trx.updateTable('products').set({ on_hand: after, import_id: null }).where('id', '=', id).execute()
    await trx
      .insertInto('stock_adjustments')
      .values({ product_id: id, delta, reason: why, adjusted_at: Date.now() })
      .execute()
    return { sku, name, on_hand: after, reserved, available: after - reserved }
  }
  return inTransactionOnce(db, book, ({ on_hand }, cause) => maybeBooked(sku, delta, on_hand, cause))
}

/** Reads `5`, `+5` and `-5`; zero would change nothing. */
export function readDelta(text: string): number {
  const delta = /^[+-]?\d{1,10}$/.test(text) ? Number(text) : Number.NaN
  if (Math.abs(delta) >= 1 && Math.abs(delta) <= MAX_STOCK) return delta
  throw usageError({
    code: 'bad_delta',
    message: `"${text}" is no change of stock.`,
    fix: 'Write a whole number of units other than 0: 5 to add five, -5 to take five away.',
  })
}

function notEnough(sku: string, delta: number, onHand: number, reserved: number): UserError {
  const [available, units, held, wanted] = [onHand - reserved, onHand, reserved, -delta].map(groupThousands)
  return new UserError({
    code: 'not_enough_stock',
    message: `${sku} has ${available} units available (${units} on hand, ${held} reserved), so ${wanted} cannot be taken.`,
    fix: `Take fewer${reserved > 0 ? ', or wait until the orders that hold the rest are settled (orderctl work --drain)' : ''}.`,
  })
}

function maybeBooked(sku: string, delta: number, after: number, cause: unknown): UserError {
  return new UserError(
    {
      code: 'outcome_unknown',
      message: `The connection to the database was lost while the change of ${sku} by ${groupThousands(delta)} was committed (${reasonIn(cause)}), so nobody knows whether it was booked.`,
      fix:
        'Running it again might book it twice. Once the server is back, check first: `orderctl products list` shows ' +
        `${groupThousands(after)} units of ${sku} on hand with the change and ${groupThousands(after - delta)} without it, less what was sold since.`,
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
    message: `There is no product ${sku}.${meant ? ` Did you mean ${meant}?` : ''}`,
    fix: 'Run `orderctl products list` to see the products there are.',
  })
}
