// How long a worker's batches took, by minute: counted in memory, and written with the worker's heartbeat.
import type { Kysely } from 'kysely'
import type { Schema } from '../database/schema.js'
import { bucketOf } from '../domain/histogram.js'
import type { WorkerId } from '../domain/ids.js'
import { MINUTE_MS, startOf } from '../domain/time.js'

/** What one worker counted in one minute and bucket, in full: writing it twice changes nothing. */
interface CountedRuntimes {
  readonly minute: number
  readonly bucket: number
  readonly batches: number
}

interface Unwritten {
  readonly counted: number
  readonly minute: number
  readonly rows: readonly CountedRuntimes[]
}

export class BatchRuntimes {
  readonly #minutes = new Map<number, Map<number, number>>()
  #minute = 0
  #counted = 0
  #written = 0

  /** @param now epoch milliseconds: when the batch ended */
  count(ms: number, now = Date.now()): void {
    // A clock that was put back must not reopen a minute that was written and forgotten.
    this.#minute = Math.max(this.#minute, startOf(now, MINUTE_MS))
    const buckets = this.#minutes.get(this.#minute) ?? new Map<number, number>()
    const bucket = bucketOf(ms)
    buckets.set(bucket, (buckets.get(bucket) ?? 0) + 1)
    this.#minutes.set(this.#minute, buckets)
    this.#counted += 1
  }

  /** Every minute that something was added to since it was last written. */
  unwritten(): Unwritten {
    const isWritten = this.#counted === this.#written
    const rows = [...this.#minutes].flatMap(([minute, buckets]) =>
      [...buckets].map(([bucket, batches]) => ({ minute, bucket, batches })),
    )
    return { counted: this.#counted, minute: this.#minute, rows: isWritten ? [] : rows }
  }

  /** What was written need not be kept, save the minute that may still grow. */
  forget({ counted, minute }: Unwritten): void {
    this.#written = counted
    for (const past of this.#minutes.keys()) if (past < minute) this.#minutes.delete(past)
  }
}

/** Puts these in the place of what the worker wrote of the same minutes before; within a transaction. */
export async function writeRuntimes(
  trx: Kysely<Schema>,
  worker: WorkerId,
  rows: readonly CountedRuntimes[],
): Promise<void> {
  if (rows.length === 0) return
  const minutes = new Set(rows.map((row) => row.minute))
  await trx
    .deleteFrom('batch_runtimes')
    .where('minute', 'in', [...minutes])
    .where('worker_id', '=', worker)
    .execute()
  await trx
    .insertInto('batch_runtimes')
    .values(rows.map((row) => ({ ...row, worker_id: worker })))
    .execute()
}
