// Refuses databases that no command may work on.
import type { Kysely } from 'kysely'
import { EXIT, UserError } from '../errors.js'
import type { Schema } from './schema.js'
import { readSetting, writeSetting } from './settings.js'

/** @throws UserError if the database is an unfinished copy: its figures would be wrong, and work on it would be lost */
export async function refusePartOfCopy(db: Kysely<Schema>): Promise<void> {
  const from = await readSetting(db, 'copying_from')
  if (!from) return
  throw new UserError({
    code: 'copy_unfinished',
    message: `This database is an unfinished copy of ${from}.`,
    fix: `Copy it again: orderctl migrate --from sqlite:${from}`,
  })
}

/**
 * Stored days are in one time zone; figures over days of two zones would be silently wrong.
 *
 * @returns the time zone of the days in the database; undefined if there are none yet
 * @throws UserError (exit 2) if it is another one
 */
export async function refuseOtherTimeZone(db: Kysely<Schema>, timeZone: string): Promise<string | undefined> {
  const stored = await readSetting(db, 'time_zone')
  if (stored === undefined || stored === timeZone) return stored
  throw new UserError({
    code: 'time_zone_changed',
    message: `The days in this database are days in ${stored}, but the configuration says ${timeZone}.`,
    fix: `Run \`orderctl rebuild kpis\` to file every order under its day in ${timeZone}, or set ORDERCTL_TIME_ZONE=${stored}.`,
    exit: EXIT.usage,
  })
}

/** Fixes the time zone of the days if none is stored yet. @throws UserError as refuseOtherTimeZone */
export async function agreeOnTimeZone(db: Kysely<Schema>, timeZone: string): Promise<void> {
  if ((await refuseOtherTimeZone(db, timeZone)) === undefined) await writeSetting(db, 'time_zone', timeZone)
}
