// Whether the processes of a SQLite file have the same clock. Its leases go by the clock of each process, and all of these
// run on one machine; one that is given another time takes orders that others have in hand, or waits for orders that are due.
import { uptime } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Kysely } from 'kysely'
import type { WorkerId } from '../domain/ids.js'
import { errorCode, UserError } from '../errors.js'
import { engineOf } from './engine.js'
import type { Schema } from './schema.js'

/**
 * Clocks that are no further apart agree; leases last longer. A worker is alive while its reading is no older: where
 * containers count their uptime each for itself, readings that look as fresh are no further apart than clocks may be.
 */
export const CLOCK_TOLERANCE_MS = 10_000

const LOOK_MS = 200

/**
 * Milliseconds since the machine was started: the same in all its processes, whatever date they are given. Written with
 * the time that it belongs to, it tells how far two clocks are apart. Null on a server, whose clock decides.
 */
export function uptimeFor(db: Kysely<Schema>): number | null {
  return engineOf(db) === 'sqlite' ? Math.round(uptime() * 1000) : null
}

/** Whether a process ends because its clock is not that of the others. */
export function isClockRefusal(error: unknown): boolean {
  return errorCode(error) === 'clocks_disagree'
}

/**
 * For processes that write when orders fall due, before they do. Takes no time, unless the clock seems to differ.
 *
 * @throws UserError where a live worker has another clock
 */
export async function agreeOnClock(db: Kysely<Schema>): Promise<void> {
  const watch = new ClockWatch(db)
  while (await watch.look()) await sleep(LOOK_MS)
}

/**
 * Compares clocks with those of live workers. A difference counts once the worker wrote it after it was first seen: a clock
 * that was set for the whole machine is in everyone's next heartbeat, and what is left of an earlier boot has none.
 */
export class ClockWatch {
  readonly #db: Kysely<Schema>
  readonly #self: { readonly id: WorkerId; readonly startedAt: number } | undefined
  /** By our uptime: when the worker's clock was first seen to differ. */
  readonly #differs = new Map<WorkerId, number>()
  readonly #bootedAt = bootedAt(Date.now(), uptime() * 1000)

  constructor(db: Kysely<Schema>, self?: { readonly id: WorkerId; readonly startedAt: number }) {
    this.#db = db
    this.#self = self
  }

  /**
   * @returns whether a clock seems to differ, so that it is to be looked at again
   * @throws UserError where it does, and it is this process that has to end
   */
  async look(): Promise<boolean> {
    const workers = await this.#readLive()
    const now = Date.now()
    const up = uptime() * 1000
    for (const worker of workers) {
      const ahead = bootedAt(now, up) - bootedAt(worker.last_seen, worker.uptime_ms ?? 0)
      const since = this.#differs.get(worker.id)
      if (Math.abs(ahead) <= CLOCK_TOLERANCE_MS) this.#differs.delete(worker.id)
      else if (since === undefined) this.#differs.set(worker.id, up)
      else if ((worker.uptime_ms ?? 0) > since && this.#hasToEnd(worker, bootedAt(now, up)))
        throw refusal(worker, ahead)
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

  /** Of two workers, the one whose clock was changed ends, or the one that started later; never neither. */
  #hasToEnd(other: { readonly id: WorkerId; readonly started_at: number }, booted: number): boolean {
    if (!this.#self || Math.abs(booted - this.#bootedAt) > CLOCK_TOLERANCE_MS) return true
    const { id, startedAt } = this.#self
    return startedAt > other.started_at || (startedAt === other.started_at && id > other.id)
  }
}

/** When anything was last written down, by the clock of whoever did; 0 where nothing was. */
export async function newestEntry(db: Kysely<Schema>): Promise<number> {
  const entries = await Promise.all([
    db
      .selectFrom('workers')
      .select((eb) => eb.fn.max<number | null>('last_seen').as('at'))
      .executeTakeFirst(),
    db
      .selectFrom('imports')
      .select((eb) => eb.fn.max<number | null>('started_at').as('at'))
      .executeTakeFirst(),
    db
      .selectFrom('schedule_runs')
      .select((eb) => eb.fn.max<number | null>('started_at').as('at'))
      .executeTakeFirst(),
    db
      .selectFrom('queue_snapshots')
      .select((eb) => eb.fn.max<number | null>('period_end').as('at'))
      .executeTakeFirst(),
  ])
  return Math.max(...entries.map((entry) => entry?.at ?? 0))
}

/** By the clock that the two were read from. */
function bootedAt(at: number, up: number): number {
  return at - up
}

function refusal({ pid, host }: { readonly pid: number; readonly host: string }, ahead: number): UserError {
  const apart = `${Math.round(Math.abs(ahead) / 1000)} s ${ahead > 0 ? 'ahead of' : 'behind'}`
  return new UserError({
    code: 'clocks_disagree',
    message: `The clock of this process (${new Date().toISOString()}) is ${apart} the clock of worker ${pid} on ${host}, which works on the same SQLite file. Leases go by these clocks, so orders would be taken twice or late.`,
    fix: 'Compare `date -u` where each of the two runs. Look for faketime (LD_PRELOAD) and preloaded modules (NODE_OPTIONS) in their environments, and for a file that two machines share; then start this one again.',
  })
}
