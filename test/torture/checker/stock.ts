// Checks stock: adjustments minus what completed orders took, and each adjustment against its cause.
import { parse } from 'csv-parse/sync'
import { figure, text } from '../tables.js'
import { differences, type ShopState, type StoredOrder, sums } from './shop-state.js'

/** An adjustment that a person asked for under a reason of its own. */
export interface AskedAdjustment {
  readonly sku: string
  readonly delta: bigint
  readonly reason: string
  /** Whether the command said that it was booked. */
  readonly isConfirmed: boolean
}

export function* checkStock(state: ShopState, catalogue: string, asked: readonly AskedAdjustment[]): Generator<string> {
  const skuOf = (id: string) => state.skuOf.get(id) ?? `product ${id}`
  const adjustments = state.rows('stock_adjustments').map((row) => ({
    sku: skuOf(text(row, 'product_id')),
    delta: figure(row, 'delta'),
    reason: text(row, 'reason'),
  }))
  const sold = sums(
    state.orders.filter(({ status }) => status === 'completed').flatMap(({ lines }) => lines),
    ({ sku }) => sku,
    ({ quantity }) => quantity,
  )
  const added = sums(
    adjustments,
    ({ sku }) => sku,
    ({ delta }) => delta,
  )
  for (const row of state.rows('products')) {
    const sku = text(row, 'sku')
    const expected = (added.get(sku) ?? 0n) - (sold.get(sku) ?? 0n)
    if (figure(row, 'on_hand') !== expected) yield `${sku} has ${row['on_hand']} units on hand, expected ${expected}`
    if (figure(row, 'on_hand') < 0n) yield `${sku} has ${row['on_hand']} units on hand`
    if (row['reserved'] !== '0') yield `${sku} has ${row['reserved']} units reserved`
  }
  const askedReasons = new Set(asked.map(({ reason }) => reason))
  const own = adjustments.filter(({ reason }) => !askedReasons.has(reason))
  const keyOf = ({ sku, reason }: { sku: string; reason: string }) => `${sku}, ${reason}`
  const expected = [...initial(catalogue), ...restocked(state)]
  yield* differences(
    'adjustment',
    sums(expected, keyOf, ({ delta }) => delta),
    sums(own, keyOf, ({ delta }) => delta),
  )
  yield* checkAsked(adjustments, asked)
}

function initial(catalogue: string) {
  const rows: Record<string, string>[] = parse(catalogue, { columns: true })
  return rows.map(({ sku = '', stock = '0' }) => ({ sku, delta: BigInt(stock), reason: 'products import' }))
}

/** Orders whose refund puts their units back. */
function restocked(state: ShopState) {
  const orders = new Map<string, StoredOrder>(state.orders.map((order) => [order.id, order]))
  const rows = state.rows('refunds').filter((row) => row['status'] === 'refunded' && row['restock'] === '1')
  return rows.flatMap((row) => {
    const order = orders.get(text(row, 'order_id'))
    const reason = `refund of order ${order?.reference}`
    return (order?.lines ?? []).map(({ sku, quantity }) => ({ sku, delta: quantity, reason }))
  })
}

/** Booked once if the command said so, and at most once if it could not say. */
function* checkAsked(
  adjustments: readonly { sku: string; delta: bigint; reason: string }[],
  asked: readonly AskedAdjustment[],
): Generator<string> {
  for (const { sku, delta, reason, isConfirmed } of asked) {
    const booked = adjustments.filter((adjustment) => adjustment.reason === reason)
    if (booked.length > 1 || (isConfirmed && booked.length === 0))
      yield `the adjustment "${reason}" is booked ${booked.length} times${isConfirmed ? '' : ', its outcome unknown'}`
    if (booked.some((one) => one.sku !== sku || one.delta !== delta)) yield `the adjustment "${reason}" is not as asked`
  }
}
