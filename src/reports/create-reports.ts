// The reports that the configuration names: the database's, and before them what Redis keeps at hand.
import type { Config } from '../config.js'
import type { Database } from '../database/connection.js'
import { DatabaseReports } from './database-reports.js'
import type { RedisReports } from './redis-reports.js'
import type { Reports } from './reports.js'

export interface CreatedReports {
  readonly reports: Reports
  /** The same, where they are kept in Redis: to be brought up to date, rebuilt, checked and closed. */
  readonly redisReports: RedisReports | undefined
}

/**
 * Makes no connection yet.
 *
 * @param warn told once, in a sentence, why the database answers instead of Redis
 */
export async function createReports(
  db: Database,
  { redis, redisPrefix, timeZone }: Config,
  warn: (text: string) => void,
): Promise<CreatedReports> {
  if (!redis) return { reports: new DatabaseReports(db, timeZone), redisReports: undefined }
  const { RedisReports } = await import('./redis-reports.js')
  const redisReports = new RedisReports({ db, timeZone, address: redis, prefix: redisPrefix, warn })
  return { reports: redisReports, redisReports }
}
