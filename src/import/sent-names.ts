// The names of customers that a run has brought to the writer. Most lines repeat them, and to look a customer up takes
// longer than to store a line.
import type { CustomerRow } from './chunk-rows.js'

/** Bounds the memory. */
const MAX_NAMES = 50_000

export class SentNames {
  readonly #names = new Map<string, string>()

  /** Returns whether the writer may not know the customer, or not by this name. */
  add({ customer_id, name }: CustomerRow): boolean {
    const sent = this.#names.get(customer_id)
    // A line without a name has the id in its place, which replaces no name.
    if (sent !== undefined && (name === sent || name === customer_id)) return false
    if (this.#names.size >= MAX_NAMES) this.#names.clear()
    this.#names.set(inOwnMemory(customer_id), inOwnMemory(name))
    return true
  }
}

/** Copies a text: it may be a slice, which keeps the whole text that it is part of in memory. */
function inOwnMemory(text: string): string {
  return Buffer.from(text).toString()
}
