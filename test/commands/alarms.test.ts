// What status and doctor say about alarms.
import { describe, expect } from 'vitest'
import { HOUR, test } from '../support/commands-shop.js'

const NAMES = ['wait', 'failure_rate', 'unresolved', 'stale_workers', 'schedule']

interface Shown {
  readonly alarms: readonly { readonly name: string; readonly crossed: boolean; readonly fix: string | null }[]
}

describe.concurrent('status --alarms', () => {
  test('ends with 0 on a new database', async ({ shop }) => {
    const { code, result } = await shop.json('status', '--alarms')
    expect(code).toBe(0)
    const { alarms } = result as Shown
    expect(alarms.map(({ name, crossed, fix }) => [name, crossed, fix])).toEqual(
      NAMES.map((name) => [name, false, null]),
    )
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
      expect(stderr).toMatch(/^Alarm wait: Nobody works on the queue\. Start with: orderctl work$/m)
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
    shop.waitingOrder('unknown')
    const stepsIn = async (environment: Record<string, string> = {}) =>
      (await shop.runWith(environment, 'status')).stderr.trimEnd().split('\n')
    const ask = 'Alarm unresolved: Ask the gateway again with `orderctl failed retry --reason payment_unknown`.'
    expect(await stepsIn()).toEqual(['Alarm wait: Nobody works on the queue. Start with: orderctl work', ask])
    const off = { ORDERCTL_ALARM_WAIT_SECONDS: 'off', ORDERCTL_ALARM_UNRESOLVED_ORDERS: 'off' }
    const asked = '1 order to review. See why: orderctl failed list --reason payment_unknown, or --reason poison'
    expect(await stepsIn(off)).toEqual(['Nobody works on the queue. Start with: orderctl work', asked])
    const silentSince = Date.now() - HOUR / 10
    const worker = "('w', 'h', 1, 5, 1, ?, 0, 0, null, null, 0, 0, 0, null, null, null)"
    shop.db.prepare(`insert into workers values ${worker}`).run(silentSince)
    const replace = /^Alarm stale_workers: .* start a worker: `orderctl work`\./
    expect(await stepsIn(off)).toEqual([expect.stringMatching(replace), asked])
    shop.db.exec("insert into settings values ('queue_paused', 'yes')")
    const paused = 'The queue is paused. Let it go on with: orderctl queue resume'
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

describe.concurrent('doctor', () => {
  const look = async (shop: { json(...args: string[]): Promise<{ result: unknown }> }) => {
    const { checks } = (await shop.json('doctor')).result as {
      checks: { name: string; ok: boolean; detail: string; fix: string | null }[]
    }
    return (name: string) => checks.find((check) => check.name === name)
  }

  test('finds a schedule that is never used well, and one that has stopped not', async ({ shop }) => {
    const first = await look(shop)
    expect(first('schedule')).toMatchObject({ ok: true, detail: 'never used' })
    expect(first('alarms')).toMatchObject({ ok: true, detail: 'none of 5 crossed' })
    await shop.run('schedule', 'run', 'kpis')
    expect((await look(shop))('schedule')).toMatchObject({ ok: true })
    shop.db.exec(
      "update schedule_runs set begun_by = 'schedule', slot = slot - 7200000, started_at = started_at - 7200000",
    )
    const second = await look(shop)
    expect(second('schedule')).toMatchObject({
      ok: false,
      detail: expect.stringMatching(/^No `schedule` process has run kpis since \d/),
      fix: expect.stringContaining('orderctl schedule'),
    })
    expect(second('alarms')).toMatchObject({ ok: false, detail: expect.stringContaining('schedule: No') })
  })

  test('finds a task that failed last', async ({ shop }) => {
    shop.db.exec('alter table queue_snapshots rename to elsewhere')
    await shop.run('schedule', 'run', 'snapshots')
    expect((await look(shop))('schedule')).toMatchObject({
      ok: false,
      detail: 'The task snapshots failed last: no such table: queue_snapshots',
      fix: expect.stringContaining('orderctl schedule run'),
    })
  })
})
