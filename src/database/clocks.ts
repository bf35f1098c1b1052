// Compares the clocks of the processes that share a SQLite file, since its leases use the clock of each process. A process
// with another clock, as under faketime, would take leases that are still held, or leave due orders waiting.
import { uptime } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Kysely, sql } from 'kysely'
import type { WorkerId } from '../domain/ids.js'
import { UserError } from '../errors.js'
import { engineOf } from './engine.js'
import type { Schema } from './schema.js'

/**
 * Clocks no further apart than this agree; leases last longer. Uptimes must be as close to be compared: an older one is of
 * a dead worker, or of a container that counts its own.
 */
export const CLOCK_TOLERANCE_MS = 10_000

const LOOK_MS = 200

/**
 * Milliseconds since the machine was booted, the same in all of its processes, whatever date they have. Stored next to the
 * time, it shows how far two clocks are apart. Null on a server, whose own clock counts.
 */
export function uptimeFor(db: Kysely<Schema>): number | null {
  return engineOf(db) === 'sqlite' ? Math.round(uptime() * 1000) : null
}

/**
 * For processes that write when orders fall due, before they do. Returns at once unless the clock seems to differ.
 *
 * @throws UserError if a live worker has another clock
 */
export async function agreeOnClock(db: Kysely<Schema>): Promise<void> {
  const watch = new ClockWatch(db)
  while (await watch.look()) await sleep(LOOK_MS)
}

/**
 * Compares the clock with those of live workers. A difference counts once the worker has written it after it was first
 * seen, so a clock change of the whole machine, which is in every next heartbeat, stops no worker.
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
   * @returns whether a clock seems to differ, so that the caller has to look again
   * @throws UserError if it does, and this process has to end
   */
  async look(): Promise<boolean> {
    const workers = await this.#readLive()
    const now = Date.now()
    const up = uptime() * 1000
    for (const worker of workers) {
      const ahead = now - up - (worker.last_seen - (worker.uptime_ms ?? 0))
      const since = this.#differs.get(worker.id)
      if (Math.abs(ahead) <= CLOCK_TOLERANCE_MS) this.#differs.delete(worker.id)
      else if (since === undefined) this.#differs.set(worker.id, up)
      else if ((worker.uptime_ms ?? 0) > since && this.#hasToEnd(worker, now - up)) {
        throw refusal(worker, ahead)
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
      .where('uptime_ms', '<=', up + LOOK_MS)
      .execute()
  }

  /** The worker whose clock was changed ends, or else the one that started later. One of the two always ends. */
  #hasToEnd(other: { readonly id: WorkerId; readonly started_at: number }, booted: number): boolean {
    if (!this.#self || Math.abs(booted - this.#bootedAt) > CLOCK_TOLERANCE_MS) return true
    const { id, startedAt } = this.#self
    return startedAt > other.started_at || (startedAt === other.started_at && id > other.id)
  }
}

/** When any process last wrote something, by its own clock; 0 if none has. */
export async function newestEntry(db: Kysely<Schema>): Promise<number> {
  const entries = sql<{ at: number | null }>`
    select max(last_seen) as at from workers union all select max(started_at) from imports
    union all select max(started_at) from schedule_runs union all select max(period_end) from queue_snapshots`
  const { rows } = await entries.execute(db)
  return Math.max(...rows.map(({ at }) => at ?? 0))
}

function refusal({ pid, host }: { readonly pid: number; readonly host: string }, ahead: number): UserError {
  const apart = `${Math.round(Math.abs(ahead) / 1000)} s ${ahead > 0 ? 'ahead of' : 'behind'}`
  return new UserError({
    code: 'clocks_disagree',
    message: `The clock of this process (${new Date().toISOString()}) is ${apart} the clock of worker ${pid} on ${host}, which works on the same SQLite file. Leases use these clocks, so orders would be claimed twice or late.`,
    fix: 'Compare `date -u` where each of them runs. Look for faketime (LD_PRELOAD) and preloaded modules (NODE_OPTIONS) in their environments, and for a file that two machines share; then start this one again.',
  })
}
