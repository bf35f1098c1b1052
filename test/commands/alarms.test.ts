// What status and doctor say about alarms.

import { describe, expect } from 'vitest'
import type { AlarmJson } from '../../src/command-line/status-metrics.js'
import { checksOf } from '../support/doctor.js'
import { HOUR, test } from '../support/shop.js'

const NAMES = ['wait', 'failure_rate', 'unresolved', 'stale_workers', 'schedule']

interface Shown {
  readonly alarms: readonly AlarmJson[]
}

describe.concurrent('status --alarms', () => {
  test('ends with 0 on a new database', async ({ shop }) => {
    const { code, result } = await shop.json('status', '--alarms')
    expect(code).toBe(0)
    expect(result).toMatchObject({ alarms: NAMES.map((name) => ({ name, crossed: false, fix: null })) })
    const { stdout, stderr } = await shop.run('status', '--alarms')
    expect(stdout).not.toContain('Alarms')
    expect(stderr).not.toContain('Alarm')
  })

  test('ends with 1 where one is crossed, and status without it with 0; both say which', async ({ shop }) => {
    shop.order('1001', { dueAt: Date.now() - HOUR })
    const asked = await shop.run('status', '--alarms')
    const seen = await shop.run('status')
    expect([asked.code, seen.code]).toEqual([1, 0])
    for (const { stdout, stderr } of [asked, seen]) {
      expect(stdout).toMatch(/\nAlarms\n/)
      expect(stdout).toMatch(/│ wait +│ The oldest due order has waited for 60 min; the alarm is at 15 min. +│/)
      expect(stderr).toMatch(/^Alarm wait: No worker is running\. Start one with: orderctl work$/m)
    }
    const { code, result } = await shop.json('status', '--alarms')
    expect(code).toBe(1)
    const crossed = (result as Shown).alarms.filter((alarm) => alarm.crossed)
    expect(crossed).toMatchObject([{ name: 'wait', threshold: 900, fix: expect.stringContaining('orderctl work') }])
    const prom = await shop.run('status', '--alarms', '--format', 'prom')
    expect(prom.code).toBe(1)
    expect(prom.stdout.match(/^orderctl_alarm\{.*/gm)).toEqual(
      NAMES.map((name) => `orderctl_alarm{name="${name}"} ${name === 'wait' ? 1 : 0}`),
    )
    const off = await shop.runWith({ ORDERCTL_ALARM_WAIT_SECONDS: 'off' }, 'status', '--alarms')
    expect(off.code).toBe(0)
  })

  test('says once what to do, by the alarm where one is crossed', async ({ shop }) => {
    shop.order('late', { dueAt: Date.now() - HOUR })
    shop.unknownOrder('unknown')
    const stepsIn = async (environment: Record<string, string> = {}) =>
      (await shop.runWith(environment, 'status')).stderr.trimEnd().split('\n')
    const ask = 'Alarm unresolved: Ask the gateway again with `orderctl failed retry --reason payment_unknown`.'
    expect(await stepsIn()).toEqual(['Alarm wait: No worker is running. Start one with: orderctl work', ask])
    const off = { ORDERCTL_ALARM_WAIT_SECONDS: 'off', ORDERCTL_ALARM_UNRESOLVED_ORDERS: 'off' }
    const asked = '1 order to review. See why: orderctl failed list --reason payment_unknown, or --reason poison'
    expect(await stepsIn(off)).toEqual(['No worker is running. Start one with: orderctl work', asked])
    const silentSince = Date.now() - HOUR / 10
    const worker = "('w', 'h', 1, 5, 1, ?, 0, 0, null, null, 0, 0, 0, null, null, null)"
    shop.sqlite.prepare(`insert into workers values ${worker}`).run(silentSince)
    const replace = /^Alarm stale_workers: .* start a worker: `orderctl work`\./
    expect(await stepsIn(off)).toEqual([expect.stringMatching(replace), asked])
    shop.sqlite.exec("insert into settings values ('queue_paused', 'yes')")
    const paused = 'The queue is paused. Resume it with: orderctl queue resume'
    expect(await stepsIn(off)).toEqual([expect.stringMatching(replace), paused, asked])
    expect(await stepsIn()).toEqual([`Alarm wait: ${paused}`, ask, expect.stringMatching(replace)])
  })

  test('shows a SKU without what would move the cursor', async ({ shop }) => {
    shop.product('RED\u001b[31m', { onHand: 1 })
    const { stdout, stderr } = await shop.runWith({ ORDERCTL_ALARM_LOW_STOCK: '1' }, 'status')
    expect(stdout).toContain('RED[31m (1)')
    expect(stdout + stderr).not.toContain('\u001b')
  })

  test.for([
    ['ORDERCTL_ALARM_WAIT_SECONDS', '0'],
    ['ORDERCTL_ALARM_FAILURE_RATE', '1.5'],
    ['ORDERCTL_ALARM_LOW_STOCK', 'on'],
  ] as const)('refuses %s=%s', ([name, value], { shop }) => {
    expect(() => shop.config({ [name]: value })).toThrow(
      expect.objectContaining({ exit: 2, message: expect.stringMatching(`${name} is "${value}".*, or off`) }),
    )
  })
})

test('doctor finds the same alarms as status, that of a task that failed among them', async ({ shop }) => {
  shop.order('late', { dueAt: Date.now() - HOUR })
  shop.sqlite.exec('alter table queue_snapshots rename to elsewhere')
  await shop.run('schedule', 'run', 'snapshots')
  shop.sqlite.exec('alter table elsewhere rename to queue_snapshots')
  const { alarms } = (await shop.json('status')).result as Shown
  const said = alarms.map(({ name, crossed, message, fix }) => ({ name, ok: !crossed, detail: message, fix }))
  expect((await checksOf(shop)).slice(-NAMES.length)).toMatchObject(said)
  expect(said.filter(({ ok }) => !ok)).toMatchObject([
    { name: 'wait' },
    { name: 'schedule', detail: 'The task snapshots failed last: no such table: queue_snapshots' },
  ])
})
