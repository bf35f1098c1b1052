// Compares the clocks of the processes that share a SQLite file, since leases in the file use each process's own clock.
// A process whose clock differs, as under faketime, would take leases that are still held, or leave due orders waiting.
import { uptime } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Kysely, sql } from 'kysely'
import type { WorkerId } from '../domain/ids.js'
import { UserError } from '../errors.js'
import { engineOf } from './engine.js'
import type { Schema } from './schema.js'

/**
 * Largest difference at which two clocks agree; leases last longer. Clocks are compared only if the uptimes differ by
 * no more than this: otherwise the worker is dead, or runs in a container that counts its own uptime.
 */
export const CLOCK_TOLERANCE_MS = 10_000

const CHECK_MS = 200

/**
 * Milliseconds since the machine was booted. All processes of a machine agree on it, whatever their clocks say. Stored
 * with the time, it shows how far two clocks are apart. Null on a server, whose own clock counts.
 */
export function uptimeFor(db: Kysely<Schema>): number | null {
  return engineOf(db) === 'sqlite' ? Math.round(uptime() * 1000) : null
}

/**
 * Call this before writing when orders fall due. Returns at once unless the clock seems to differ.
 *
 * @throws UserError if a live worker has another clock
 */
export async function agreeOnClock(db: Kysely<Schema>): Promise<void> {
  const watch = new ClockWatch(db)
  while (await watch.check()) await sleep(CHECK_MS)
}

/**
 * Compares this process's clock with the clocks of live workers. A difference counts only if the worker's next
 * heartbeat still has it. A clock change of the machine is in every worker's next heartbeat, so it stops none.
 */
export class ClockWatch {
  readonly #db: Kysely<Schema>
  readonly #self: { readonly id: WorkerId; readonly startedAt: number } | undefined
  /** Uptime at which the worker's clock was first seen to differ. */
  readonly #differs = new Map<WorkerId, number>()
  readonly #bootedAt = Date.now() - uptime() * 1000

  constructor(db: Kysely<Schema>, self?: { readonly id: WorkerId; readonly startedAt: number }) {
    this.#db = db
    this.#self = self
  }

  /**
   * @returns whether a clock seems to differ, so that the caller has to check again
   * @throws UserError if a clock differs and this process is the one that has to end
   */
  async check(): Promise<boolean> {
    const workers = await this.#readLive()
    const now = Date.now()
    const up = uptime() * 1000
    for (const worker of workers) {
      const ahead = now - up - (worker.last_seen - (worker.uptime_ms ?? 0))
      const since = this.#differs.get(worker.id)
      if (Math.abs(ahead) <= CLOCK_TOLERANCE_MS) this.#differs.delete(worker.id)
      else if (since === undefined) this.#differs.set(worker.id, up)
      else if ((worker.uptime_ms ?? 0) > since && this.#hasToEnd(worker, now - up)) {
        throw clockError(worker, ahead)
      }
    }
    return workers.some(({ id }) => this.#differs.has(id))
  }

  async #readLive() {
    const up = uptimeFor(this.#db)
    if (up === null) return []
    return this.#db
      .selectFrom('workers')
      .select(['id', 'host', 'pid', 'started_at', 'last_seen', 'uptime_ms'])
      .where('stopped_at', 'is', null)
      .where('id', '!=', this.#self?.id ?? ('' as string as WorkerId))
      .where('uptime_ms', '>=', up - CLOCK_TOLERANCE_MS)
      .where('uptime_ms', '<=', up + CHECK_MS)
      .execute()
  }

  /** The process whose own clock changed ends; otherwise the one that started later. Exactly one of the two ends. */
  #hasToEnd(other: { readonly id: WorkerId; readonly started_at: number }, booted: number): boolean {
    if (!this.#self || Math.abs(booted - this.#bootedAt) > CLOCK_TOLERANCE_MS) return true
    const { id, startedAt } = this.#self
    return startedAt > other.started_at || (startedAt === other.started_at && id > other.id)
  }
}

/** When a process last wrote something, by its own clock; 0 if none has. */
export async function newestEntry(db: Kysely<Schema>): Promise<number> {
  const entries = sql<{ at: number | null }>`
    select max(last_seen) as at from workers union all select max(started_at) from imports
    union all select max(started_at) from schedule_runs union all select max(period_end) from queue_snapshots`
  const { rows } = await entries.execute(db)
  return Math.max(...rows.map(({ at }) => at ?? 0))
}

function clockError({ pid, host }: { readonly pid: number; readonly host: string }, ahead: number): UserError {
  const apart = `${Math.round(Math.abs(ahead) / 1000)} s ${ahead > 0 ? 'ahead of' : 'behind'}`
  return new UserError({
    code: 'clocks_disagree',
    message: `The clock of this process (${new Date().toISOString()}) is ${apart} the clock of worker ${pid} on ${host}, which uses the same SQLite file. Leases use these clocks, so orders would be claimed twice or late.`,
    fix: 'Compare `date -u` in both environments. Check them for faketime (LD_PRELOAD) and preloaded modules (NODE_OPTIONS), and check that two machines do not share the file. Then start this process again.',
  })
}
