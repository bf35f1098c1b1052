// Whether this process and the database mean the same: by the day, and by the hour.
import type { Config } from '../config/config.js'
import { newestEntry } from '../database/clocks.js'
import type { Database } from '../database/connection.js'
import { databaseTime } from '../database/engine.js'
import { readSetting } from '../database/settings.js'
import type { DatabaseCheck, Finding } from './finding.js'

export const AGREEMENT_CHECKS: readonly DatabaseCheck[] = [
  { name: 'time zone', look: checkTimeZone },
  { name: 'clock of the database', look: checkClockOfDatabase },
]

/** What is noted of several machines may be apart by as much; leases are longer. */
export const CLOCK_TOLERANCE_MS = 5000

/** Says what every command that needs the days refuses to go on with. */
async function checkTimeZone(db: Database, { timeZone }: Config): Promise<Finding> {
  const stored = await readSetting(db, 'time_zone')
  if (stored === undefined) return { detail: `days will be days in ${timeZone}` }
  if (stored === timeZone) return { detail: `days are days in ${timeZone}` }
  return {
    detail: `days in the database are days in ${stored}, the configuration says ${timeZone}`,
    fix: `Set ORDERCTL_TIME_ZONE=${stored}, or run \`orderctl rebuild kpis\` to file every order under its day in ${timeZone}.`,
  }
}

/**
 * Leases go by the clock of a server, retries and reports by that of this machine. After either was put back, orders fall
 * due late and leases do not end.
 */
async function checkClockOfDatabase(db: Database): Promise<Finding> {
  const began = Date.now()
  const now = await databaseTime(db)
  // The answer was given at some moment between the two.
  const apart = Math.max(began - now, now - Date.now())
  if (apart > CLOCK_TOLERANCE_MS) {
    return {
      detail: `the server has ${new Date(now).toISOString()}, ${seconds(apart)} ${now < began ? 'behind' : 'ahead of'} this clock`,
      fix: 'Set the clocks of the server and of this machine (timedatectl set-ntp true).',
    }
  }
  const latest = await newestEntry(db)
  const ahead = latest - now
  if (latest === 0) return { detail: 'nothing was noted yet' }
  const detail = `the last thing noted is of ${new Date(latest).toISOString()}`
  if (ahead <= CLOCK_TOLERANCE_MS) return { detail }
  return {
    detail: `${detail}, ${seconds(ahead)} ahead of this clock`,
    fix: 'Set the clock of every machine that works on this database (timedatectl set-ntp true).',
  }
}

/** `12.3 s`. */
export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}
