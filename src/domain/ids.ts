// Branded id types, so that the compiler tells ids apart. At run time they are numbers or strings.

declare const kind: unique symbol
type Id<Base, Kind extends string> = Base & { readonly [kind]: Kind }

/** An order's key in the database. Users know the order by its reference. */
export type OrderId = Id<number, 'order'>
export type CustomerId = Id<number, 'customer'>
export type ProductId = Id<number, 'product'>
export type ImportId = Id<number, 'import'>

/** Identifies one batch that a worker has claimed. Only the holder of the token may settle its orders. */
export type LeaseToken = Id<string, 'lease'>
export type WorkerId = Id<string, 'worker'>

/** Identifies one attempt to charge one order. The gateway always returns the same outcome for the same key. */
export type IdempotencyKey = Id<string, 'idempotency key'>

/**
 * Returns the key of an attempt. It contains the order's source and reference instead of a database id, so an order
 * that is imported again into a new database is still charged once. A source has no colon, so keys are unique.
 */
export function idempotencyKey(source: string, reference: string, attempt: number): IdempotencyKey {
  return `${source}:${reference}:${attempt}` as IdempotencyKey
}

/** Returns the key of an order's refund. @param charge the key of the captured charge @param number from 1 */
export function refundKey(charge: IdempotencyKey, number: number): IdempotencyKey {
  return `${charge}:refund:${number}` as IdempotencyKey
}
