// Ids of different things, which the compiler keeps apart. At run time they are numbers or strings.

declare const kind: unique symbol
type Id<Base, Kind extends string> = Base & { readonly [kind]: Kind }

/** An order's key in the database; people know the order by its `OrderReference`. */
export type OrderId = Id<number, 'order'>
export type CustomerId = Id<number, 'customer'>
export type ProductId = Id<number, 'product'>
export type ImportId = Id<number, 'import'>

/** Names one batch that a worker has claimed. Only the holder of the token may settle its orders. */
export type LeaseToken = Id<string, 'lease'>
export type WorkerId = Id<string, 'worker'>

/** Names one attempt to charge one order. The gateway always gives the same answer for the same key. */
export type IdempotencyKey = Id<string, 'idempotency key'>

/**
 * The key of an attempt. It has the shop's name of the order and no row's number: if the order is imported again into a new
 * database, the gateway still takes the money once. A source has no colon, so two orders never share a key.
 */
export function idempotencyKey(source: string, reference: string, attempt: number): IdempotencyKey {
  return `${source}:${reference}:${attempt}` as IdempotencyKey
}
