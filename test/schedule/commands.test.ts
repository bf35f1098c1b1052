// `orderctl schedule`, `schedule list` and `schedule run`, through the binary.

import { hostname } from 'node:os'
import { describe, expect } from 'vitest'
import { type Shop, test } from '../support/shop.js'
import { until } from '../support/until.js'

const TASKS = ['kpis', 'leaderboards', 'snapshots', 'reservations', 'refunds', 'alarms']

/** 29 February alone: the latest slots are years ago and the next ones far ahead. */
const ALL_SELDOM = Object.fromEntries(TASKS.map((task) => [`ORDERCTL_SCHEDULE_${task.toUpperCase()}`, '0 0 29 2 *']))

interface Listed {
  readonly tasks: readonly { readonly name: string; readonly last_result: string | null }[]
}

async function listed(shop: Shop, environment = {}) {
  return ((await shop.jsonWith(environment, 'schedule', 'list')).result as Listed).tasks
}

describe.concurrent('schedule list', () => {
  test('shows each task before its first run', async ({ shop }) => {
    const about = { description: expect.any(String), time_zone: 'Europe/Berlin', last_run: null, last_result: null }
    expect(await listed(shop, { ORDERCTL_SCHEDULE_TIME_ZONE: 'Europe/Berlin' })).toEqual(
      (
        [
          ['kpis', '0 * * * *', /:00:00.000Z$/],
          ['leaderboards', '*/30 * * * *', /:[03]0:00.000Z$/],
          ['snapshots', '*/5 * * * *', /:\d[05]:00.000Z$/],
          ['reservations', '*/5 * * * *', /:\d[05]:00.000Z$/],
          ['refunds', '* * * * *', /:00.000Z$/],
          ['alarms', '* * * * *', /:00.000Z$/],
        ] as const
      ).map(([name, cron, next]) => ({ ...about, name, cron, next_run: expect.stringMatching(next) })),
    )
  })

  test('has times in the business time zone by default', async ({ shop }) => {
    shop.sqlite.exec("insert into settings values ('time_zone', 'Europe/Berlin')")
    const noon = { ORDERCTL_TIME_ZONE: 'Europe/Berlin', ORDERCTL_SCHEDULE_KPIS: '0 12 1 7 *' }
    const next_run = expect.stringMatching(/-07-01T10:00:00.000Z$/)
    expect((await listed(shop, noon))[0]).toMatchObject({ time_zone: 'Europe/Berlin', next_run })
  })
})

test.for([
  ['0 25 * * *', '25'],
  ['0 * * *', '5 or 6 fields'],
  ['0 0 31 2 *', 'impossible'],
] as const)('the cron line %s is rejected', ([cron, said], { newShop: shop }) => {
  const message = expect.stringContaining(`ORDERCTL_SCHEDULE_KPIS "${cron}"`)
  const read = () => shop.config({ ORDERCTL_SCHEDULE_KPIS: cron })
  expect(read).toThrow(expect.objectContaining({ exit: 2, message }))
  expect(read).toThrow(said)
})

describe.concurrent('schedule run', () => {
  test('runs each task and records it, and exits with 1 if it fails', async ({ shop }) => {
    shop.order('A-1', { dueAt: Date.now() })
    for (const task of TASKS) {
      const result = { task, result: 'done', message: expect.any(String), seconds: expect.any(Number) }
      expect(await shop.json('schedule', 'run', task)).toEqual({ code: 0, result })
    }
    expect((await listed(shop)).map((task) => task.last_result)).toEqual(TASKS.map(() => 'done'))
    expect(shop.value('select waiting from queue_snapshots')).toBe(1)

    shop.sqlite.exec('drop table queue_snapshots')
    const { code, stdout, stderr } = await shop.run('schedule', 'run', 'snapshots')
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(/^snapshots failed after .*: no such table: queue_snapshots\n$/)
    expect((await listed(shop))[2]).toMatchObject({ last_result: 'failed: no such table: queue_snapshots' })
  })

  test('suggests the task that was meant', async ({ shop }) => {
    const wrong = await shop.run('schedule', 'run', 'leaderboard')
    expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining('Did you mean "leaderboards"?') })
    expect((await shop.run('schedule', 'run')).code).toBe(2)
  })

  test('refuses a task that runs in another container with the same host name', async ({ shop }) => {
    await shop.run('schedule', 'run', 'kpis')
    shop.sqlite
      .prepare('update schedule_runs set ended_at = null, result = null, pid = ?, lease_until = ?')
      .run(2 ** 30, Date.now() + 60_000)
    const refused = await shop.run('schedule', 'run', 'kpis')
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining(`process ${2 ** 30} on ${hostname()}`) })
    expect((await listed(shop))[0]).toMatchObject({ last_result: 'running' })
  })
})

describe.concurrent('schedule', () => {
  test('runs each slot once in two processes and after a restart, and goes on if a task fails', async ({ shop }) => {
    shop.sqlite.exec('drop table queue_snapshots')
    const often = '* * * * * *'
    const failing = { ...ALL_SELDOM, ORDERCTL_SCHEDULE_RESERVATIONS: often, ORDERCTL_SCHEDULE_SNAPSHOTS: often }
    const both = [shop.start(failing, 'schedule'), shop.start(failing, 'schedule')]
    const runs = (task: string) => shop.rows('select attempt, result from schedule_runs where task = ?', task)
    const seldom = TASKS.filter((task) => task !== 'reservations' && task !== 'snapshots')
    await until(() => runs('reservations').length >= 10 && runs('snapshots').length >= 9)
    await Promise.all(both.map((one) => one.saw('next alarms at')))
    for (const { child } of both) child.kill('SIGTERM')
    const outcomes = await Promise.all(both.map(({ ended }) => ended))
    expect(outcomes.map(({ code }) => code)).toEqual([130, 130])
    const said = outcomes.map(({ stderr }) => stderr).join('')
    for (const task of TASKS) {
      const result = task === 'snapshots' ? 'failed' : 'done'
      expect(runs(task)).toEqual(runs(task).map(() => ({ attempt: 1, result })))
      expect(said.match(new RegExp(`^${task} ${result} (in|after) `, 'gm'))).toHaveLength(runs(task).length)
    }
    const again = shop.start(ALL_SELDOM, 'schedule')
    await again.saw('next alarms at')
    again.child.kill('SIGINT')
    expect(await again.ended).toMatchObject({ code: 130, stdout: '' })
    for (const task of seldom) expect(runs(task)).toHaveLength(1)
  })
})
