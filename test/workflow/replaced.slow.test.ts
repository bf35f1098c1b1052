// A database file that is moved, removed or replaced while processes have it open: they end, and no file is damaged.

import { linkSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import SqliteDatabase from 'better-sqlite3'
import { describe, expect } from 'vitest'
import { openDatabase } from '../../src/database/connection.js'
import { expectAuditClean, type Outcome, type Running } from '../support/cli.js'
import { SLOW, singles } from '../support/drain.js'
import { type Shop, test } from '../support/shop.js'
import { until } from '../support/until.js'

async function makeShop(shop: Shop, path: string, orders: string): Promise<void> {
  const { code, stderr } = await shop.runWith(at(path), 'import', shop.file('orders.csv', orders))
  expect(code, stderr).toBe(0)
}

const at = (path: string) => ({ ORDERCTL_DATABASE_URL: `sqlite:${path}` })

/** Over a connection that is closed at once, so that it keeps no file in use. */
function statuses(path: string): Record<string, number> {
  const db = new SqliteDatabase(path, { readonly: true })
  try {
    const rows = db.prepare('select status, count(*) from orders group by status').raw().all()
    return Object.fromEntries(rows as [string, number][])
  } finally {
    db.close()
  }
}

async function expectSound(path: string): Promise<void> {
  const db = await openDatabase({ kind: 'sqlite', path })
  await expectAuditClean(db).finally(() => db.destroy())
}

/** A worker that has settled some of 1,000 orders. */
async function startBusyWorker(shop: Shop): Promise<Running> {
  await makeShop(shop, shop.path, singles(1000))
  const worker = shop.start(SLOW, 'work', '--concurrency', '2')
  await until(() => Number(statuses(shop.path)['completed'] ?? 0) >= 40)
  return worker
}

function expectStopped({ code, stderr }: Outcome, shop: Shop): void {
  expect(stderr).toContain(`${shop.path} was moved, removed or replaced`)
  expect(stderr).not.toMatch(/a bug of ours/)
  expect(code, stderr).toBe(1)
}

describe('a worker ends when its database file', () => {
  test('is moved, and the moved file has everything that was committed', async ({ shop }) => {
    const worker = await startBusyWorker(shop)
    const moved = join(shop.folder, 'moved.sqlite')
    renameSync(shop.path, moved)
    expectStopped(await worker.ended, shop)
    // Changes in the log would be lost to the moved file, and applied to the next file of the old name.
    expect(statSync(`${shop.path}-wal`, { throwIfNoEntry: false })?.size ?? 0).toBe(0)
    const left = statuses(moved)
    expect(Object.values(left).reduce((sum, orders) => sum + orders, 0)).toBe(1000)
    expect(left['completed']).toBeGreaterThanOrEqual(40)
    await expectSound(moved)
    const quick = { ...SLOW, ...at(moved), ORDERCTL_PAYMENT_LATENCY_MS: '0' }
    expect((await shop.runWith(quick, 'work', '--drain')).code).toBe(0)
    expect(statuses(moved)).toEqual({ completed: 1000 })
    await expectSound(moved)
  })

  test('is replaced by another, and writes nothing to the new file', async ({ shop }) => {
    const [kept, other] = [join(shop.folder, 'kept.sqlite'), join(shop.folder, 'other.sqlite')]
    await makeShop(shop, other, singles(300).replaceAll('A-', 'B-'))
    const worker = await startBusyWorker(shop)
    linkSync(shop.path, kept)
    renameSync(other, shop.path)
    expectStopped(await worker.ended, shop)
    expect(statuses(shop.path)).toEqual({ pending: 300 })
    await expectSound(shop.path)
    expect(statuses(kept)['completed']).toBeGreaterThanOrEqual(40)
    await expectSound(kept)
  })

  test('is removed and created again, even if the worker has nothing to do', async ({ shop }) => {
    await makeShop(shop, shop.path, singles(1))
    const worker = shop.start({ ORDERCTL_LOG_FORMAT: 'json' }, 'work')
    await until(() => statuses(shop.path)['pending'] === undefined)
    for (const suffix of ['', '-wal', '-shm']) rmSync(`${shop.path}${suffix}`, { force: true })
    await makeShop(shop, shop.path, singles(30).replaceAll('A-', 'B-'))
    expectStopped(await worker.ended, shop)
    expect(statuses(shop.path)).toEqual({ pending: 30 })
    await expectSound(shop.path)
  })
})

test.for([
  { command: ['schedule'], started: 'next alarms' },
  { command: ['status', '--watch'], started: 'waiting=1' },
])('$command ends when the database file is moved', async ({ command, started }, { shop }) => {
  await makeShop(shop, shop.path, singles(1))
  const running = shop.start({}, ...command)
  await running.saw(started)
  renameSync(shop.path, join(shop.folder, 'moved.sqlite'))
  expectStopped(await running.ended, shop)
})
