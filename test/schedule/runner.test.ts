// The scheduler on a real database, by a clock that the test moves.
import { describe, expect, test as plainTest } from 'vitest'
import { asError, Troubles } from '../../src/background.js'
import { readCron } from '../../src/config/values.js'
import { runSchedule, runTask, type TaskRun } from '../../src/schedule/runner.js'
import { Slots } from '../../src/schedule/slots.js'
import { claimSlot, endRun, readLastRun } from '../../src/schedule/task-runs.js'
import type { Task } from '../../src/schedule/tasks.js'
import { FakeClock } from '../support/fake-clock.js'
import { Shop } from '../support/shop.js'
import { until } from '../support/until.js'

interface Started {
  readonly runs: [task: string, run: TaskRun][]
  readonly notices: string[]
  stop(): Promise<void>
}

class Scene {
  readonly shop: Shop
  readonly #started: Started[] = []

  constructor(shop: Shop) {
    this.shop = shop
  }

  /** Another scheduler on the same connection: two in one thread would wait for each other in vain. */
  start(clock: FakeClock, ...tasks: Task[]): Started {
    const over = new AbortController()
    const runs: Started['runs'] = []
    const notices: string[] = []
    const ended = runSchedule(this.shop.db, tasks, {
      clock,
      signal: over.signal,
      onRun: (task, run) => runs.push([task.name, run]),
      troublesOf: () => new Troubles({ subject: 'Looking', explain: asError, onNotice: (text) => notices.push(text) }),
      onAlive: () => undefined,
    })
    const started = {
      runs,
      notices,
      stop: async () => {
        over.abort()
        await ended
      },
    }
    this.#started.push(started)
    return started
  }

  /** The slots of a task that have a row, as `MM-DD HH:MM` in UTC. */
  async slots(task: string): Promise<string[]> {
    const runs = await this.shop.db
      .selectFrom('schedule_runs')
      .select('slot')
      .where('task', '=', task)
      .orderBy('slot')
      .execute()
    return runs.map(({ slot }) => new Date(slot).toISOString().slice(5, 16).replace('T', ' '))
  }

  async close(): Promise<void> {
    await Promise.all(this.#started.map((started) => started.stop()))
    await this.shop.close()
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

describe('slots', () => {
  test('of two schedulers one runs each: ten slots, ten runs', async ({ scene }) => {
    const clock = new FakeClock('2026-01-01T09:00:00Z')
    let runs = 0
    const counting = () => task('*/5 * * * *', () => `${++runs}`)
    const both = [scene.start(clock, counting()), scene.start(clock, counting())]
    await clock.moveTo('2026-01-01T09:46:00Z', 2)
    expect(runs).toBe(10)
    expect(await scene.slots('task')).toEqual(
      ['00', '05', '10', '15', '20', '25', '30', '35', '40', '45'].map((minute) => `01-01 09:${minute}`),
    )
    expect(both.flatMap((each) => each.runs)).toHaveLength(10)
    expect(both.flatMap((each) => each.notices)).toEqual([])
  })

  test('each real hour has one when clocks change, in two schedulers, both ways', async ({ scene }) => {
    for (const [start, end, hours] of [
      // From midnight in Berlin until just before seven.
      ['2026-03-28T23:00:00Z', '2026-03-29T04:59:00Z', 6],
      ['2026-10-24T22:00:00Z', '2026-10-25T05:59:00Z', 8],
    ] as const) {
      const clock = new FakeClock(start)
      let hourly = 0
      let nightly = 0
      const tasks = () => [
        task('0 * * * *', () => `${++hourly}`, 'hourly', 'Europe/Berlin'),
        task('30 2 * * *', () => `${++nightly}`, 'nightly', 'Europe/Berlin'),
      ]
      const both = [scene.start(clock, ...tasks()), scene.start(clock, ...tasks())]
      await clock.settled(4)
      // Yesterday's, which was missed.
      expect(nightly).toBe(1)
      await clock.moveTo(end, 4)
      expect([hourly, nightly]).toEqual([hours, 2])
      await Promise.all(both.map((each) => each.stop()))
    }
  })

  test('that were missed are made up for once, by the latest', async ({ scene }) => {
    const clock = new FakeClock('2026-01-01T09:00:00Z')
    const first = scene.start(clock, task('0 * * * *'))
    await clock.settled(1)
    await first.stop()
    const later = new FakeClock('2026-01-02T15:20:00Z')
    scene.start(later, task('0 * * * *'))
    await later.moveTo('2026-01-02T15:59:00Z', 1)
    expect(await scene.slots('task')).toEqual(['01-01 09:00', '01-02 15:00'])
    await later.leapTo('2026-01-03T07:10:00Z', 1)
    expect(await scene.slots('task')).toEqual(['01-01 09:00', '01-02 15:00', '01-03 07:00'])
  })

  test('are not run again after a restart', async ({ scene }) => {
    for (let start = 0; start < 3; start++) {
      const clock = new FakeClock('2026-01-01T09:10:00Z')
      const { stop } = scene.start(clock, task('0 * * * *'))
      await clock.settled(1)
      await stop()
    }
    const rows = await scene.shop.db.selectFrom('schedule_runs').select(['attempt', 'result']).execute()
    expect(rows).toEqual([{ attempt: 1, result: 'done' }])
  })
})

describe('a task', () => {
  test('that fails is recorded, runs in its next slot, and does not stop the others', async ({ scene }) => {
    const clock = new FakeClock('2026-01-01T09:00:00Z')
    const fail = () => {
      throw new Error('the moon is full')
    }
    const { runs } = scene.start(
      clock,
      task('0 * * * *', fail, 'bad'),
      task('0 * * * *', () => 'well', 'good'),
    )
    await clock.moveTo('2026-01-01T10:30:00Z', 2)
    expect(runs.map(([name, { result }]) => `${name} ${result}`).sort()).toEqual([
      'bad failed',
      'bad failed',
      'good done',
      'good done',
    ])
    expect((await readLastRun(scene.shop.db, 'bad'))?.state).toEqual({ result: 'failed', message: 'the moon is full' })
    expect((await readLastRun(scene.shop.db, 'good'))?.state).toEqual({ result: 'done', message: 'well' })
  })

  test('that takes long is not begun beside itself by anyone, then makes up for one slot', async ({ scene }) => {
    const clock = new FakeClock('2026-01-01T09:00:00Z')
    let running = 0
    let most = 0
    let end = () => {}
    const long = () =>
      task('*/5 * * * *', async () => {
        running += 1
        most = Math.max(most, running)
        await new Promise<void>((done) => {
          end = done
        })
        running -= 1
        return 'at last'
      })
    scene.start(
      clock,
      long(),
      task('*/5 * * * *', () => 'well', 'other'),
    )
    await clock.settled(1)
    scene.start(clock, long())
    await clock.moveTo('2026-01-01T09:16:00Z', 2)
    expect(await scene.slots('task')).toEqual(['01-01 09:00'])
    expect(await scene.slots('other')).toHaveLength(4)
    expect((await readLastRun(scene.shop.db, 'task'))?.state).toBe('running')
    end()
    await until(async () => (await scene.slots('task')).length === 2)
    expect(await scene.slots('task')).toEqual(['01-01 09:00', '01-01 09:15'])
    await until(() => running === 1)
    expect(most).toBe(1)
    end()
  })

  test('that somebody else runs makes up for its slot soon after', async ({ scene }) => {
    const { db } = scene.shop
    const byHand = await claimSlot(db, 'task', Date.parse('2026-01-01T09:59:50Z'))
    if (byHand.kind !== 'claimed') throw new Error('not claimed')
    const clock = new FakeClock('2026-01-01T10:00:00Z')
    const { runs } = scene.start(clock, task('0 * * * *'))
    await clock.moveTo('2026-01-01T10:00:30Z', 1)
    expect(runs).toEqual([])
    await endRun(db, byHand.run, { result: 'done', message: 'well' })
    await clock.moveTo('2026-01-01T10:00:36Z', 1)
    expect(await scene.slots('task')).toEqual(['01-01 09:59', '01-01 10:00'])
    expect(runs).toHaveLength(1)
  })

  test('in hand is finished when the schedule is stopped', async ({ scene }) => {
    const clock = new FakeClock('2026-01-01T09:00:00Z')
    let begun = false
    let end = () => {}
    const { runs, stop } = scene.start(
      clock,
      task('0 * * * *', () => {
        begun = true
        return new Promise<string>((done) => {
          end = () => done('finished')
        })
      }),
    )
    await until(() => begun)
    const stopped = stop()
    end()
    await stopped
    expect(runs).toMatchObject([['task', { result: 'done', message: 'finished' }]])
  })
})

describe('a database that does not answer', () => {
  test('is reported once, asked again, and reported when it answers', async ({ scene }) => {
    const clock = new FakeClock('2026-01-01T09:00:00Z')
    await scene.shop.db.schema.alterTable('schedule_runs').renameTo('elsewhere').execute()
    const { runs, notices } = scene.start(clock, task('0 * * * *'))
    await clock.settled(1)
    await clock.moveTo('2026-01-01T09:00:16Z', 1)
    expect(notices).toEqual(['Looking failed: no such table: schedule_runs. Trying again.'])
    await scene.shop.db.schema.alterTable('elsewhere').renameTo('schedule_runs').execute()
    await clock.moveTo('2026-01-01T09:00:26Z', 1)
    expect(runs).toHaveLength(1)
    expect(notices.slice(1)).toEqual(['Looking works again.'])
  })
})

describe('a run whose process died', () => {
  const SLOT = Date.parse('2026-01-01T09:00:00Z')

  /** A process that is gone, or one of another host that was not heard of. */
  async function die({ shop: { db } }: Scene, changes: { pid?: number; host?: string; lease_until?: number }) {
    await db
      .updateTable('schedule_runs')
      .set({ pid: 2 ** 30, ...changes })
      .where('ended_at', 'is', null)
      .execute()
  }

  test('is begun once more, and then given up', async ({ scene }) => {
    const { db } = scene.shop
    expect(await claimSlot(db, 'task', SLOT)).toMatchObject({ kind: 'claimed', run: { attempt: 1 } })
    expect(await claimSlot(db, 'task', SLOT)).toMatchObject({ kind: 'busy', by: { pid: process.pid } })
    await die(scene, {})
    expect(await claimSlot(db, 'task', SLOT)).toMatchObject({ kind: 'claimed', run: { attempt: 2 } })
    expect(await claimSlot(db, 'task', SLOT)).toMatchObject({ kind: 'busy' })
    await die(scene, {})
    expect(await claimSlot(db, 'task', SLOT)).toEqual({ kind: 'taken' })
    expect((await readLastRun(db, 'task'))?.state).toEqual({
      result: 'failed',
      message: 'its process ended before it did',
    })
  })

  test('does not hold up the next slot', async ({ scene }) => {
    const { db } = scene.shop
    await claimSlot(db, 'task', SLOT)
    await die(scene, {})
    expect((await readLastRun(db, 'task'))?.state).toMatchObject({ result: 'failed' })
    expect(await claimSlot(db, 'task', SLOT + 1)).toMatchObject({ kind: 'claimed', run: { attempt: 1 } })
    const rows = await db.selectFrom('schedule_runs').select(['slot', 'result']).orderBy('slot').execute()
    expect(rows).toEqual([
      { slot: SLOT, result: 'failed' },
      { slot: SLOT + 1, result: null },
    ])
  })

  test('on another host is known by its silence', async ({ scene }) => {
    const { db } = scene.shop
    await claimSlot(db, 'task', SLOT)
    await die(scene, { host: 'far-away' })
    expect(await claimSlot(db, 'task', SLOT)).toMatchObject({ kind: 'busy', by: { host: 'far-away' } })
    await die(scene, { host: 'far-away', lease_until: Date.now() - 1 })
    expect(await claimSlot(db, 'task', SLOT)).toMatchObject({ kind: 'claimed', run: { attempt: 2 } })
  })

  test('writes nothing more once it was taken over', async ({ scene }) => {
    const { db } = scene.shop
    const first = await claimSlot(db, 'task', SLOT)
    await die(scene, { lease_until: 0 })
    const second = await claimSlot(db, 'task', SLOT)
    if (first.kind !== 'claimed' || second.kind !== 'claimed') throw new Error('not claimed')
    await endRun(db, first.run, { result: 'failed', message: 'late' })
    expect((await readLastRun(db, 'task'))?.state).toBe('running')
    await endRun(db, second.run, { result: 'done', message: 'well' })
    expect((await readLastRun(db, 'task'))?.state).toEqual({ result: 'done', message: 'well' })
  })
})

test('runs older than 30 days are forgotten, save that of the latest slot', async ({ scene }) => {
  const { db } = scene.shop
  const clock = new FakeClock('2026-01-01T09:00:00Z')
  scene.start(clock, task('0 * * * *'))
  await clock.moveTo('2026-01-01T11:10:00Z', 1)
  const age = (days: number) => ({ started_at: Date.now() - days * 86_400_000 })
  await db.updateTable('schedule_runs').set(age(31)).where('slot', '<', Date.parse('2026-01-01T10:00Z')).execute()
  await db.updateTable('schedule_runs').set(age(29)).where('slot', '=', Date.parse('2026-01-01T10:00Z')).execute()
  await clock.moveTo('2026-01-01T12:10:00Z', 1)
  expect(await scene.slots('task')).toEqual(['01-01 10:00', '01-01 11:00', '01-01 12:00'])
})

test('a run by hand does not make the run of the latest slot forgotten, however old', async ({ scene }) => {
  const { db } = scene.shop
  const yearly = task('0 0 1 1 *')
  const by = async (time: string) => {
    const claim = await claimSlot(db, 'task', Date.parse(time))
    if (claim.kind !== 'claimed') throw new Error('not claimed')
    await runTask(db, yearly, claim.run)
    await db.updateTable('schedule_runs').set({ started_at: 0 }).execute()
  }
  for (const time of ['2025-01-01T00:00Z', '2025-05-05T05:05Z', '2026-01-01T00:00Z', '2026-03-03T03:03Z'])
    await by(time)
  expect(await scene.slots('task')).toEqual(['01-01 00:00', '03-03 03:03'])
})
