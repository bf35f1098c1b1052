// `orderctl schedule`, `schedule list` and `schedule run`, through the binary.
import { describe, expect, vi } from 'vitest'
import { csv, line, test, type Workplace } from '../workplace.js'

/** Falls due on 29 February alone, so its latest slot lies years back and its next one is far away. */
const SELDOM = '0 0 29 2 *'
const ALL_SELDOM = {
  ORDERCTL_SCHEDULE_KPIS: SELDOM,
  ORDERCTL_SCHEDULE_LEADERBOARDS: SELDOM,
  ORDERCTL_SCHEDULE_SNAPSHOTS: SELDOM,
  ORDERCTL_SCHEDULE_RESERVATIONS: SELDOM,
  ORDERCTL_SCHEDULE_ALARMS: SELDOM,
}

const TASKS = ['kpis', 'leaderboards', 'snapshots', 'reservations', 'alarms']

async function importing(place: Workplace): Promise<void> {
  const { code, stderr } = await place.run('import', place.file('orders.csv', csv(line())))
  expect(code, stderr).toBe(0)
}

interface Listed {
  readonly tasks: readonly { readonly name: string; readonly last_result: string | null }[]
}

describe.concurrent('schedule list', () => {
  test('shows each task before it ever ran', async ({ place }) => {
    await importing(place)
    const { code, result } = await place.jsonWith({ ORDERCTL_SCHEDULE_TIME_ZONE: 'Europe/Berlin' }, 'schedule', 'list')
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

  test('has its times in the business time zone unless told otherwise', async ({ place }) => {
    const berlin = { ORDERCTL_TIME_ZONE: 'Europe/Berlin' }
    await place.runWith(berlin, 'import', place.file('orders.csv', csv(line())))
    const { result } = await place.jsonWith({ ...berlin, ORDERCTL_SCHEDULE_KPIS: '0 12 1 7 *' }, 'schedule', 'list')
    expect((result as Listed).tasks[0]).toMatchObject({
      time_zone: 'Europe/Berlin',
      next_run: expect.stringMatching(/-07-01T10:00:00.000Z$/),
    })
  })

  test.for([
    ['0 25 * * *', '25'],
    ['0 * * *', '5 or 6 fields'],
    ['0 0 31 2 *', 'impossible'],
  ] as const)('refuses the cron line %s', async ([cron, said], { place }) => {
    const { code, stderr } = await place.runWith({ ORDERCTL_SCHEDULE_KPIS: cron }, 'schedule', 'list')
    expect(code).toBe(2)
    expect(stderr).toContain(`ORDERCTL_SCHEDULE_KPIS is "${cron}"`)
    expect(stderr).toContain(said)
  })
})

describe.concurrent('schedule run', () => {
  test('runs each task and records it', async ({ place }) => {
    await importing(place)
    for (const task of TASKS) {
      const { code, result } = await place.json('schedule', 'run', task)
      expect(code).toBe(0)
      expect(result).toEqual({ task, result: 'done', message: expect.any(String), seconds: expect.any(Number) })
    }
    const { result } = await place.json('schedule', 'list')
    expect((result as Listed).tasks.map((task) => task.last_result)).toEqual(Array(5).fill('done'))
    expect(place.value('select waiting from queue_snapshots')).toBe(1)
  })

  test('ends with 1 where the task fails, and list says why', async ({ place }) => {
    await importing(place)
    place.db.exec('drop table queue_snapshots')
    const { code, stdout, stderr } = await place.run('schedule', 'run', 'snapshots')
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(/^snapshots failed after .*: no such table: queue_snapshots\n$/)
    const { result } = await place.json('schedule', 'list')
    expect((result as Listed).tasks[2]).toMatchObject({ last_result: 'failed: no such table: queue_snapshots' })
    expect((await place.run('schedule', 'list')).stdout).toContain('failed: no such table')
  })

  test('knows only its tasks, and says which was meant', async ({ place }) => {
    const { code, stderr } = await place.run('schedule', 'run', 'leaderboard')
    expect(code).toBe(2)
    expect(stderr).toContain('Did you mean "leaderboards"?')
    expect((await place.run('schedule', 'run')).code).toBe(2)
  })

  test('does not run a task beside itself', async ({ place }) => {
    await importing(place)
    await place.run('schedule', 'run', 'kpis')
    // As the run of another host that is under way.
    place.db
      .prepare("update schedule_runs set ended_at = null, result = null, host = 'far-away', lease_until = ?")
      .run(Date.now() + 60_000)
    const { code, stderr } = await place.run('schedule', 'run', 'kpis')
    expect(code).toBe(1)
    expect(stderr).toContain('running already')
    expect(stderr).toContain('far-away')
    const { result } = await place.json('schedule', 'list')
    expect((result as Listed).tasks[0]).toMatchObject({ last_result: 'running' })
  })
})

describe.concurrent('schedule', () => {
  test('makes up for missed slots once, also when two run at once; SIGTERM ends it with 130', async ({ place }) => {
    await importing(place)
    const both = [place.start(ALL_SELDOM, 'schedule'), place.start(ALL_SELDOM, 'schedule')]
    const ran = () => place.value('select count(*) from schedule_runs where ended_at is not null')
    await vi.waitFor(() => expect(ran()).toBe(TASKS.length), { timeout: 20_000, interval: 50 })
    await Promise.all(both.map((one) => one.saw('next alarms at')))
    for (const { child } of both) child.kill('SIGTERM')
    const [first, second] = await Promise.all(both.map(({ ended }) => ended))
    expect([first?.code, second?.code]).toEqual([130, 130])
    const said = `${first?.stderr}${second?.stderr}`
    for (const task of TASKS) {
      expect(said.match(new RegExp(`^${task} done in `, 'gm'))).toHaveLength(1)
    }
    expect(place.value('select count(*) from queue_snapshots')).toBe(1)
    const again = place.start(ALL_SELDOM, 'schedule')
    await again.saw('next alarms at')
    again.child.kill('SIGINT')
    expect(await again.ended).toMatchObject({ code: 130, stdout: '' })
    expect(ran()).toBe(TASKS.length)
  })

  test('two at once over slots of a second: each slot once, and the other tasks go on when one fails', async ({
    place,
  }) => {
    await importing(place)
    place.db.exec('drop table queue_snapshots')
    const everySecond = { ...ALL_SELDOM, ORDERCTL_SCHEDULE_RESERVATIONS: '* * * * * *' }
    const failing = { ...everySecond, ORDERCTL_SCHEDULE_SNAPSHOTS: '* * * * * *' }
    const both = [place.start(failing, 'schedule'), place.start(failing, 'schedule')]
    const runs = (task: string) =>
      place.rows('select slot, attempt, result from schedule_runs where task = ? order by slot', task) as {
        slot: number
        attempt: number
        result: string
      }[]
    await vi.waitFor(() => expect(runs('reservations').length).toBeGreaterThanOrEqual(10), {
      timeout: 30_000,
      interval: 100,
    })
    for (const { child } of both) child.kill('SIGTERM')
    const outcomes = await Promise.all(both.map(({ ended }) => ended))
    const reservations = runs('reservations')
    const said = outcomes.map(({ stderr }) => stderr).join('')
    expect(said.match(/^reservations done in /gm)).toHaveLength(reservations.length)
    expect(reservations.every(({ attempt, result }) => attempt === 1 && result === 'done')).toBe(true)
    const snapshots = runs('snapshots')
    expect(snapshots.length).toBeGreaterThanOrEqual(9)
    expect(snapshots.every(({ result }) => result === 'failed')).toBe(true)
    expect(said.match(/^snapshots failed after .*no such table/gm)).toHaveLength(snapshots.length)
  })
})
