// `orderctl schedule`, `schedule list` and `schedule run`, through the binary.

import { describe, expect } from 'vitest'
import { type Shop, test } from '../support/shop.js'
import { until } from '../support/until.js'

const TASKS = ['kpis', 'leaderboards', 'snapshots', 'reservations', 'alarms']

/** 29 February alone, so the latest slots lie years back and the next ones far ahead. */
const ALL_SELDOM = Object.fromEntries(TASKS.map((task) => [`ORDERCTL_SCHEDULE_${task.toUpperCase()}`, '0 0 29 2 *']))

const addOrder = (shop: Shop) => shop.order('A-1', { dueAt: Date.now() })

interface Listed {
  readonly tasks: readonly { readonly name: string; readonly last_result: string | null }[]
}

describe.concurrent('schedule list', () => {
  test('shows each task before it ever ran', async ({ shop }) => {
    addOrder(shop)
    const { code, result } = await shop.jsonWith({ ORDERCTL_SCHEDULE_TIME_ZONE: 'Europe/Berlin' }, 'schedule', 'list')
    expect(code).toBe(0)
    const about = { time_zone: 'Europe/Berlin', last_run: null, last_result: null }
    const next = (times: RegExp) => expect.stringMatching(times)
    expect(result).toEqual({
      tasks: [
        { name: 'kpis', cron: '0 * * * *', next_run: next(/:00:00.000Z$/) },
        { name: 'leaderboards', cron: '*/30 * * * *', next_run: next(/:[03]0:00.000Z$/) },
        { name: 'snapshots', cron: '*/5 * * * *', next_run: next(/:\d[05]:00.000Z$/) },
        { name: 'reservations', cron: '*/5 * * * *', next_run: next(/:\d[05]:00.000Z$/) },
        { name: 'alarms', cron: '* * * * *', next_run: next(/:00.000Z$/) },
      ].map((task) => ({ ...task, ...about, description: expect.any(String) })),
    })
  })

  test('has its times in the business time zone unless told otherwise', async ({ shop }) => {
    const berlin = { ORDERCTL_TIME_ZONE: 'Europe/Berlin' }
    shop.sqlite.exec("insert into settings values ('time_zone', 'Europe/Berlin')")
    const { result } = await shop.jsonWith({ ...berlin, ORDERCTL_SCHEDULE_KPIS: '0 12 1 7 *' }, 'schedule', 'list')
    expect((result as Listed).tasks[0]).toMatchObject({
      time_zone: 'Europe/Berlin',
      next_run: expect.stringMatching(/-07-01T10:00:00.000Z$/),
    })
  })

  test.for([
    ['0 25 * * *', '25'],
    ['0 * * *', '5 or 6 fields'],
    ['0 0 31 2 *', 'impossible'],
  ] as const)('refuses the cron line %s', ([cron, said], { shop }) => {
    expect(() => shop.config({ ORDERCTL_SCHEDULE_KPIS: cron })).toThrow(
      expect.objectContaining({ exit: 2, message: expect.stringContaining(`ORDERCTL_SCHEDULE_KPIS is "${cron}"`) }),
    )
    expect(() => shop.config({ ORDERCTL_SCHEDULE_KPIS: cron })).toThrow(said)
  })
})

describe.concurrent('schedule run', () => {
  test('runs each task and records it', async ({ shop }) => {
    addOrder(shop)
    for (const task of TASKS) {
      const { code, result } = await shop.json('schedule', 'run', task)
      expect(code).toBe(0)
      expect(result).toEqual({ task, result: 'done', message: expect.any(String), seconds: expect.any(Number) })
    }
    const { result } = await shop.json('schedule', 'list')
    expect((result as Listed).tasks.map((task) => task.last_result)).toEqual(Array(5).fill('done'))
    expect(shop.value('select waiting from queue_snapshots')).toBe(1)
  })

  test('ends with 1 where the task fails, and list says why', async ({ shop }) => {
    addOrder(shop)
    shop.sqlite.exec('drop table queue_snapshots')
    const { code, stdout, stderr } = await shop.run('schedule', 'run', 'snapshots')
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(/^snapshots failed after .*: no such table: queue_snapshots\n$/)
    const { result } = await shop.json('schedule', 'list')
    expect((result as Listed).tasks[2]).toMatchObject({ last_result: 'failed: no such table: queue_snapshots' })
    expect((await shop.run('schedule', 'list')).stdout).toContain('failed: no such table')
  })

  test('knows only its tasks, and says which was meant', async ({ shop }) => {
    const { code, stderr } = await shop.run('schedule', 'run', 'leaderboard')
    expect(code).toBe(2)
    expect(stderr).toContain('Did you mean "leaderboards"?')
    expect((await shop.run('schedule', 'run')).code).toBe(2)
  })

  test('does not run a task beside itself', async ({ shop }) => {
    addOrder(shop)
    await shop.run('schedule', 'run', 'kpis')
    // As the run of another host that is under way.
    shop.sqlite
      .prepare("update schedule_runs set ended_at = null, result = null, host = 'far-away', lease_until = ?")
      .run(Date.now() + 60_000)
    const { code, stderr } = await shop.run('schedule', 'run', 'kpis')
    expect(code).toBe(1)
    expect(stderr).toContain('running already')
    expect(stderr).toContain('far-away')
    const { result } = await shop.json('schedule', 'list')
    expect((result as Listed).tasks[0]).toMatchObject({ last_result: 'running' })
  })
})

describe.concurrent('schedule', () => {
  test('makes up for missed slots once, also when two run at once; SIGTERM ends it with 130', async ({ shop }) => {
    addOrder(shop)
    const both = [shop.start(ALL_SELDOM, 'schedule'), shop.start(ALL_SELDOM, 'schedule')]
    const ran = () => shop.value('select count(*) from schedule_runs where ended_at is not null')
    await until(() => ran() === TASKS.length)
    await Promise.all(both.map((one) => one.saw('next alarms at')))
    for (const { child } of both) child.kill('SIGTERM')
    const ended = await Promise.all(both.map(({ ended }) => ended))
    expect(ended.map(({ code }) => code)).toEqual([130, 130])
    const said = ended.map(({ stderr }) => stderr).join('')
    for (const task of TASKS) expect(said.match(new RegExp(`^${task} done in `, 'gm'))).toHaveLength(1)
    expect(shop.value('select count(*) from queue_snapshots')).toBe(1)
    const again = shop.start(ALL_SELDOM, 'schedule')
    await again.saw('next alarms at')
    again.child.kill('SIGINT')
    expect(await again.ended).toMatchObject({ code: 130, stdout: '' })
    expect(ran()).toBe(TASKS.length)
  })

  test('two at once over slots of a second: each slot once, and the other tasks go on when one fails', async ({
    shop,
  }) => {
    addOrder(shop)
    shop.sqlite.exec('drop table queue_snapshots')
    const often = '* * * * * *'
    const failing = { ...ALL_SELDOM, ORDERCTL_SCHEDULE_RESERVATIONS: often, ORDERCTL_SCHEDULE_SNAPSHOTS: often }
    const both = [shop.start(failing, 'schedule'), shop.start(failing, 'schedule')]
    const runs = (task: string) => shop.rows('select attempt, result from schedule_runs where task = ?', task)
    await until(() => runs('reservations').length >= 10 && runs('snapshots').length >= 9)
    for (const { child } of both) child.kill('SIGTERM')
    const outcomes = await Promise.all(both.map(({ ended }) => ended))
    const said = outcomes.map(({ stderr }) => stderr).join('')
    const [reservations, snapshots] = [runs('reservations'), runs('snapshots')]
    expect(reservations).toEqual(reservations.map(() => ({ attempt: 1, result: 'done' })))
    expect(said.match(/^reservations done in /gm)).toHaveLength(reservations.length)
    expect(snapshots).toEqual(snapshots.map(() => ({ attempt: 1, result: 'failed' })))
    expect(said.match(/^snapshots failed after .*no such table/gm)).toHaveLength(snapshots.length)
  })
})
