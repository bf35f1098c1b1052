// Alarms in status and doctor.

import { describe, expect } from 'vitest'
import type { AlarmJson } from '../../src/command-line/status-metrics.js'
import { checksOf } from '../support/doctor.js'
import { HOUR, test } from '../support/shop.js'

const NAMES = ['wait', 'failure_rate', 'unresolved', 'stale_workers', 'schedule']

interface Shown {
  readonly alarms: readonly AlarmJson[]
}

describe.concurrent('status', () => {
  test('--alarms exits with 0 and shows no alarm on a new database', async ({ shop }) => {
    const { code, result } = await shop.json('status', '--alarms')
    expect(code).toBe(0)
    expect(result).toMatchObject({ alarms: NAMES.map((name) => ({ name, crossed: false, fix: null })) })
    const { stdout, stderr } = await shop.run('status', '--alarms')
    expect(stdout + stderr).not.toContain('Alarm')
  })

  test('--alarms exits with 1 if an alarm is raised; status shows it and exits with 0', async ({ shop }) => {
    shop.order('1001', { dueAt: Date.now() - HOUR })
    const asked = await shop.run('status', '--alarms')
    const seen = await shop.run('status')
    expect([asked.code, seen.code]).toEqual([1, 0])
    for (const { stdout, stderr } of [asked, seen]) {
      expect(stdout).toMatch(/\nAlarms\n[\s\S]*\nwait +.*60 min[\s\S]*15 min/)
      expect(stderr).toMatch(/^Alarm wait: .*orderctl work$/m)
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

  test('gives each next step once, with its alarm if that is raised', async ({ shop }) => {
    shop.order('late', { dueAt: Date.now() - HOUR })
    shop.unknownOrder('unknown')
    const expectSteps = async (environment: Record<string, string>, ...steps: RegExp[]) => {
      const { stderr } = await shop.runWith(environment, 'status')
      expect(stderr.trimEnd().split('\n')).toEqual(steps.map((step) => expect.stringMatching(step)))
    }
    const off = { ORDERCTL_ALARM_WAIT_SECONDS: 'off', ORDERCTL_ALARM_UNRESOLVED_ORDERS: 'off' }
    const review = /^1 order .*failed list --reason payment_unknown/
    const ask = /^Alarm unresolved: .*failed retry --reason payment_unknown/
    const replace = /^Alarm stale_workers: .*orderctl work/
    await expectSteps({}, /^Alarm wait: .*orderctl work$/, ask)
    await expectSteps(off, /^No workers .*orderctl work$/, review)
    shop.worker('silent', Date.now() - HOUR / 10)
    await expectSteps(off, replace, review)
    shop.sqlite.exec("insert into settings values ('queue_paused', 'yes')")
    await expectSteps(off, replace, /^The queue .*queue resume$/, review)
    await expectSteps({}, /^Alarm wait: .*queue resume$/, ask, replace)
  })

  test('strips control characters from a SKU', async ({ shop }) => {
    shop.product('RED\u001b[31m', { onHand: 1 })
    const { stdout, stderr } = await shop.runWith({ ORDERCTL_ALARM_LOW_STOCK: '1' }, 'status')
    expect(stdout).toContain('RED[31m (1)')
    expect(stdout + stderr).not.toContain('\u001b')
  })
})

test.for([
  ['ORDERCTL_ALARM_WAIT_SECONDS', '0'],
  ['ORDERCTL_ALARM_FAILURE_RATE', '1.5'],
  ['ORDERCTL_ALARM_LOW_STOCK', 'on'],
] as const)('%s=%s is rejected', ([name, value], { newShop: shop }) => {
  expect(() => shop.config({ [name]: value })).toThrow(
    expect.objectContaining({ exit: 2, message: expect.stringMatching(`${name} "${value}".*, or off`) }),
  )
})

test('doctor reports the same alarms as status, including a task that failed', async ({ shop }) => {
  shop.order('late', { dueAt: Date.now() - HOUR })
  shop.sqlite.exec('alter table queue_snapshots rename to elsewhere')
  await shop.run('schedule', 'run', 'snapshots')
  shop.sqlite.exec('alter table elsewhere rename to queue_snapshots')
  const { alarms } = (await shop.json('status')).result as Shown
  const said = alarms.map(({ name, crossed, message, fix }) => ({ name, ok: !crossed, detail: message, fix }))
  expect((await checksOf(shop)).slice(-NAMES.length)).toMatchObject(said)
  expect(said.filter(({ ok }) => !ok)).toMatchObject([
    { name: 'wait' },
    { name: 'schedule', detail: expect.stringMatching(/snapshots .*no such table: queue_snapshots/) },
  ])
})
