// Rejects databases that commands must not use.
import type { Kysely } from 'kysely'
import { EXIT, UserError } from '../errors.js'
import type { Schema } from './schema.js'
import { readSetting, writeSetting } from './settings.js'

/**
 * @throws UserError if the database is an unfinished copy: its figures would be wrong, and changes to it would be lost
 */
export async function refuseUnfinishedCopy(db: Kysely<Schema>): Promise<void> {
  const from = await readSetting(db, 'copying_from')
  if (!from) return
  throw new UserError({
    code: 'copy_unfinished',
    message: `This database is an unfinished copy of ${from}.`,
    fix: `Copy it again: orderctl migrate --from sqlite:${from}`,
  })
}

/** Stored in place of a time zone while business days are recalculated for another one. Days of both are then mixed. */
export const REFILING = 'recalculating'

/**
 * Checks that stored days are in the given time zone. Figures over days of two time zones would be silently wrong.
 *
 * @returns the time zone of the stored days; undefined if there are none yet
 * @throws UserError (exit 2) if it is a different one
 */
export async function refuseOtherTimeZone(db: Kysely<Schema>, timeZone: string): Promise<string | undefined> {
  const stored = await readSetting(db, 'time_zone')
  if (stored === undefined || stored === timeZone) return stored
  if (stored === REFILING) {
    throw new UserError({
      code: 'time_zone_changed',
      message: 'The days in this database are being recalculated for another time zone, or that was interrupted.',
      fix: `Wait until \`orderctl rebuild kpis\` ends. If it was interrupted, run it again: the days will be in ${timeZone}.`,
      exit: EXIT.usage,
    })
  }
  throw new UserError({
    code: 'time_zone_changed',
    message: `The days in this database are in the time zone ${stored}, but the configuration says ${timeZone}.`,
    fix: `Run \`orderctl rebuild kpis\` to recalculate every order's day in ${timeZone}, or set ORDERCTL_TIME_ZONE=${stored}.`,
    exit: EXIT.usage,
  })
}

/** Like refuseOtherTimeZone, but stores the time zone if none is stored yet. */
export async function agreeOnTimeZone(db: Kysely<Schema>, timeZone: string): Promise<void> {
  if ((await refuseOtherTimeZone(db, timeZone)) === undefined) await writeSetting(db, 'time_zone', timeZone)
}
