// Whether tasks run when they are due, as the alarm `schedule` has it.

import { afterEach, beforeEach, expect, test } from 'vitest'
import { loadConfig } from '../../src/config/config.js'
import { readScheduleAlarm } from '../../src/schedule/alarm-state.js'
import { claimSlot, endRun } from '../../src/schedule/task-runs.js'
import { Shop } from '../support/shop.js'

let shop: Shop
beforeEach(async () => {
  shop = await Shop.open()
})
afterEach(() => shop.close())

const at = (time: string) => Date.parse(`2026-01-01T${time}Z`)

function alarmAt(time: string, graceSeconds = '') {
  const folders = { working: '/nowhere', user: '/nowhere', data: '/nowhere' }
  const { config } = loadConfig({ ORDERCTL_ALARM_LATE_TASK_SECONDS: graceSeconds }, folders)
  return readScheduleAlarm(shop.db, config, at(time))
}

const OK = { state: 'ok', value: 0, message: 'No task is late or failed last.' }

/** A run that began, and ended if it has a result, at the slot. */
async function run(
  task: string,
  slot: string,
  result?: 'done' | 'failed',
  by: 'schedule' | 'schedule run' = 'schedule',
) {
  const claim = await claimSlot(shop.db, task, at(slot), by)
  if (claim.kind !== 'claimed') throw new Error('not claimed')
  if (result) await endRun(shop.db, claim.run, { result, message: 'the moon is full' })
  const times = { started_at: at(slot), ...(result && { ended_at: at(slot) }) }
  await shop.db.updateTable('schedule_runs').set(times).where('slot', '=', at(slot)).where('task', '=', task).execute()
}

test('a schedule that was never used is well', async () => {
  expect(await alarmAt('10:00:00')).toMatchObject(OK)
})

test('a slot may be missed for ten minutes', async () => {
  await run('snapshots', '10:00:00', 'done')
  // The slot of 10:05 is missed; at 10:15 for ten minutes.
  expect(await alarmAt('10:14:59')).toMatchObject(OK)
  const message = 'No `schedule` process has run snapshots since 2026-01-01 10:00:00.'
  expect(await alarmAt('10:15:00')).toMatchObject({ state: 'failed', value: 1, message })
  expect(await alarmAt('10:15:00', '601')).toMatchObject(OK)
  expect(await alarmAt('10:15:00', 'off')).toBeNull()
})

test('several late tasks are told by the last run of any', async () => {
  await run('kpis', '08:00:00', 'done')
  await run('snapshots', '08:55:00', 'done')
  const message = 'No `schedule` process has run kpis, snapshots since 2026-01-01 08:55:00.'
  expect(await alarmAt('12:00:00')).toMatchObject({ value: 2, message })
})

test('a task that cron runs is never late, and a run by hand makes up for a late one', async () => {
  await run('kpis', '08:00:00', 'done', 'schedule run')
  expect(await alarmAt('12:00:00')).toMatchObject(OK)
  await run('snapshots', '08:00:00', 'done')
  expect(await alarmAt('12:00:00')).toMatchObject({ state: 'failed' })
  await run('snapshots', '11:55:30', 'done', 'schedule run')
  expect(await alarmAt('12:00:00')).toMatchObject(OK)
})

test('a task that is running is not late', async () => {
  await run('leaderboards', '08:00:00', 'done')
  await run('leaderboards', '08:30:00')
  expect(await alarmAt('12:00:00')).toMatchObject(OK)
})

test('a task that failed last is told, until it succeeds', async () => {
  await run('kpis', '10:00:00', 'failed')
  const message = 'The task kpis failed last: the moon is full'
  expect(await alarmAt('10:00:01')).toMatchObject({ state: 'failed', value: 1, message })
  await run('kpis', '10:00:30', 'done', 'schedule run')
  expect(await alarmAt('10:00:31')).toMatchObject(OK)
})
