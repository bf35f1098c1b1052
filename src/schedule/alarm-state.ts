// Which alarms are raised, and what a command was told of that: in the database, so that of many processes and over
// restarts each change is told once.

import type { Selectable } from 'kysely'
import type { Config } from '../config/config.js'
import type { Database } from '../database/connection.js'
import { databaseTime } from '../database/engine.js'
import type { Schema } from '../database/schema.js'
import { inTransaction } from '../database/transaction.js'
import { HOUR_MS } from '../domain/time.js'
import { type Alarm, readAlarms } from '../reports/alarms.js'
import { readScheduleAlarm } from './late-tasks.js'

/** An alarm that was raised is cleared once so many checks in a row did not find it crossed: it may hover about its threshold. */
const QUIET_CHECKS = 2

/** An alarm that came and went while it could not be told is told for so long; after that it is history. */
const TELL_LATE_MS = HOUR_MS

export interface Telling {
  readonly name: string
  readonly state: 'raised' | 'cleared'
  readonly message: string
  readonly fix: string
  /** Null where there is nothing to measure. */
  readonly value: number | null
  readonly threshold: number
  /** When it was raised, or cleared. */
  readonly since: number
}

/** @throws Error that says why the telling failed; it is done again at the next check */
export type Tell = (telling: Telling) => Promise<void>

/** Tells are given up for this check: the next one would fare no better. */
export class TellingHangs extends Error {}

type AlarmRow = Selectable<Schema['alarms']>

/** Every alarm that is not turned off. */
export async function readAllAlarms(db: Database, config: Config, now: number): Promise<Alarm[]> {
  const ofSchedule = await readScheduleAlarm(db, config, now)
  return [...(await readAlarms(db, config, now)), ...(ofSchedule ? [ofSchedule] : [])]
}

/**
 * Looks at every alarm, writes down which are raised, and tells what was not told yet.
 *
 * A change is written first, then told, then marked as told. So none is lost, whatever dies in between: it is told again by
 * whoever checks next. The price is that a process that dies between the telling and its mark has it told twice. A check
 * without `tell` leaves the telling to one with it.
 *
 * @returns what was found, in a line
 * @throws Error where something could not be told
 */
export async function checkAlarms(db: Database, config: Config, tell: Tell | undefined): Promise<string> {
  const now = await databaseTime(db)
  const alarms = await readAllAlarms(db, config, now)
  const before = await readRows(db)
  const changed = changesOf(before, alarms, now)
  await writeRows(db, changed)
  const rows = [...new Map([...before, ...changed].map((row) => [row.name, row])).values()]
  const failures = tell ? await tellAll(db, rows, alarms, tell, now) : []
  if (failures.length > 0) throw new Error(`${failures.join('; ')}; told again at the next check`)
  return describe(before, rows)
}

function readRows(db: Database): Promise<AlarmRow[]> {
  return db.selectFrom('alarms').selectAll().orderBy('name').execute()
}

/** The rows that are new or other than before. */
function changesOf(before: readonly AlarmRow[], alarms: readonly Alarm[], now: number): AlarmRow[] {
  const known = new Map(before.map((row) => [row.name, row]))
  const watched = new Set<string>(alarms.map(({ name }) => name))
  const turnedOff = before.filter((row) => row.cleared_at === null && !watched.has(row.name))
  return [
    ...alarms.flatMap((alarm) => next(known.get(alarm.name), alarm, now) ?? []),
    ...turnedOff.map((row) => ({ ...row, cleared_at: now })),
  ]
}

/** What becomes of an alarm's row by this check; undefined where it stays as it is. */
function next(row: AlarmRow | undefined, alarm: Alarm, now: number): AlarmRow | undefined {
  const isRaised = row !== undefined && row.cleared_at === null
  if (alarm.crossed && !isRaised) return raise(row, alarm, now)
  if (alarm.crossed) return row?.quiet_checks ? { ...row, quiet_checks: 0 } : undefined
  if (!isRaised) return undefined
  const quiet_checks = row.quiet_checks + 1
  return { ...row, quiet_checks, cleared_at: quiet_checks >= QUIET_CHECKS ? now : null }
}

function raise(row: AlarmRow | undefined, { name, message, value, threshold }: Alarm, now: number): AlarmRow {
  // The command has heard of the raise and not of the end, which is none now: it has nothing to hear.
  if (row?.told === 'raised') return { ...row, cleared_at: null, quiet_checks: 0 }
  return { name, raised_at: now, cleared_at: null, quiet_checks: 0, told: null, message, value: value ?? 0, threshold }
}

async function writeRows(db: Database, rows: readonly AlarmRow[]): Promise<void> {
  if (rows.length === 0) return
  await inTransaction(db, async (trx) => {
    for (const row of rows) {
      const updated = await trx.updateTable('alarms').set(row).where('name', '=', row.name).executeTakeFirst()
      if (updated.numUpdatedRows === 0n) await trx.insertInto('alarms').values(row).execute()
    }
  })
}

/** @returns what could not be told, and why */
async function tellAll(
  db: Database,
  rows: readonly AlarmRow[],
  alarms: readonly Alarm[],
  tell: Tell,
  now: number,
): Promise<string[]> {
  const failures: string[] = []
  for (const row of rows) {
    const alarm = alarms.find(({ name }) => name === row.name)
    try {
      for (let at = row, state = owed(at, now); state; state = owed(at, now)) {
        await tell(telling(at, state, alarm))
        at = await markTold(db, at, state)
      }
    } catch (error) {
      failures.push(`${row.name}: ${error instanceof Error ? error.message : error}`)
      if (error instanceof TellingHangs) break
    }
  }
  return failures
}

/** What is to be told next, if anything. */
function owed({ told, cleared_at }: AlarmRow, now: number): AlarmRow['told'] {
  if (told === null) return cleared_at === null || now - cleared_at < TELL_LATE_MS ? 'raised' : null
  return told === 'raised' && cleared_at !== null ? 'cleared' : null
}

/** A raise is told as it was found, an end by the figure of this check. */
function telling(row: AlarmRow, state: Telling['state'], alarm: Alarm | undefined): Telling {
  const { name, message, value, threshold, raised_at, cleared_at } = row
  const fix = alarm?.fix ?? ''
  if (state === 'raised') return { name, state, message, fix, value, threshold, since: raised_at }
  return {
    name,
    state,
    message: alarm?.message ?? 'This alarm was turned off.',
    fix: '',
    value: alarm?.value ?? null,
    threshold: alarm?.threshold ?? threshold,
    since: cleared_at ?? raised_at,
  }
}

async function markTold(db: Database, row: AlarmRow, told: Telling['state']): Promise<AlarmRow> {
  await db
    .updateTable('alarms')
    .set({ told })
    .where('name', '=', row.name)
    .where('raised_at', '=', row.raised_at)
    .execute()
  return { ...row, told }
}

function describe(before: readonly AlarmRow[], after: readonly AlarmRow[]): string {
  const wasRaised = new Set(before.filter((row) => row.cleared_at === null).map(({ name }) => name))
  const found = after.flatMap(({ name, cleared_at, message }) => {
    if (cleared_at !== null) return wasRaised.has(name) ? [`${name} cleared`] : []
    return [wasRaised.has(name) ? `${name} still raised` : `${name} raised: ${message}`]
  })
  return found.length === 0 ? 'none raised' : found.join('; ')
}
