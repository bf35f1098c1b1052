// A database server that goes away while a worker is at work: nothing is lost, so the worker waits for it and goes on.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Config } from '../config.js'
import { explainDatabaseError } from '../database/connection.js'
import { databaseTime } from '../database/engine.js'
import type { Kysely } from '../database/kysely.js'
import type { Schema } from '../database/schema.js'
import { DATABASE } from '../database/server-problems.js'
import { EXIT, UserError } from '../errors.js'
import type { ConsumeOptions } from '../queue/queue.js'

/** How soon a server that was away is asked again, in milliseconds; twice as long after each failure. */
const FIRST_PAUSE_MS = 500
const LONGEST_PAUSE_MS = 8000

/** Who has worked for so long is told to be back: a server that takes no changes still answers questions. */
const BACK_MS = 2000

/** Who has worked for so long since then has come through the last outage. */
const SOUND_MS = 30_000

interface Surroundings {
  readonly db: Kysely<Schema>
  readonly config: Pick<Config, 'database'>
  readonly signal: AbortSignal
  readonly onNotice: ConsumeOptions['onNotice']
}

/**
 * Consumes until the end, beginning again where the database, or the queue's server, went away in between. What was in
 * hand then is claimed anew when its lease ends, and charged under the same keys.
 *
 * @param consume resolves at the end; rejects at the first error
 */
export async function throughOutages(
  { db, config, signal, onNotice }: Surroundings,
  consume: () => Promise<void>,
): Promise<void> {
  let pause = FIRST_PAUSE_MS
  let told: string | undefined
  const tellBack = () => {
    if (told && !signal.aborted) onNotice(`The ${isOfDatabase(told) ? 'database' : 'queue'} is back.`, 'server_back')
    told = undefined
  }
  for (;;) {
    const began = performance.now()
    const working = setTimeout(tellBack, BACK_MS)
    try {
      await consume()
      return tellBack()
    } catch (error) {
      const away = outageIn(error, config.database)
      if (!away) throw error
      if (performance.now() - began > SOUND_MS) pause = FIRST_PAUSE_MS
      if (told !== away.code) onNotice(`${away.message} Waiting for it.`, 'server_away')
      told = away.code
    } finally {
      clearTimeout(working)
    }
    do {
      if (signal.aborted) return
      await sleep(pause, undefined, { signal }).catch(() => undefined)
      pause = Math.min(2 * pause, LONGEST_PAUSE_MS)
    } while (!(await answers(db)))
  }
}

function isOfDatabase(code: string): boolean {
  return Object.values(DATABASE.codes).includes(code)
}

function outageIn(error: unknown, database: Config['database']): UserError | undefined {
  const problem = error instanceof UserError ? error : explainDatabaseError(error, database)
  return problem?.exit === EXIT.unreachable ? problem : undefined
}

async function answers(db: Kysely<Schema>): Promise<boolean> {
  try {
    await databaseTime(db)
    return true
  } catch {
    return false
  }
}
