// The alarm `schedule`: raised if a task is late or failed last.

import { expect } from 'vitest'
import { readScheduleAlarm } from '../../src/schedule/alarm-state.js'
import { claimSlot, endRun } from '../../src/schedule/task-runs.js'
import { type Shop, test } from '../support/shop.js'

const at = (time: string) => Date.parse(`2026-01-01T${time}Z`)

const OK = { state: 'ok', value: 0 }
const failed = (value: number, message: RegExp) => ({
  ...{ state: 'failed', value },
  message: expect.stringMatching(message),
})

/** A run in the slot, which has ended if it has a result. */
type Run = readonly [task: string, slot: string, result?: 'done' | 'failed', by?: 'schedule run']

async function start({ db }: Shop, [task, slot, result, by]: Run) {
  const claim = await claimSlot(db, task, at(slot), by ?? 'schedule')
  if (claim.kind !== 'claimed') throw new Error('not claimed')
  if (result) await endRun(db, claim.run, { result, message: 'the disk is full' })
  const times = { started_at: at(slot), ...(result && { ended_at: at(slot) }) }
  await db.updateTable('schedule_runs').set(times).where('slot', '=', at(slot)).where('task', '=', task).execute()
}

const SNAPSHOTS: Run = ['snapshots', '08:55:00', 'done']
const FAILED: Run = ['kpis', '10:00:00', 'failed']

/** The runs, when the alarm is read, and what it then is. */
type Case = readonly [why: string, runs: readonly Run[], time: string, alarm: object | null, graceSeconds?: string]

test.for<Case>([
  ['is off before the first run of a task', [], '10:00:00', OK],
  ['is off until a slot was missed for ten minutes', [SNAPSHOTS], '09:09:59', OK],
  ['is raised ten minutes after a slot', [SNAPSHOTS], '09:10:00', failed(1, /snapshots since 2026-01-01 08:55:00/)],
  ['is off until a slot was missed for the time that is set', [SNAPSHOTS], '09:10:00', OK, '601'],
  ['can be turned off', [SNAPSHOTS], '09:10:00', null, 'off'],
  [
    'names all tasks that are late, and the last run of any of them',
    [['kpis', '08:00:00', 'done'], SNAPSHOTS],
    '12:00:00',
    failed(2, /kpis, snapshots since 2026-01-01 08:55:00/),
  ],
  ['ignores a task that cron or a person runs', [['kpis', '08:00:00', 'done', 'schedule run']], '12:00:00', OK],
  [
    'clears once a person runs the task',
    [SNAPSHOTS, ['snapshots', '11:55:30', 'done', 'schedule run']],
    '12:00:00',
    OK,
  ],
  ['is off while a late task runs', [SNAPSHOTS, ['snapshots', '09:10:00']], '12:00:00', OK],
  ['is raised when a task fails', [FAILED], '10:00:01', failed(1, /kpis .*the disk is full/)],
  ['clears once a failed task succeeds', [FAILED, ['kpis', '10:00:30', 'done', 'schedule run']], '10:00:31', OK],
])('the alarm %s', async ([, runs, time, alarm, graceSeconds = ''], { shop }) => {
  for (const run of runs) await start(shop, run)
  const config = shop.config({ ORDERCTL_ALARM_LATE_TASK_SECONDS: graceSeconds })
  const read = await readScheduleAlarm(shop.db, config, at(time))
  if (alarm) expect(read).toMatchObject(alarm)
  else expect(read).toBeNull()
})
