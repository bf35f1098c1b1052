// Who is notified of alarms, and how often, with a real command.

import { existsSync, readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { alarmCommandOf } from '../../src/command-line/alarm-command.js'
import { checkAlarms, NotifyTimeout } from '../../src/schedule/alarm-state.js'
import type { Running } from '../support/cli.js'
import { type Shop, test as shopTest } from '../support/shop.js'
import { until } from '../support/until.js'

const WATCHED = { ORDERCTL_ALARM_LOW_STOCK: '5' }
const OTHER_TASKS = ['KPIS', 'LEADERBOARDS', 'SNAPSHOTS', 'RESERVATIONS']
const AT_NIGHT = Object.fromEntries(OTHER_TASKS.map((task) => [`ORDERCTL_SCHEDULE_${task}`, '0 0 * * *']))
/** Alarms are checked at the start and every five seconds; other tasks run once at the start, and then at night. */
const OFTEN = { ...WATCHED, ...AT_NIGHT, ORDERCTL_SCHEDULE_ALARMS: '*/5 * * * * *' }
/** Alarms are checked at the start and every minute. */
const ONCE = { ...OFTEN, ORDERCTL_SCHEDULE_ALARMS: '* * * * *' }

/** `low` has a product with low stock. */
const test = shopTest.extend<{ low: Shop }>({
  low: async ({ shop }, use) => {
    shop.product('S-1', { onHand: 5 })
    await use(shop)
  },
})

const RAISED = 'low_stock raised'
const CLEARED = 'low_stock cleared'

const file = (shop: Shop) => join(shop.folder, 'notified.txt')

/** A command that appends the alarm that it is notified of to the file. */
const append = (shop: Shop) => `echo "$ORDERCTL_ALARM_NAME $ORDERCTL_ALARM_STATE" >> '${file(shop)}'`

function notified(shop: Shop): string[] {
  return existsSync(file(shop)) ? readFileSync(file(shop), 'utf8').trim().split('\n') : []
}

function setStock(shop: Shop, onHand: number): void {
  shop.sqlite.prepare('update products set on_hand = ?').run(onHand)
}

function commandOf({ folder }: Shop, exec: string | undefined, deadlineMs?: number) {
  return alarmCommandOf(exec, { stderr: process.stderr, environment: process.env, folder }, true, deadlineMs)
}

/** Checks once, in this process. Returns the findings; throws if the command fails. */
function check(shop: Shop, exec?: string): Promise<string> {
  return checkAlarms(shop.db, shop.config(WATCHED), commandOf(shop, exec))
}

/** Checks once with each of these in stock. Returns the findings, without their figures. */
async function checks(shop: Shop, onHands: readonly number[], exec?: string): Promise<(string | undefined)[]> {
  const found: (string | undefined)[] = []
  for (const onHand of onHands) {
    setStock(shop, onHand)
    found.push((await check(shop, exec)).split(':')[0])
  }
  return found
}

/** Checks once, as cron does. */
function runOnce(shop: Shop, exec: string) {
  return shop.jsonWith(WATCHED, 'schedule', 'run', 'alarms', '--exec', exec)
}

async function moreChecks(shop: Shop, times: number): Promise<void> {
  const ended = () => Number(shop.value("select count(*) from schedule_runs where task = 'alarms' and ended_at > 0"))
  const before = ended()
  await until(() => ended() - before >= times)
}

async function stop(...running: readonly Running[]) {
  for (const { child } of running) child.kill('SIGTERM')
  return Promise.all(running.map(({ ended }) => ended))
}

describe.concurrent('schedule --exec', () => {
  test('notifies once when an alarm is raised and once when it is cleared, with two schedules', async ({
    low: shop,
  }) => {
    const both = [1, 2].map(() => shop.start(OFTEN, 'schedule', '--exec', append(shop)))
    await Promise.all(both.map((one) => one.saw('next alarms at')))
    await until(() => notified(shop).length > 0)
    await moreChecks(shop, 2)
    expect(notified(shop)).toEqual([RAISED])
    setStock(shop, 6)
    await until(() => notified(shop).length > 1)
    await moreChecks(shop, 2)
    const outcomes = await stop(...both)
    expect(notified(shop)).toEqual([RAISED, CLEARED])
    expect(outcomes.map(({ code }) => code)).toEqual([130, 130])
    const said = outcomes.map(({ stderr }) => stderr).join('')
    expect(said.match(/low_stock raised: .*S-1 \(5\)/g)).toHaveLength(1)
    expect(said.match(/low_stock cleared/g)).toHaveLength(1)
  })

  test('does not notify of slots that were missed while no schedule ran', async ({ shop }) => {
    const first = shop.start(ONCE, 'schedule')
    await Promise.all([first.saw('alarms done'), first.saw('kpis done')])
    await stop(first)
    shop.sqlite.exec('update schedule_runs set slot = slot - 172800000, started_at = started_at - 172800000')
    const late = { name: 'schedule', crossed: true, message: expect.stringMatching(/kpis.*, alarms since/) }
    expect(await shop.jsonWith(ONCE, 'status', '--alarms')).toMatchObject({
      code: 1,
      result: { alarms: expect.arrayContaining([expect.objectContaining(late)]) },
    })
    const second = shop.start(ONCE, 'schedule', '--exec', append(shop))
    await second.saw('alarms done')
    await stop(second)
    expect(notified(shop)).toEqual([])
  })
})

describe.concurrent('schedule run alarms', () => {
  test('raises at once, and clears at the second check in a row that finds nothing', async ({ low: shop }) => {
    const still = 'low_stock still raised'
    const expected = [RAISED, still, still, still, still, CLEARED, 'none raised', RAISED]
    expect(await checks(shop, [5, 5, 6, 5, 6, 6, 6, 5])).toEqual(expected)
  })

  test('notifies of the raise and then of the end if both were found without a command', async ({ low: shop }) => {
    await checks(shop, [5, 6, 6])
    expect(shop.rows('select notified, cleared_at > 0 as cleared from alarms')).toEqual([
      { notified: null, cleared: 1 },
    ])
    await checks(shop, [6, 6], append(shop))
    expect(notified(shop)).toEqual([RAISED, CLEARED])
  })

  test('notifies again if it was killed before it stored that the command succeeded', async ({ low: shop }) => {
    const killing = `${append(shop)}; kill -9 $PPID`
    const killed = shop.start(WATCHED, 'schedule', 'run', 'alarms', '--exec', killing)
    expect(await killed.ended).toMatchObject({ code: null })
    await shop.endLeases()
    expect(notified(shop)).toEqual([RAISED])
    expect((await runOnce(shop, append(shop))).code).toBe(0)
    await check(shop, append(shop))
    expect(notified(shop)).toEqual([RAISED, RAISED])
  })

  test('does not notify of an alarm that was cleared more than an hour ago', async ({ low: shop }) => {
    const cleared = shop.sqlite.prepare("insert into alarms values ('low_stock', 1000, ?, 2, null, 'low', 5, 5)")
    cleared.run(Date.now() - 3_600_000)
    await checks(shop, [6], append(shop))
    expect(notified(shop)).toEqual([])
    await checks(shop, [5], append(shop))
    expect(notified(shop)).toEqual([RAISED])
  })

  test('reports a command that fails, and runs it again until it succeeds', async ({ low: shop }) => {
    const failing = `${append(shop)}; test -e well || exit 7`
    const message = expect.stringMatching('low_stock: .* exit code 7')
    for (const _ of [1, 2]) {
      expect(await runOnce(shop, failing)).toMatchObject({ code: 1, result: { result: 'failed', message } })
    }
    const listed = (await shop.json('schedule', 'list')).result as {
      tasks: { name: string; last_result: string | null }[]
    }
    expect(listed.tasks.find(({ name }) => name === 'alarms')?.last_result).toContain('exit code 7')
    shop.file('well', '')
    for (const _ of [1, 2]) expect((await runOnce(shop, failing)).code).toBe(0)
    expect(notified(shop)).toEqual([RAISED, RAISED, RAISED])
  })

  test('does not notify that an alarm was cleared if it is raised again by then', async ({ low: shop }) => {
    const failsToClear = `test "$ORDERCTL_ALARM_STATE" = raised && ${append(shop)}`
    await checks(shop, [5, 6], failsToClear)
    await expect(check(shop, failsToClear)).rejects.toThrow('low_stock')
    await checks(shop, [5], append(shop))
    expect(notified(shop)).toEqual([RAISED])
  })

  test('notifies of the other alarms if the command fails for one', async ({ low: shop }) => {
    shop.unknownOrder('1001')
    const failsForOne = `test "$ORDERCTL_ALARM_NAME" = low_stock && ${append(shop)}`
    await expect(check(shop, failsForOne)).rejects.toThrow(/^unresolved: /)
    expect(notified(shop)).toEqual([RAISED])
    await check(shop, append(shop))
    expect(notified(shop)).toEqual([RAISED, 'unresolved raised'])
  })

  test('clears an alarm that was turned off', async ({ low: shop }) => {
    await check(shop, append(shop))
    await shop.run('schedule', 'run', 'alarms', '--exec', append(shop))
    expect(notified(shop)).toEqual([RAISED, CLEARED])
  })

  test('passes the alarm in the environment, where no shell evaluates it', async ({ shop }) => {
    const name = `S-1"'; touch pwned; $(touch pwned) \`touch pwned\``
    shop.product(`${name}\n\u001b[31m\u0000red`, { onHand: 4 })
    const exec = 'env > env.txt; echo said by the command; echo complained >&2'
    const { code, stdout, stderr } = await shop.start(WATCHED, 'schedule', 'run', 'alarms', '--exec', exec).ended
    expect(code).toBe(0)
    expect(stderr).toBe('said by the command\ncomplained\n')
    expect(stdout).toMatch(/^alarms done in .*: low_stock raised: .*\n$/)
    expect(existsSync(join(shop.folder, 'pwned'))).toBe(false)
    const passed = readFileSync(join(shop.folder, 'env.txt'), 'utf8').matchAll(/^ORDERCTL_ALARM_(\w+)=(.*)$/gm)
    expect(Object.fromEntries([...passed].map(([, name, value]) => [name, value]))).toEqual({
      LOW_STOCK: '5',
      NAME: 'low_stock',
      STATE: 'raised',
      MESSAGE: expect.stringContaining(`${name} [31mred (4)`),
      FIX: expect.stringContaining('products adjust'),
      VALUE: '4',
      THRESHOLD: '5',
      SINCE: new Date(Number(shop.value('select raised_at from alarms'))).toISOString(),
    })
  })

  test.for([
    [['run', 'kpis', '--exec', 'true'], 'orderctl schedule run alarms --exec'],
    [['run', 'alarms', '--exec', ' '], '--exec'],
    [['--exec', ' '], '--exec'],
  ] as const)('schedule %s is wrong usage', async ([args, said], { shop }) => {
    expect(await shop.run('schedule', ...args)).toMatchObject({ code: 2, stderr: expect.stringContaining(said) })
  })
})

test('a command that hangs is killed with its children', async ({ shop }) => {
  const pids = join(shop.folder, 'pids')
  const notify = commandOf(shop, `sleep 600 & echo $! > '${pids}'; wait`, 500)
  const alarm = { name: 'wait', state: 'raised', message: '', fix: '', value: 1, threshold: 1, since: 0 } as const
  await expect(notify?.(alarm)).rejects.toThrow(NotifyTimeout)
  const stat = `/proc/${readFileSync(pids, 'utf8').trim()}/stat`
  // A zombie that was not reaped yet has ended.
  await until(async () => (await readFile(stat, 'utf8').catch(() => ') Z ')).includes(') Z '))
})
