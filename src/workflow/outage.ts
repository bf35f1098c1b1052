// A database server that goes away while a worker is at work: nothing is lost, so the worker waits for it and goes on.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Config } from '../config.js'
import { explainDatabaseError } from '../database/connection.js'
import { databaseTime } from '../database/engine.js'
import type { Kysely } from '../database/kysely.js'
import type { Schema } from '../database/schema.js'
import { EXIT, UserError } from '../errors.js'
import type { ConsumeOptions } from '../queue/queue.js'

/** How often a server that is away is asked whether it is back, in milliseconds. */
const ASK_MS = 500

interface Surroundings {
  readonly db: Kysely<Schema>
  readonly config: Pick<Config, 'database'>
  readonly signal: AbortSignal
  readonly onNotice: ConsumeOptions['onNotice']
}

/**
 * Consumes until the end, beginning again where the database went away in between. What was in hand then is claimed
 * anew when its lease ends, and charged under the same keys.
 *
 * @param consume resolves at the end; rejects at the first error
 */
export async function throughOutages(
  { db, config, signal, onNotice }: Surroundings,
  consume: () => Promise<void>,
): Promise<void> {
  for (;;) {
    try {
      return await consume()
    } catch (error) {
      const away = outageIn(error, config.database)
      if (!away) throw error
      onNotice(`${away.message} Waiting for it.`, 'server_away')
    }
    while (!(await answers(db))) {
      if (signal.aborted) return
      await sleep(ASK_MS, undefined, { signal }).catch(() => undefined)
    }
    onNotice('The database is back.', 'server_back')
  }
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
