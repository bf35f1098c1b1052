// Ids of different things, which the compiler keeps apart although all of them are numbers or strings at run time.

declare const kind: unique symbol
type Id<Base, Kind extends string> = Base & { readonly [kind]: Kind }

/** An order's key in the database; people know the order by its `OrderReference`. */
export type OrderId = Id<number, 'order'>
export type CustomerId = Id<number, 'customer'>
export type ProductId = Id<number, 'product'>
export type ImportId = Id<number, 'import'>

/** Names one batch in one worker's hand. Who does not hold the token may not settle its orders. */
export type LeaseToken = Id<string, 'lease'>
export type WorkerId = Id<string, 'worker'>

/** Names one attempt to charge one order. The gateway gives one key one answer, however often it is asked. */
export type IdempotencyKey = Id<string, 'idempotency key'>

/**
 * The key of an attempt: `source:reference:attempt`.
 *
 * It is made of what the shop calls the order, not of a row's number, so an order that is imported into a new database
 * after the old one was lost is charged under the same key, and the gateway takes the money once. A source holds no
 * colon, and the attempt is a number, so two orders never share a key.
 */
export function idempotencyKey(source: string, reference: string, attempt: number): IdempotencyKey {
  return `${source}:${reference}:${attempt}` as IdempotencyKey
}
