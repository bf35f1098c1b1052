// Stores which alarms are raised, and which changes `--exec` was notified of. The state is in the database, so that
// each change is reported once across processes and restarts.
import type { Selectable } from 'kysely'
import { asError } from '../background.js'
import type { Config } from '../config/config.js'
import type { Database } from '../database/connection.js'
import { databaseTime } from '../database/engine.js'
import type { Schema } from '../database/schema.js'
import { clockAt } from '../domain/business-day.js'
import { HOUR_MS } from '../domain/time.js'
import { type Alarm, alarmOf, readAlarms } from '../reports/alarms.js'
import { slotsOf, TASK_NAMES, type TaskName } from './slots.js'
import { readLastRun, readLastSlot } from './task-runs.js'

/** A raised alarm clears after this many consecutive checks below its threshold, so that it does not flap. */
const QUIET_CHECKS = 2

/** How long an alarm that was raised and cleared without a notification is still reported. */
const LATE_NOTICE_MS = HOUR_MS

export interface Notification extends Pick<Alarm, 'message' | 'fix' | 'value' | 'threshold'> {
  readonly name: string
  readonly state: 'raised' | 'cleared'
  /** When it was raised or cleared (epoch milliseconds). */
  readonly since: number
}

/** @throws Error with the reason if the command failed; the next check notifies again */
export type Notify = (notification: Notification) => Promise<void>

/** Ends the notifications of this check: the next one would hang as well. */
export class NotifyTimeout extends Error {}

type AlarmRow = Selectable<Schema['alarms']>

/** Reads every alarm that is not turned off. */
export async function readAllAlarms(db: Database, config: Config, now: number): Promise<Alarm[]> {
  const ofSchedule = await readScheduleAlarm(db, config, now)
  return [...(await readAlarms(db, config, now)), ...(ofSchedule ? [ofSchedule] : [])]
}

/**
 * Reads the alarm `schedule`: a task's last run failed, or a due task did not run. Only a task that a `schedule`
 * process has run before can be late: if cron runs the tasks, cron decides when.
 *
 * @returns null if the alarm is turned off
 */
export async function readScheduleAlarm(db: Database, config: Config, now: number): Promise<Alarm | null> {
  const graceSeconds = config['alarms.lateTaskSeconds']
  if (graceSeconds === null) return null
  const longAgo = now - graceSeconds * 1000
  const late: { readonly task: TaskName; readonly lastSlot: number }[] = []
  const messages: string[] = []
  for (const task of TASK_NAMES) {
    const last = await readLastRun(db, task)
    if (!last || last.state === 'running') continue
    const lastSlot = await readLastSlot(db, task)
    const ranAt = Math.max(lastSlot ?? 0, last.startedAt)
    // Late if a slot was due after the last run and before the grace period. The first comparison is a fast path.
    const isLate = lastSlot !== null && ranAt < longAgo && ranAt < (slotsOf(task, config).latest(longAgo) ?? ranAt)
    if (isLate) late.push({ task, lastSlot })
    else if (last.state.result === 'failed')
      messages.push(`The last run of the task ${task} failed: ${last.state.message}`)
  }
  const value = late.length + messages.length
  if (late.length > 0) {
    const since = clockAt(Math.max(...late.map(({ lastSlot }) => lastSlot)), config['schedule.timeZone'])
    messages.unshift(`No \`schedule\` process has run ${late.map(({ task }) => task).join(', ')} since ${since}.`)
  }
  const restart =
    'Start `orderctl schedule` again. If it should not run, turn this alarm off: ORDERCTL_ALARM_LATE_TASK_SECONDS=off.'
  return alarmOf('schedule', 1, {
    value,
    message: messages.join(' ') || 'No task is late or has failed.',
    fix: late.length > 0 ? restart : 'Fix the problem above, then run `orderctl schedule run TASK`.',
  })
}

/**
 * Reads every alarm, stores which are raised, and notifies of changes.
 *
 * A change is stored, then reported, then marked as reported. After a crash, the next check reports it again: no change
 * is lost, but one may be reported twice. A check without `notify` leaves the notification to the next check with it.
 *
 * @returns a one-line summary
 * @throws Error if a notification failed
 */
export async function checkAlarms(db: Database, config: Config, notify: Notify | undefined): Promise<string> {
  const now = await databaseTime(db)
  const alarms = byName(await readAllAlarms(db, config, now))
  const before = byName(await db.selectFrom('alarms').selectAll().orderBy('name').execute())
  const names = new Set([...before.keys(), ...alarms.keys()])
  const after = [...names].flatMap((name) => nextRow(before.get(name), alarms.get(name), now) ?? [])
  for (const row of after) {
    if (row === before.get(row.name)) continue
    const upsert = db.insertInto('alarms').values(row)
    await upsert.onConflict((conflict) => conflict.column('name').doUpdateSet(row)).execute()
  }
  if (notify) await notifyAll(db, after, alarms, notify, now)
  const found = after.flatMap((row) => describe(before.get(row.name), row) ?? [])
  return found.length === 0 ? 'none raised' : found.join('; ')
}

function byName<Named extends { readonly name: string }>(all: readonly Named[]): Map<string, Named> {
  return new Map(all.map((one) => [one.name, one]))
}

/**
 * Returns the alarm's row after this check; undefined if it was never raised.
 *
 * @param alarm undefined if it is turned off
 */
function nextRow(row: AlarmRow | undefined, alarm: Alarm | undefined, now: number): AlarmRow | undefined {
  if (alarm?.state === 'failed') {
    // The end was not reported, so the alarm continues.
    if (row && (row.cleared_at === null || row.notified === 'raised'))
      return { ...row, cleared_at: null, quiet_checks: 0 }
    const { name, message, value, threshold } = alarm
    const figures = { message, value: value ?? 0, threshold }
    return { name, raised_at: now, cleared_at: null, quiet_checks: 0, notified: null, ...figures }
  }
  if (!row || row.cleared_at !== null) return row
  const quiet_checks = row.quiet_checks + 1
  return { ...row, quiet_checks, cleared_at: !alarm || quiet_checks >= QUIET_CHECKS ? now : null }
}

/** Notifies of all unreported changes. @throws Error that names each alarm whose notification failed */
async function notifyAll(
  db: Database,
  rows: readonly AlarmRow[],
  alarms: ReadonlyMap<string, Alarm>,
  notify: Notify,
  now: number,
): Promise<void> {
  const failures: string[] = []
  for (const row of rows) {
    try {
      for (const state of pendingStates(row, now)) {
        await notify(notificationOf(row, state, alarms.get(row.name)))
        const marked = db.updateTable('alarms').set({ notified: state }).where('name', '=', row.name)
        await marked.where('raised_at', '=', row.raised_at).execute()
      }
    } catch (error) {
      failures.push(`${row.name}: ${asError(error).message}`)
      if (error instanceof NotifyTimeout) break
    }
  }
  if (failures.length > 0) throw new Error(`${failures.join('; ')}; retried at the next check`)
}

function pendingStates({ notified, cleared_at }: AlarmRow, now: number): Notification['state'][] {
  if (notified === 'cleared') return []
  if (cleared_at === null) return notified === null ? ['raised'] : []
  if (notified === 'raised') return ['cleared']
  return now - cleared_at < LATE_NOTICE_MS ? ['raised', 'cleared'] : []
}

/** Builds a notification: a raised alarm has the value that raised it, a cleared alarm the value of this check. */
function notificationOf(row: AlarmRow, state: Notification['state'], alarm: Alarm | undefined): Notification {
  const { name, raised_at, cleared_at, threshold } = row
  if (state === 'raised') {
    const { message, value } = row
    return { name, state, message, value, threshold, fix: alarm?.fix ?? '', since: raised_at }
  }
  const figures = alarm ?? { message: 'This alarm was turned off.', value: null, threshold }
  return { ...figures, name, state, fix: '', since: cleared_at ?? raised_at }
}

function describe(before: AlarmRow | undefined, { name, cleared_at, message }: AlarmRow): string | undefined {
  const wasRaised = before?.cleared_at === null
  if (cleared_at !== null) return wasRaised ? `${name} cleared` : undefined
  return wasRaised ? `${name} still raised` : `${name} raised: ${message}`
}
