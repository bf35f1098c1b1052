// A figure that is read again and again, at a bounded cost whatever the size of the database.

/** The pause after a read, as a multiple of its time: reading takes at most a tenth of a core. */
const PAUSE_PER_READ = 9

/** Reads, or gives the latest value during the pause. A read that failed is tried again at once. */
export function throttled<Value>(read: () => Promise<Value>): () => Promise<Value> {
  let latest: { readonly value: Value } | undefined
  let pausedUntil = 0
  return async () => {
    if (latest && performance.now() < pausedUntil) return latest.value
    const began = performance.now()
    latest = { value: await read() }
    const ended = performance.now()
    pausedUntil = ended + PAUSE_PER_READ * (ended - began)
    return latest.value
  }
}
