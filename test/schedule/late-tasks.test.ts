// Whether tasks run when they are due, as the alarm `schedule` has it.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { loadConfig } from '../../src/config/config.js'
import { readScheduleAlarm } from '../../src/schedule/late-tasks.js'
import { claimSlot, endRun } from '../../src/schedule/task-runs.js'
import { Shop } from '../support/shop.js'

const at = (time: string) => Date.parse(`2026-01-01T${time}Z`)

let shop: Shop
beforeEach(async () => {
  shop = await Shop.open()
})
afterEach(() => shop.close())

function alarmAt(time: string, environment: Record<string, string> = {}) {
  const { config } = loadConfig(environment, { working: '/nowhere', user: '/nowhere', data: '/nowhere' })
  return readScheduleAlarm(shop.db, config, at(time))
}

/** A run that began and ended at the slot. */
async function ran(task: string, slot: string, { by = 'schedule' as 'schedule' | 'schedule run', error = '' } = {}) {
  const claim = await claimSlot(shop.db, task, at(slot), by)
  if (claim.kind !== 'claimed') throw new Error('not claimed')
  await endRun(shop.db, claim.run, error ? { result: 'failed', message: error } : { result: 'done', message: 'well' })
  const times = { started_at: at(slot), ended_at: at(slot) }
  await shop.db.updateTable('schedule_runs').set(times).where('slot', '=', at(slot)).where('task', '=', task).execute()
}

test('a schedule that was never used is well', async () => {
  expect(await alarmAt('10:00:00')).toMatchObject({ state: 'ok', value: 0 })
})

test('a slot may be missed for ten minutes', async () => {
  await ran('snapshots', '10:00:00')
  // The slot of 10:05 is missed; at 10:15 for ten minutes.
  expect(await alarmAt('10:14:59')).toMatchObject({ state: 'ok' })
  expect(await alarmAt('10:15:00')).toMatchObject({
    state: 'failed',
    value: 1,
    message: 'No `schedule` process has run snapshots since 2026-01-01 10:00:00.',
  })
  expect(await alarmAt('10:15:00', { ORDERCTL_ALARM_LATE_TASK_SECONDS: '601' })).toMatchObject({ state: 'ok' })
  expect(await alarmAt('10:15:00', { ORDERCTL_ALARM_LATE_TASK_SECONDS: 'off' })).toBeNull()
})

test('several late tasks are told by the last run of any', async () => {
  await ran('kpis', '08:00:00')
  await ran('snapshots', '08:55:00')
  expect(await alarmAt('12:00:00')).toMatchObject({
    value: 2,
    message: 'No `schedule` process has run kpis, snapshots since 2026-01-01 08:55:00.',
  })
})

test('a task that cron runs is never late, and a run by hand makes up for a late one', async () => {
  await ran('kpis', '08:00:00', { by: 'schedule run' })
  expect(await alarmAt('12:00:00')).toMatchObject({ state: 'ok' })
  await ran('snapshots', '08:00:00')
  expect(await alarmAt('12:00:00')).toMatchObject({ state: 'failed' })
  await ran('snapshots', '11:55:30', { by: 'schedule run' })
  expect(await alarmAt('12:00:00')).toMatchObject({ state: 'ok' })
})

test('a task that runs just now is not late', async () => {
  await ran('leaderboards', '08:00:00')
  await claimSlot(shop.db, 'leaderboards', at('08:30:00'))
  await shop.db
    .updateTable('schedule_runs')
    .set({ started_at: at('08:30:00') })
    .where('ended_at', 'is', null)
    .execute()
  expect(await alarmAt('12:00:00')).toMatchObject({ state: 'ok' })
})

test('a task that failed last is told, until it succeeds', async () => {
  await ran('kpis', '10:00:00', { error: 'the moon is full' })
  expect(await alarmAt('10:00:01')).toMatchObject({
    state: 'failed',
    value: 1,
    message: 'The task kpis failed last: the moon is full',
  })
  await ran('kpis', '10:00:30', { by: 'schedule run' })
  expect(await alarmAt('10:00:31')).toMatchObject({ state: 'ok' })
})
