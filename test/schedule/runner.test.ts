// The scheduler on a real database, by a clock that the test moves.

import { describe, expect, test as plainTest } from 'vitest'
import { asError, FailureReporter } from '../../src/background.js'
import { readCron } from '../../src/config/values.js'
import { DAY_MS } from '../../src/domain/time.js'
import { runSchedule, runTask, type TaskRun } from '../../src/schedule/runner.js'
import { Slots } from '../../src/schedule/slots.js'
import { claimSlot, endRun, readLastRun } from '../../src/schedule/task-runs.js'
import type { Task } from '../../src/schedule/tasks.js'
import { FakeClock } from '../support/fake-clock.js'
import { Shop } from '../support/shop.js'
import { until } from '../support/until.js'

class Scene {
  readonly db: Shop['db']
  readonly #shop: Shop
  readonly #stops: (() => Promise<void>)[] = []

  constructor(shop: Shop) {
    this.#shop = shop
    this.db = shop.db
  }

  /** Another scheduler on the same connection: two in one thread would wait for each other forever. */
  start(clock: FakeClock, ...tasks: Task[]) {
    const over = new AbortController()
    const runs: [task: string, run: TaskRun][] = []
    const notices: string[] = []
    const ended = runSchedule(this.db, tasks, {
      clock,
      signal: over.signal,
      onRun: (task, run) => runs.push([task.name, run]),
      reporterFor: () =>
        new FailureReporter({ subject: 'Looking', explain: asError, onNotice: (text) => notices.push(text) }),
      onAlive: () => undefined,
    })
    const stop = async () => {
      over.abort()
      await ended
    }
    this.#stops.push(stop)
    return { runs, notices, stop }
  }

  /** The slots of a task that have a row, as `MM-DD HH:MM` in UTC. */
  async slots(task = 'task'): Promise<string[]> {
    const runs = this.db.selectFrom('schedule_runs').select('slot').where('task', '=', task).orderBy('slot')
    return (await runs.execute()).map(({ slot }) => new Date(slot).toISOString().slice(5, 16).replace('T', ' '))
  }

  async claim(time: string | number) {
    const claim = await claimSlot(this.db, 'task', typeof time === 'string' ? Date.parse(time) : time)
    if (claim.kind !== 'claimed') throw new Error(`not claimed, but ${claim.kind}`)
    return claim.run
  }

  async lastState(task = 'task') {
    return (await readLastRun(this.db, task))?.state
  }

  async close(): Promise<void> {
    await Promise.all(this.#stops.map((stop) => stop()))
    await this.#shop.close()
  }
}

const test = plainTest.extend<{ scene: Scene }>({
  // biome-ignore lint/correctness/noEmptyPattern: Vitest reads from it that the fixture needs no other.
  scene: async ({}, use) => {
    const scene = new Scene(await Shop.open())
    await use(scene)
    await scene.close()
  },
})

function task(cron: string, run: () => string | Promise<string> = () => 'well', name = 'task', timeZone = 'UTC'): Task {
  const line = readCron(cron)
  return { name, description: '', cron: line, slots: new Slots(line, timeZone), run: async () => run() }
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

describe('slots', () => {
  test('are run once each by two schedulers', async ({ scene }) => {
    const clock = new FakeClock('2026-01-01T09:00:00Z')
    const both = [1, 2].map(() => scene.start(clock, task('*/5 * * * *')))
    await clock.moveTo('2026-01-01T09:46:00Z', 2)
    const minutes = ['00', '05', '10', '15', '20', '25', '30', '35', '40', '45']
    expect(await scene.slots()).toEqual(minutes.map((minute) => `01-01 09:${minute}`))
    expect(both.flatMap(({ runs }) => runs)).toHaveLength(10)
    expect(both.flatMap(({ notices }) => notices)).toEqual([])
  })

  test.for([
    // From midnight in Berlin until just before seven.
    ['2026-03-28T23:00:00Z', '2026-03-29T04:59:00Z', 6],
    ['2026-10-24T22:00:00Z', '2026-10-25T05:59:00Z', 8],
  ] as const)(
    'follow real hours in two schedulers when clocks change: from %s to %s',
    async ([start, end, hours], { scene }) => {
      const clock = new FakeClock(start)
      let [hourly, nightly] = [0, 0]
      const tasks = () => [
        task(HOURLY, () => `${++hourly}`, 'hourly', 'Europe/Berlin'),
        task('30 2 * * *', () => `${++nightly}`, 'nightly', 'Europe/Berlin'),
      ]
      for (const _ of [1, 2]) scene.start(clock, ...tasks())
      await clock.settled(4)
      // Yesterday's, which was missed.
      expect(nightly).toBe(1)
      await clock.moveTo(end, 4)
      expect([hourly, nightly]).toEqual([hours, 2])
    },
  )

  test('that were missed are made up for once, by the latest', async ({ scene }) => {
    const clock = new FakeClock('2026-01-01T09:00:00Z')
    const first = scene.start(clock, task(HOURLY))
    await clock.settled(1)
    await first.stop()
    const later = new FakeClock('2026-01-02T15:20:00Z')
    scene.start(later, task(HOURLY))
    await later.moveTo('2026-01-02T15:59:00Z', 1)
    expect(await scene.slots()).toEqual(['01-01 09:00', '01-02 15:00'])
    await later.leapTo('2026-01-03T07:10:00Z', 1)
    expect(await scene.slots()).toEqual(['01-01 09:00', '01-02 15:00', '01-03 07:00'])
  })

  test('are not run again after a restart', async ({ scene }) => {
    for (let start = 0; start < 3; start++) {
      const clock = new FakeClock('2026-01-01T09:10:00Z')
      const { stop } = scene.start(clock, task(HOURLY))
      await clock.settled(1)
      await stop()
    }
    const rows = await scene.db.selectFrom('schedule_runs').select(['attempt', 'result']).execute()
    expect(rows).toEqual([{ attempt: 1, result: 'done' }])
  })
})

describe('a task', () => {
  test('that fails is recorded, runs in its next slot, and does not stop the others', async ({ scene }) => {
    const clock = new FakeClock('2026-01-01T09:00:00Z')
    const fail = () => Promise.reject(new Error('the moon is full'))
    const { runs } = scene.start(clock, task(HOURLY, fail, 'bad'), task(HOURLY, undefined, 'good'))
    await clock.moveTo('2026-01-01T10:30:00Z', 2)
    const results = runs.map(([name, { result }]) => `${name} ${result}`).sort()
    expect(results).toEqual(['bad failed', 'bad failed', 'good done', 'good done'])
    expect(await scene.lastState('bad')).toEqual({ result: 'failed', message: 'the moon is full' })
    expect(await scene.lastState('good')).toEqual({ result: 'done', message: 'well' })
  })

  test('that takes long is not begun beside itself by anyone, then makes up for one slot', async ({ scene }) => {
    const clock = new FakeClock('2026-01-01T09:00:00Z')
    const long = lasting('*/5 * * * *')
    scene.start(clock, long.create(), task('*/5 * * * *', undefined, 'other'))
    await clock.settled(1)
    scene.start(clock, long.create())
    await clock.moveTo('2026-01-01T09:16:00Z', 2)
    expect(await scene.slots()).toEqual(['01-01 09:00'])
    expect(await scene.slots('other')).toHaveLength(4)
    expect(await scene.lastState()).toBe('running')
    long.runs[0]?.()
    await until(() => long.runs.length === 2)
    expect(await scene.slots()).toEqual(['01-01 09:00', '01-01 09:15'])
    expect(long.most()).toBe(1)
    long.runs[1]?.()
  })

  test('that somebody else runs makes up for its slot soon after', async ({ scene }) => {
    const byHand = await scene.claim('2026-01-01T09:59:50Z')
    const clock = new FakeClock('2026-01-01T10:00:00Z')
    const { runs } = scene.start(clock, task(HOURLY))
    await clock.moveTo('2026-01-01T10:00:30Z', 1)
    expect(runs).toEqual([])
    await endRun(scene.db, byHand, { result: 'done', message: 'well' })
    await clock.moveTo('2026-01-01T10:00:36Z', 1)
    expect(await scene.slots()).toEqual(['01-01 09:59', '01-01 10:00'])
    expect(runs).toHaveLength(1)
  })

  test('in progress is finished when the schedule is stopped', async ({ scene }) => {
    const long = lasting(HOURLY)
    const { runs, stop } = scene.start(new FakeClock('2026-01-01T09:00:00Z'), long.create())
    await until(() => long.runs.length === 1)
    const stopped = stop()
    long.runs[0]?.()
    await stopped
    expect(runs).toMatchObject([['task', { result: 'done', message: 'finished' }]])
  })
})

test('a database that does not answer is reported once, asked again, and reported when it answers', async ({
  scene,
}) => {
  const clock = new FakeClock('2026-01-01T09:00:00Z')
  const rename = (from: string, to: string) => scene.db.schema.alterTable(from).renameTo(to).execute()
  await rename('schedule_runs', 'elsewhere')
  const { runs, notices } = scene.start(clock, task(HOURLY))
  await clock.moveTo('2026-01-01T09:00:16Z', 1)
  expect(notices).toEqual(['Looking failed: no such table: schedule_runs. Trying again.'])
  await rename('elsewhere', 'schedule_runs')
  await clock.moveTo('2026-01-01T09:00:26Z', 1)
  expect(runs).toHaveLength(1)
  expect(notices.slice(1)).toEqual(['Looking works again.'])
})

describe('a run whose process died', () => {
  const SLOT = Date.parse('2026-01-01T09:00:00Z')
  const busy = ({ db }: Scene) => claimSlot(db, 'task', SLOT)

  /** A process that is gone, or one of another host that is silent. */
  async function die({ db }: Scene, changes: { host?: string; lease_until?: number } = {}) {
    const dead = { pid: 2 ** 30, ...changes }
    await db.updateTable('schedule_runs').set(dead).where('ended_at', 'is', null).execute()
  }

  test('is begun once more, and then given up', async ({ scene }) => {
    for (const attempt of [1, 2]) {
      expect(await scene.claim(SLOT)).toMatchObject({ attempt })
      expect(await busy(scene)).toMatchObject({ kind: 'busy', by: { pid: process.pid } })
      await die(scene)
    }
    expect(await claimSlot(scene.db, 'task', SLOT)).toEqual({ kind: 'taken' })
    expect(await scene.lastState()).toEqual({ result: 'failed', message: 'its process ended before it did' })
  })

  test('does not hold up the next slot', async ({ scene }) => {
    await scene.claim(SLOT)
    await die(scene)
    expect(await scene.lastState()).toMatchObject({ result: 'failed' })
    expect(await scene.claim(SLOT + 1)).toMatchObject({ attempt: 1 })
    const rows = await scene.db.selectFrom('schedule_runs').select(['slot', 'result']).orderBy('slot').execute()
    expect(rows).toEqual([
      { slot: SLOT, result: 'failed' },
      { slot: SLOT + 1, result: null },
    ])
  })

  test('on another host is known by its silence', async ({ scene }) => {
    await scene.claim(SLOT)
    await die(scene, { host: 'far-away' })
    expect(await busy(scene)).toMatchObject({ kind: 'busy', by: { host: 'far-away' } })
    await die(scene, { host: 'far-away', lease_until: Date.now() - 1 })
    expect(await scene.claim(SLOT)).toMatchObject({ attempt: 2 })
  })

  test('writes nothing more once it was taken over', async ({ scene }) => {
    const first = await scene.claim(SLOT)
    await die(scene, { lease_until: 0 })
    const second = await scene.claim(SLOT)
    await endRun(scene.db, first, { result: 'failed', message: 'late' })
    expect(await scene.lastState()).toBe('running')
    await endRun(scene.db, second, { result: 'done', message: 'well' })
    expect(await scene.lastState()).toEqual({ result: 'done', message: 'well' })
  })
})

describe('runs older than 30 days', () => {
  test('are deleted, except that of the latest slot', async ({ scene }) => {
    const clock = new FakeClock('2026-01-01T09:00:00Z')
    scene.start(clock, task(HOURLY))
    await clock.moveTo('2026-01-01T11:10:00Z', 1)
    for (const [time, days] of [
      ['09', 31],
      ['10', 29],
    ] as const) {
      const age = { started_at: Date.now() - days * DAY_MS }
      const slot = Date.parse(`2026-01-01T${time}:00Z`)
      await scene.db.updateTable('schedule_runs').set(age).where('slot', '=', slot).execute()
    }
    await clock.moveTo('2026-01-01T12:10:00Z', 1)
    expect(await scene.slots()).toEqual(['01-01 10:00', '01-01 11:00', '01-01 12:00'])
  })

  test('of the latest slot stay after a run by hand, however old', async ({ scene }) => {
    for (const time of ['2025-01-01T00:00Z', '2025-05-05T05:05Z', '2026-01-01T00:00Z', '2026-03-03T03:03Z']) {
      await runTask(scene.db, task('0 0 1 1 *'), await scene.claim(time))
      await scene.db.updateTable('schedule_runs').set({ started_at: 0 }).execute()
    }
    expect(await scene.slots()).toEqual(['01-01 00:00', '03-03 03:03'])
  })
})
