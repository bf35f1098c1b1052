// The scheduler on a real database, with a clock that the test moves. Several processes are in commands.test.ts.

import { hostname } from 'node:os'
import { describe, expect } from 'vitest'
import { asError, FailureReporter } from '../../src/background.js'
import { readCron } from '../../src/config/values.js'
import { DAY_MS } from '../../src/domain/time.js'
import { runSchedule, runTask, type TaskRun } from '../../src/schedule/runner.js'
import { Slots } from '../../src/schedule/slots.js'
import { claimSlot, endRun, readLastRun } from '../../src/schedule/task-runs.js'
import type { Task } from '../../src/schedule/tasks.js'
import { FakeClock } from '../support/fake-clock.js'
import { type Shop, test as shopTest } from '../support/shop.js'
import { until } from '../support/until.js'

class Scene {
  readonly shop: Shop
  readonly #stops: (() => Promise<void>)[] = []

  constructor(shop: Shop) {
    this.shop = shop
  }

  /** Another scheduler on the same connection: with one each, two in one thread would wait for each other forever. */
  start(clock: FakeClock, ...tasks: Task[]) {
    const over = new AbortController()
    const runs: [task: string, run: TaskRun][] = []
    const notices: string[] = []
    const ended = runSchedule(this.db, tasks, {
      clock,
      signal: over.signal,
      onRun: (task, run) => runs.push([task.name, run]),
      reporterFor: () =>
        new FailureReporter({ subject: 'Polling', explain: asError, onNotice: (text) => notices.push(text) }),
      onAlive: () => undefined,
    })
    const stop = async () => {
      over.abort()
      await ended
    }
    this.#stops.push(stop)
    return { runs, notices, stop }
  }

  get db() {
    return this.shop.db
  }

  /** The slots of a task that have a row, as `MM-DD HH:MM` in UTC. */
  slots(task = 'task'): string[] {
    const rows = this.shop.rows('select slot from schedule_runs where task = ? order by slot', task)
    return (rows as { slot: number }[]).map(({ slot }) => new Date(slot).toISOString().slice(5, 16).replace('T', ' '))
  }

  async claim(time: string | number) {
    const claim = await claimSlot(this.db, 'task', new Date(time).getTime())
    if (claim.kind !== 'claimed') throw new Error(`not claimed, but ${claim.kind}`)
    return claim.run
  }

  async lastState(task = 'task') {
    return (await readLastRun(this.db, task))?.state
  }

  async stop(): Promise<void> {
    await Promise.all(this.#stops.map((stop) => stop()))
  }
}

const test = shopTest.extend<{ scene: Scene }>({
  scene: async ({ shop }, use) => {
    const scene = new Scene(shop)
    await use(scene)
    await scene.stop()
  },
})

function task(cron: string, run: () => string | Promise<string> = () => 'well', name = 'task'): Task {
  const line = readCron(cron)
  return { name, description: '', cron: line, slots: new Slots(line, 'UTC'), run: async () => run() }
}

const HOURLY = '0 * * * *'

/** A task that runs until the test ends it. */
function lasting(cron: string) {
  const runs: (() => void)[] = []
  let [running, most] = [0, 0]
  const run = async () => {
    running += 1
    most = Math.max(most, running)
    await new Promise<void>((end) => runs.push(end))
    running -= 1
    return 'finished'
  }
  return { create: () => task(cron, run), runs, most: () => most }
}

describe('a task', () => {
  test('that missed slots runs once, in the latest of them', async ({ scene }) => {
    const clock = new FakeClock('2026-01-01T09:00:00Z')
    const first = scene.start(clock, task(HOURLY))
    await clock.settled(1)
    await first.stop()
    const later = new FakeClock('2026-01-02T15:20:00Z')
    scene.start(later, task(HOURLY))
    await later.moveTo('2026-01-02T15:59:00Z', 1)
    expect(scene.slots()).toEqual(['01-01 09:00', '01-02 15:00'])
    await later.leapTo('2026-01-03T07:10:00Z', 1)
    expect(scene.slots()).toEqual(['01-01 09:00', '01-02 15:00', '01-03 07:00'])
  })

  test('that takes long never runs twice at a time, then makes up for one slot', async ({ scene }) => {
    const clock = new FakeClock('2026-01-01T09:00:00Z')
    const long = lasting('*/5 * * * *')
    scene.start(clock, long.create(), task('*/5 * * * *', undefined, 'other'))
    await clock.settled(1)
    scene.start(clock, long.create())
    await clock.moveTo('2026-01-01T09:16:00Z', 2)
    expect(scene.slots()).toEqual(['01-01 09:00'])
    expect(scene.slots('other')).toHaveLength(4)
    expect(await scene.lastState()).toBe('running')
    long.runs[0]?.()
    await until(() => long.runs.length === 2)
    expect(scene.slots()).toEqual(['01-01 09:00', '01-01 09:15'])
    expect(long.most()).toBe(1)
    long.runs[1]?.()
  })

  test('that runs elsewhere runs its slot soon after that run has ended', async ({ scene }) => {
    const byHand = await scene.claim('2026-01-01T09:59:50Z')
    const clock = new FakeClock('2026-01-01T10:00:00Z')
    const { runs } = scene.start(clock, task(HOURLY))
    await clock.moveTo('2026-01-01T10:00:30Z', 1)
    expect(runs).toEqual([])
    await endRun(scene.db, byHand, { result: 'done', message: 'well' })
    await clock.moveTo('2026-01-01T10:00:36Z', 1)
    expect(scene.slots()).toEqual(['01-01 09:59', '01-01 10:00'])
    expect(runs).toHaveLength(1)
  })

  test('in progress finishes when the schedule is stopped', async ({ scene }) => {
    const long = lasting(HOURLY)
    const { runs, stop } = scene.start(new FakeClock('2026-01-01T09:00:00Z'), long.create())
    await until(() => long.runs.length === 1)
    const stopped = stop()
    long.runs[0]?.()
    await stopped
    expect(runs).toMatchObject([['task', { result: 'done', message: 'finished' }]])
  })
})

test('a database that fails is reported once, polled again, and reported when it works', async ({ scene }) => {
  const clock = new FakeClock('2026-01-01T09:00:00Z')
  scene.shop.sqlite.exec('alter table schedule_runs rename to elsewhere')
  const { runs, notices } = scene.start(clock, task(HOURLY))
  await clock.moveTo('2026-01-01T09:00:16Z', 1)
  expect(notices).toEqual(['Polling failed: no such table: schedule_runs. Retrying.'])
  scene.shop.sqlite.exec('alter table elsewhere rename to schedule_runs')
  await clock.moveTo('2026-01-01T09:00:26Z', 1)
  expect(runs).toHaveLength(1)
  expect(notices.slice(1)).toEqual(['Polling works again.'])
})

describe('a run whose process died', () => {
  const SLOT = Date.parse('2026-01-01T09:00:00Z')
  const DONE = { result: 'done', message: 'well' } as const
  const busy = ({ db }: Scene) => claimSlot(db, 'task', SLOT)

  test('starts once more, and then fails', async ({ scene }) => {
    for (const attempt of [1, 2]) {
      expect(await scene.claim(SLOT)).toMatchObject({ attempt })
      expect(await busy(scene)).toMatchObject({ kind: 'busy', by: { pid: process.pid } })
      await scene.shop.endLeases()
    }
    expect(await busy(scene)).toEqual({ kind: 'taken' })
    expect(await scene.lastState()).toMatchObject({ result: 'failed', message: expect.stringContaining('process') })
  })

  test('does not delay the next slot', async ({ scene }) => {
    await scene.claim(SLOT)
    await scene.shop.endLeases()
    expect(await scene.lastState()).toMatchObject({ result: 'failed' })
    expect(await scene.claim(SLOT + 1)).toMatchObject({ attempt: 1 })
    const results = scene.shop.rows('select result from schedule_runs order by slot')
    expect(results).toEqual([{ result: 'failed' }, { result: null }])
  })

  test('is taken over when its lease ends, whatever its process id, and then writes nothing more', async ({
    scene,
  }) => {
    const first = await scene.claim(SLOT)
    // In a container with the same host name, no process here has its number.
    scene.shop.sqlite.prepare('update schedule_runs set pid = ?').run(2 ** 30)
    expect(await busy(scene)).toMatchObject({ kind: 'busy', by: { host: hostname(), pid: 2 ** 30 } })
    await scene.shop.endLeases()
    const second = await scene.claim(SLOT)
    expect(second).toMatchObject({ attempt: 2 })
    await endRun(scene.db, first, { result: 'failed', message: 'late' })
    expect(await scene.lastState()).toBe('running')
    await endRun(scene.db, second, DONE)
    expect(await scene.lastState()).toEqual(DONE)
  })
})

describe('runs older than 30 days', () => {
  test('are deleted, except that of the latest slot', async ({ scene }) => {
    const clock = new FakeClock('2026-01-01T09:00:00Z')
    scene.start(clock, task(HOURLY))
    await clock.moveTo('2026-01-01T11:10:00Z', 1)
    const age = scene.shop.sqlite.prepare('update schedule_runs set started_at = ? where slot = ?')
    age.run(Date.now() - 31 * DAY_MS, Date.parse('2026-01-01T09:00Z'))
    age.run(Date.now() - 29 * DAY_MS, Date.parse('2026-01-01T10:00Z'))
    await clock.moveTo('2026-01-01T12:10:00Z', 1)
    expect(scene.slots()).toEqual(['01-01 10:00', '01-01 11:00', '01-01 12:00'])
  })

  test('of the latest slot stay after a run by hand, however old', async ({ scene }) => {
    for (const time of ['2025-01-01T00:00Z', '2025-05-05T05:05Z', '2026-01-01T00:00Z', '2026-03-03T03:03Z']) {
      await runTask(scene.db, task('0 0 1 1 *'), await scene.claim(time))
      scene.shop.sqlite.exec('update schedule_runs set started_at = 0')
    }
    expect(scene.slots()).toEqual(['01-01 00:00', '03-03 03:03'])
  })
})
