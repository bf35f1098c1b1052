// migrate and config: what people run before the work.

import { existsSync } from 'node:fs'
import SqliteDatabase from 'better-sqlite3'
import { describe, expect } from 'vitest'
import { test } from '../support/shop.js'

describe.concurrent('migrate', () => {
  test('creates the database once; --status creates nothing', async ({ newShop: shop }) => {
    const before = await shop.json('migrate', '--status')
    expect(before.result).toMatchObject({ current: 0, migrations: [{ number: 1, applied_at: null }] })
    expect(existsSync(shop.path)).toBe(false)
    expect((await shop.json('migrate')).result).toEqual({ applied: ['first-release'], current: 1 })
    expect((await shop.json('migrate')).result).toEqual({ applied: [], current: 1 })
  })

  test("leaves another program's database alone", async ({ newShop: shop }) => {
    const other = new SqliteDatabase(shop.path)
    other.exec('create table notes (text)')
    other.close()
    const outcome = await shop.run('migrate', '--status')
    expect(outcome).toMatchObject({ code: 1, stderr: expect.stringContaining('another program') })
  })
})

test('config shows each setting with its value and origin, and needs no database', async ({ newShop: shop }) => {
  shop.file('orderctl.config.json', '{"payments": {"seed": "abc"}, "timeZone": "Europe/Berlin"}')
  const { result } = await shop.jsonWith({ ORDERCTL_TIME_ZONE: 'Asia/Tokyo' }, 'config')
  const { settings } = result as { settings: { key: string }[] }
  const file = expect.stringContaining('orderctl.config.json')
  for (const setting of [
    { key: 'timeZone', value: 'Asia/Tokyo', origin: 'ORDERCTL_TIME_ZONE' },
    { key: 'payments.seed', value: 'abc', origin: file },
    { key: 'workflow.batchSize', value: '2000', origin: 'default', environment: 'ORDERCTL_BATCH_SIZE' },
  ]) {
    expect(settings).toContainEqual(expect.objectContaining(setting))
  }
  expect(existsSync(shop.path)).toBe(false)
})
