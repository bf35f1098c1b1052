// The alarm `schedule`: raised if a task is late or failed last.

import { expect } from 'vitest'
import { readScheduleAlarm } from '../../src/schedule/alarm-state.js'
import { claimSlot, endRun } from '../../src/schedule/task-runs.js'
import { type Shop, test } from '../support/shop.js'

const at = (time: string) => Date.parse(`2026-01-01T${time}Z`)

function alarmAt(shop: Shop, time: string, graceSeconds = '') {
  return readScheduleAlarm(shop.db, shop.config({ ORDERCTL_ALARM_LATE_TASK_SECONDS: graceSeconds }), at(time))
}

const OK = { state: 'ok', value: 0 }
const failed = (value: number, message: RegExp) => ({
  ...{ state: 'failed', value },
  message: expect.stringMatching(message),
})

/** A run in the slot, which has ended if it has a result. */
async function run(
  { db }: Shop,
  task: string,
  slot: string,
  result?: 'done' | 'failed',
  by: 'schedule' | 'schedule run' = 'schedule',
) {
  const claim = await claimSlot(db, task, at(slot), by)
  if (claim.kind !== 'claimed') throw new Error('not claimed')
  if (result) await endRun(db, claim.run, { result, message: 'the disk is full' })
  const times = { started_at: at(slot), ...(result && { ended_at: at(slot) }) }
  await db.updateTable('schedule_runs').set(times).where('slot', '=', at(slot)).where('task', '=', task).execute()
}

test('a task is late once its slot was missed for ten minutes', async ({ shop }) => {
  // Never used.
  expect(await alarmAt(shop, '10:00:00')).toMatchObject(OK)
  await run(shop, 'snapshots', '10:00:00', 'done')
  // The slot of 10:05 is missed.
  expect(await alarmAt(shop, '10:14:59')).toMatchObject(OK)
  expect(await alarmAt(shop, '10:15:00')).toMatchObject(failed(1, /snapshots since 2026-01-01 10:00:00/))
  expect(await alarmAt(shop, '10:15:00', '601')).toMatchObject(OK)
  expect(await alarmAt(shop, '10:15:00', 'off')).toBeNull()
})

test('several late tasks are reported with the last run of any of them', async ({ shop }) => {
  await run(shop, 'kpis', '08:00:00', 'done')
  await run(shop, 'snapshots', '08:55:00', 'done')
  expect(await alarmAt(shop, '12:00:00')).toMatchObject(failed(2, /kpis, snapshots since 2026-01-01 08:55:00/))
})

test('a task that cron or a person runs is never late, nor is a task in progress', async ({ shop }) => {
  await run(shop, 'kpis', '08:00:00', 'done', 'schedule run')
  expect(await alarmAt(shop, '12:00:00')).toMatchObject(OK)
  await run(shop, 'snapshots', '08:00:00', 'done')
  expect(await alarmAt(shop, '12:00:00')).toMatchObject(failed(1, /snapshots/))
  await run(shop, 'snapshots', '11:55:30', 'done', 'schedule run')
  expect(await alarmAt(shop, '12:00:00')).toMatchObject(OK)
  await run(shop, 'leaderboards', '08:00:00', 'done')
  await run(shop, 'leaderboards', '08:30:00')
  expect(await alarmAt(shop, '12:00:00')).toMatchObject(OK)
})

test('a task that failed is reported until it succeeds', async ({ shop }) => {
  await run(shop, 'kpis', '10:00:00', 'failed')
  expect(await alarmAt(shop, '10:00:01')).toMatchObject(failed(1, /kpis .*the disk is full/))
  await run(shop, 'kpis', '10:00:30', 'done', 'schedule run')
  expect(await alarmAt(shop, '10:00:31')).toMatchObject(OK)
})
