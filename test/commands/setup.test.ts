// migrate, config and doctor: what is looked at before and beside the work.

import { chmodSync, existsSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import SqliteDatabase from 'better-sqlite3'
import { describe, expect } from 'vitest'
import type { DoctorResult } from '../../src/commands/doctor.js'
import { HOUR, type Shop, test } from '../support/shop.js'

describe.concurrent('migrate', () => {
  test('creates the database once; --status only looks', async ({ newShop: shop }) => {
    const before = await shop.json('migrate', '--status')
    expect(before.result).toMatchObject({ current: 0, migrations: [{ number: 1, applied_at: null }] })
    expect(existsSync(shop.path)).toBe(false)

    const first = await shop.json('migrate')
    const second = await shop.json('migrate')
    expect(first.result).toEqual({ applied: ['first-release'], current: 1 })
    expect(second.result).toEqual({ applied: [], current: 1 })
  })

  test("leaves another program's database alone", async ({ newShop: shop }) => {
    const other = new SqliteDatabase(shop.path)
    other.exec('create table notes (text)')
    other.close()
    const outcome = await shop.run('migrate', '--status')
    expect(outcome).toMatchObject({ code: 1, stderr: expect.stringContaining('database of another program') })
  })
})

describe.concurrent('config', () => {
  test('shows every setting and its origin, and needs no database', async ({ newShop: shop }) => {
    shop.file('orderctl.config.json', '{"payments": {"seed": "abc"}, "timeZone": "Europe/Berlin"}')
    const { stdout } = await shop.runWith({ ORDERCTL_TIME_ZONE: 'Asia/Tokyo' }, 'config', '--json')
    const settings: { key: string }[] = JSON.parse(stdout).settings
    const find = (key: string) => settings.find((setting) => setting.key === key)
    expect(find('timeZone')).toMatchObject({ value: 'Asia/Tokyo', origin: 'ORDERCTL_TIME_ZONE' })
    expect(find('payments.seed')).toMatchObject({
      value: 'abc',
      origin: expect.stringContaining('orderctl.config.json'),
    })
    expect(find('workflow.batchSize')).toMatchObject({
      value: '500',
      origin: 'default',
      environment: 'ORDERCTL_BATCH_SIZE',
    })
    expect(existsSync(shop.path)).toBe(false)
  })
})

describe.concurrent('doctor', () => {
  async function examine(shop: Shop, environment: Record<string, string> = {}) {
    const { code, result } = await shop.jsonWith(environment, 'doctor')
    const { ok, checks } = result as DoctorResult
    for (const check of checks) expect(check.fix === null).toBe(check.ok)
    return { code, ok, checks, failed: checks.filter((check) => !check.ok).map((check) => check.name) }
  }

  test('is content with a sound database', async ({ shop }) => {
    expect(await examine(shop)).toMatchObject({ code: 0, ok: true, failed: [] })
  })

  test('finds everything that stands still or waits', async ({ shop }) => {
    shop.order('1001', { dueAt: Date.now() - HOUR })
    shop.unknownOrder('1002')
    shop.import({ status: 'reading', host: hostname(), pid: 2 ** 22 + 1, leaseUntil: Date.now() + HOUR })
    shop.sqlite.exec("insert into settings values ('queue_paused', 'yes')")
    shop.sqlite.pragma('foreign_keys = OFF')
    shop.sqlite.exec('insert into order_lines values (999, 1, 1, 1, 1, 1)')
    chmodSync(shop.path, 0o644)

    const { code, checks } = await examine(shop)

    expect(code).toBe(1)
    const fixes = new Map(checks.filter((check) => !check.ok).map((check) => [check.name, check.fix]))
    expect([...fixes.keys()]).toEqual(['permissions', 'integrity', 'queue', 'imports', 'wait', 'unresolved'])
    expect(fixes.get('permissions')).toContain('chmod 600')
    expect(fixes.get('queue')).toContain('queue resume')
    expect(fixes.get('wait')).toContain('orderctl work')
    expect(fixes.get('imports')).toContain('--resume')
    expect(fixes.get('unresolved')).toContain('failed retry')
  })

  test('survives a broken configuration, and a file that is no database', async ({ newShop: shop }) => {
    const broken = await examine(shop, { ORDERCTL_BATCH_SIZE: 'many' })
    expect(broken.code).toBe(1)
    expect(broken.checks.find((check) => check.name === 'configuration')?.detail).toContain('ORDERCTL_BATCH_SIZE')
    const skipped = broken.checks.filter((check) => check.skipped)
    expect(skipped.map(({ name }) => name)).toEqual(['servers', 'database', 'work'])

    writeFileSync(shop.path, 'this is no database, but it is longer than a header of SQLite '.repeat(100))
    const noDatabase = await examine(shop)
    expect(noDatabase.code).toBe(1)
    expect(noDatabase.failed[0]).toBe('database')
  })

  test('finds damage inside the file', async ({ shop }) => {
    for (let id = 0; id < 200; id++) shop.order(`order-${id}`)
    const pages = Number(shop.sqlite.pragma('page_count', { simple: true }))
    shop.sqlite.pragma('wal_checkpoint(TRUNCATE)')
    damage(shop, pages)
    const damaged = await examine(shop)
    expect(damaged.code).toBe(1)
    expect(damaged.failed).toContain('integrity')
  })

  test('says how to make a database where there is none', async ({ newShop: shop }) => {
    const { code, stdout } = await shop.run('doctor')
    expect(code).toBe(1)
    expect(stdout).toMatch(/^FAILED +database /m)
    expect(stdout).toContain('Next: Run `orderctl import FILE`')
    expect(stdout.match(/FAILED/g)).toHaveLength(1)
    expect(existsSync(shop.path)).toBe(false)
  })
})

/** Writes over the last pages, which hold orders and not the schema. */
function damage({ path, sqlite }: Shop, pages: number): void {
  const size = Number(sqlite.pragma('page_size', { simple: true }))
  const bytes = sqlite.serialize()
  bytes.fill(0x5a, (pages - 6) * size)
  sqlite.close()
  writeFileSync(path, bytes)
}
