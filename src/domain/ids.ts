// Branded id types, so that the compiler tells ids apart. At run time they are numbers or strings.

declare const kind: unique symbol
type Id<Base, Kind extends string> = Base & { readonly [kind]: Kind }

/** An order's key in the database. Users know the order by its reference. */
export type OrderId = Id<number, 'order'>
export type CustomerId = Id<number, 'customer'>
export type ProductId = Id<number, 'product'>
export type ImportId = Id<number, 'import'>
export type ArchiveId = Id<number, 'archive'>

/** Identifies one batch that a worker has claimed. Only the holder of the token may settle its orders. */
export type LeaseToken = Id<string, 'lease'>
export type WorkerId = Id<string, 'worker'>

/** Identifies a database among all that ask the same gateway: 12 random letters and digits. See database/shop.ts. */
export type ShopId = Id<string, 'shop'>

/** Identifies one attempt to charge one order, or one refund. The gateway returns the same outcome for the same key. */
export type IdempotencyKey = Id<string, 'idempotency key'>

/**
 * Returns the key of an attempt to charge. Neither a shop nor a source has a colon, so keys are unique. The longest has
 * 189 characters, and that of a refund 200.
 */
export function idempotencyKey(shop: ShopId, source: string, reference: string, attempt: number): IdempotencyKey {
  return `${shop}:${source}:${reference}:${attempt}` as IdempotencyKey
}

/** Returns the key without its shop: the same for the same order in each database. */
export function withoutShop(key: IdempotencyKey): string {
  return key.slice(key.indexOf(':') + 1)
}

/**
 * Returns the key of an order's refund. Its last part is no number, so it is never the key of a charge, whatever the
 * reference ends in. A copy of a database with a shop of its own asks for the refund of the original's charge under the
 * same key as the original.
 *
 * @param charge the stored key of the captured charge
 * @param number from 1
 */
export function refundKey(charge: IdempotencyKey, number: number): IdempotencyKey {
  return `${charge}:refund-${number}` as IdempotencyKey
}

const LONGEST_REFERENCE = 255

/** Whether a text can be a gateway's reference: it fits its column, and PostgreSQL stores no NUL. */
export function isReference(text: string): boolean {
  return text !== '' && text.length <= LONGEST_REFERENCE && !/\p{Cc}/u.test(text)
}
