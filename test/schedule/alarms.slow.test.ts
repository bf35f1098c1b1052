// Who is told of alarms, and how often, with a real command.

import { existsSync, readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { alarmCommandOf } from '../../src/command-line/alarm-command.js'
import { openDatabase } from '../../src/database/connection.js'
import { checkAlarms, NotifyTimeout } from '../../src/schedule/alarm-state.js'
import type { Running } from '../support/cli.js'
import { test as plainTest, type Shop } from '../support/shop.js'
import { until } from '../support/until.js'

const DAILY = '0 0 * * *'
const WATCHED = { ORDERCTL_ALARM_LOW_STOCK: '5' }
/** Other tasks run once when it starts, and then by night. */
const OFTEN = {
  ...WATCHED,
  ORDERCTL_SCHEDULE_KPIS: DAILY,
  ORDERCTL_SCHEDULE_LEADERBOARDS: DAILY,
  ORDERCTL_SCHEDULE_SNAPSHOTS: DAILY,
  ORDERCTL_SCHEDULE_RESERVATIONS: DAILY,
  ORDERCTL_SCHEDULE_ALARMS: '*/5 * * * * *',
}
/** Looks once when it starts, and then every minute. */
const ONCE = { ...OFTEN, ORDERCTL_SCHEDULE_ALARMS: '* * * * *' }

/** With a product of which too little is left. */
const test = plainTest.extend<{ low: Shop }>({
  low: async ({ shop }, use) => {
    shop.product('S-1', { onHand: 5 })
    await use(shop)
  },
})

const RAISED = 'low_stock raised'
const CLEARED = 'low_stock cleared'

const toldFile = (shop: Shop) => join(shop.folder, 'told.txt')

/** A command that writes down what it is told. */
const writeDown = (shop: Shop) => `echo "$ORDERCTL_ALARM_NAME $ORDERCTL_ALARM_STATE" >> '${toldFile(shop)}'`

function told(shop: Shop): string[] {
  return existsSync(toldFile(shop)) ? readFileSync(toldFile(shop), 'utf8').trim().split('\n') : []
}

function stock(shop: Shop, onHand: number): void {
  shop.sqlite.prepare('update products set on_hand = ?').run(onHand)
}

function commandOf({ folder }: Shop, exec: string | undefined, deadlineMs?: number) {
  return alarmCommandOf(exec, { stderr: process.stderr, environment: process.env, folder }, true, deadlineMs)
}

/** Looks once, without a process for it. Returns what was found; throws if it could not be told. */
async function look(shop: Shop, exec?: string): Promise<string> {
  const config = shop.config(WATCHED)
  const db = await openDatabase(config.database)
  return checkAlarms(db, config, commandOf(shop, exec)).finally(() => db.destroy())
}

/** Looks once with each of these in stock. Returns what was found, without its figures. */
async function looks(shop: Shop, onHands: readonly number[], exec?: string): Promise<(string | undefined)[]> {
  const found: (string | undefined)[] = []
  for (const onHand of onHands) {
    stock(shop, onHand)
    found.push((await look(shop, exec)).split(':')[0])
  }
  return found
}

/** Looks once, as cron would have it. */
function runOnce(shop: Shop, exec: string) {
  return shop.jsonWith(WATCHED, 'schedule', 'run', 'alarms', '--exec', exec)
}

async function looksAgain(shop: Shop, times: number): Promise<void> {
  const ended = () => Number(shop.value("select count(*) from schedule_runs where task = 'alarms' and ended_at > 0"))
  const before = ended()
  await until(() => ended() - before >= times)
}

async function stop(...running: readonly Running[]) {
  for (const { child } of running) child.kill('SIGTERM')
  return Promise.all(running.map(({ ended }) => ended))
}

describe.concurrent('schedule --exec', () => {
  test('tells once of the raise and once of the end, two schedules at once', async ({ low: shop }) => {
    const both = [1, 2].map(() => shop.start(OFTEN, 'schedule', '--exec', writeDown(shop)))
    await Promise.all(both.map((one) => one.saw('next alarms at')))
    await until(() => told(shop).length > 0)
    expect(told(shop)).toEqual([RAISED])
    await looksAgain(shop, 2)
    stock(shop, 6)
    await until(() => told(shop).length > 1)
    expect(told(shop)).toEqual([RAISED, CLEARED])
    await looksAgain(shop, 2)
    const outcomes = await stop(...both)
    expect(told(shop)).toEqual([RAISED, CLEARED])
    expect(outcomes.map(({ code }) => code)).toEqual([130, 130])
    const said = outcomes.map(({ stderr }) => stderr).join('')
    expect(said.match(/low_stock raised: Products with 5 or fewer units available: S-1 \(5\)/g)).toHaveLength(1)
    expect(said.match(/low_stock cleared/g)).toHaveLength(1)
  })

  test('tells also where schedules without a command take their slots', async ({ low: shop }) => {
    const silent = shop.start(ONCE, 'schedule')
    await silent.saw('low_stock raised')
    expect(shop.rows('select told from alarms')).toEqual([{ told: null }])
    const telling = shop.start(ONCE, 'schedule', '--exec', writeDown(shop))
    await until(() => told(shop).length > 0)
    expect(told(shop)).toEqual([RAISED])
    await stop(silent, telling)
    expect(told(shop)).toEqual([RAISED])
  })

  test('tells nothing of what was missed while no schedule ran', async ({ shop }) => {
    const first = shop.start(ONCE, 'schedule')
    await Promise.all([first.saw('alarms done'), first.saw('kpis done')])
    await stop(first)
    shop.sqlite.exec('update schedule_runs set slot = slot - 172800000, started_at = started_at - 172800000')
    const { code, result } = await shop.jsonWith(ONCE, 'status', '--alarms')
    expect(code).toBe(1)
    const late = { name: 'schedule', crossed: true, message: expect.stringMatching(/kpis.*, alarms since/) }
    expect((result as { alarms: object[] }).alarms).toContainEqual(expect.objectContaining(late))
    const second = shop.start(ONCE, 'schedule', '--exec', writeDown(shop))
    await second.saw('alarms done')
    await stop(second)
    expect(told(shop)).toEqual([])
  })
})

describe.concurrent('schedule run alarms', () => {
  test('raises at once, and clears at the second quiet look in a row', async ({ low: shop }) => {
    const still = 'low_stock still raised'
    const expected = [RAISED, still, still, still, still, CLEARED, 'none raised', RAISED]
    expect(await looks(shop, [5, 5, 6, 5, 6, 6, 6, 5])).toEqual(expected)
  })

  test('without a command leaves it to one with a command to tell, the end after the raise', async ({ low: shop }) => {
    await looks(shop, [5, 6, 6])
    expect(shop.rows('select told, cleared_at > 0 as cleared from alarms')).toEqual([{ told: null, cleared: 1 }])
    await looks(shop, [6, 6], writeDown(shop))
    expect(told(shop)).toEqual([RAISED, CLEARED])
  })

  test('tells again after it was killed before it knew that the command had succeeded', async ({ low: shop }) => {
    const killing = `${writeDown(shop)}; kill -9 $PPID`
    const killed = shop.start(WATCHED, 'schedule', 'run', 'alarms', '--exec', killing)
    expect(await killed.ended).toMatchObject({ code: null })
    expect(told(shop)).toEqual([RAISED])
    expect((await runOnce(shop, writeDown(shop))).code).toBe(0)
    await look(shop, writeDown(shop))
    expect(told(shop)).toEqual([RAISED, RAISED])
  })

  test('does not tell of what came and went more than an hour ago', async ({ low: shop }) => {
    const came = shop.sqlite.prepare("insert into alarms values ('low_stock', 1000, ?, 2, null, 'low', 5, 5)")
    came.run(Date.now() - 3_600_000)
    await looks(shop, [6], writeDown(shop))
    expect(told(shop)).toEqual([])
    await looks(shop, [5], writeDown(shop))
    expect(told(shop)).toEqual([RAISED])
  })

  test('runs a command that fails again, and says so, until it succeeds', async ({ low: shop }) => {
    const failing = `${writeDown(shop)}; test -e well || exit 7`
    for (const _ of [1, 2]) {
      const message = 'low_stock: the command of --exec ended with exit code 7; told again at the next check'
      expect(await runOnce(shop, failing)).toMatchObject({ code: 1, result: { result: 'failed', message } })
    }
    const listed = (await shop.json('schedule', 'list')).result as { tasks: { last_result: string | null }[] }
    expect(listed.tasks[4]?.last_result).toContain('exit code 7')
    shop.file('well', '')
    for (const _ of [1, 2]) expect((await runOnce(shop, failing)).code).toBe(0)
    expect(told(shop)).toEqual([RAISED, RAISED, RAISED])
  })

  test('says nothing of an end that was none by the time it could be told', async ({ low: shop }) => {
    const deaf = `test "$ORDERCTL_ALARM_STATE" = raised && ${writeDown(shop)}`
    await looks(shop, [5, 6], deaf)
    await expect(look(shop, deaf)).rejects.toThrow('told again at the next check')
    await looks(shop, [5], writeDown(shop))
    expect(told(shop)).toEqual([RAISED])
  })

  test('one alarm that cannot be told does not keep the others from being told', async ({ low: shop }) => {
    shop.unknownOrder('1001')
    const deaf = `test "$ORDERCTL_ALARM_NAME" = low_stock && ${writeDown(shop)}`
    await expect(look(shop, deaf)).rejects.toThrow(/^unresolved: .*told again at the next check$/)
    expect(told(shop)).toEqual([RAISED])
    await look(shop, writeDown(shop))
    expect(told(shop)).toEqual([RAISED, 'unresolved raised'])
  })

  test('clears an alarm that was turned off', async ({ low: shop }) => {
    await look(shop, writeDown(shop))
    await shop.run('schedule', 'run', 'alarms', '--exec', writeDown(shop))
    expect(told(shop)).toEqual([RAISED, CLEARED])
  })

  test('hands over what happened in the environment, where no shell reads it', async ({ shop }) => {
    shop.product(`S-1"'; touch pwned; $(touch pwned) \`touch pwned\`\n\u001b[31m\u0000red`, { onHand: 4 })
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
      MESSAGE: `Products with 5 or fewer units available: S-1"'; touch pwned; $(touch pwned) \`touch pwned\` [31mred (4).`,
      FIX: expect.stringContaining('products adjust'),
      VALUE: '4',
      THRESHOLD: '5',
      SINCE: new Date(Number(shop.value('select raised_at from alarms'))).toISOString(),
    })
  })

  test('takes a command for this task alone, and one that is there', async ({ shop }) => {
    const other = await shop.run('schedule', 'run', 'kpis', '--exec', 'true')
    expect(other).toMatchObject({ code: 2, stderr: expect.stringContaining('orderctl schedule run alarms --exec') })
    for (const args of [['run', 'alarms'], []]) {
      const empty = await shop.run('schedule', ...args, '--exec', ' ')
      expect(empty).toMatchObject({ code: 2, stderr: expect.stringContaining('names no command') })
    }
  })
})

test('a command that hangs is killed with its children', async ({ shop }) => {
  const pids = join(shop.folder, 'pids')
  const tell = commandOf(shop, `sleep 600 & echo $! > '${pids}'; wait`, 500)
  const telling = { name: 'wait', state: 'raised', message: '', fix: '', value: 1, threshold: 1, since: 0 } as const
  await expect(tell?.(telling)).rejects.toThrow(NotifyTimeout)
  const stat = `/proc/${readFileSync(pids, 'utf8').trim()}/stat`
  // A zombie that nobody has waited for does nothing any more.
  await until(async () => (await readFile(stat, 'utf8').catch(() => ') Z ')).includes(') Z '))
})
