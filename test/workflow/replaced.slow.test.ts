// A database file that is moved, removed or replaced while processes have it open: they stop, and no file is harmed.

import { linkSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import SqliteDatabase from 'better-sqlite3'
import { describe, expect } from 'vitest'
import { asError, FailureReporter } from '../../src/background.js'
import { openDatabase, openOrCreateDatabase } from '../../src/database/connection.js'
import { isReplaced } from '../../src/database/opened-file.js'
import { startHeartbeat } from '../../src/workflow/heartbeat.js'
import type { Outcome, Running } from '../support/cli.js'
import { csv, line } from '../support/lines.js'
import { expectAuditClean, type Shop, test } from '../support/shop.js'
import { until } from '../support/until.js'

const SLOW = {
  ORDERCTL_PAYMENT_SUCCESS_RATE: '1',
  ORDERCTL_PAYMENT_LATENCY_MS: '100',
  ORDERCTL_BATCH_SIZE: '20',
  ORDERCTL_LEASE_MS: '1000',
}

const singles = (count: number, name: string) =>
  csv(...Array.from({ length: count }, (_, index) => line({ order: `${name}-${index}`, sku: `S-${index % 7}` })))

async function makeShop(shop: Shop, path: string, orders: string): Promise<void> {
  const { code, stderr } = await shop.runWith(at(path), 'import', shop.file('orders.csv', orders))
  expect(code, stderr).toBe(0)
}

const at = (path: string) => ({ ORDERCTL_DATABASE_URL: `sqlite:${path}` })

/** Over a connection that is gone afterwards, and so keeps none of the files beside the database in use. */
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

/** A worker that has settled some of 1,000 orders, and has many more to go. */
async function startBusyWorker(shop: Shop): Promise<Running> {
  await makeShop(shop, shop.path, singles(1000, 'A'))
  const worker = shop.start(SLOW, 'work', '--concurrency', '2')
  await until(() => Number(statuses(shop.path)['completed'] ?? 0) >= 40)
  return worker
}

function expectStopped({ code, stderr }: Outcome, shop: Shop): void {
  expect(stderr).toContain(`${shop.path} was moved, removed or replaced`)
  expect(stderr).not.toMatch(/a bug of ours/)
  expect(code, stderr).toBe(1)
}

describe('a worker whose database file', () => {
  test('is moved stops, and the moved file has all that was committed', async ({ shop }) => {
    const worker = await startBusyWorker(shop)
    const moved = join(shop.folder, 'moved.sqlite')
    renameSync(shop.path, moved)
    expectStopped(await worker.ended, shop)
    // What the log holds would be lost to the moved file, and be found by the next one of the old name.
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

  test('is replaced by another stops, and writes nothing to the other', async ({ shop }) => {
    const [kept, other] = [join(shop.folder, 'kept.sqlite'), join(shop.folder, 'other.sqlite')]
    await makeShop(shop, other, singles(300, 'B'))
    const worker = await startBusyWorker(shop)
    linkSync(shop.path, kept)
    renameSync(other, shop.path)
    expectStopped(await worker.ended, shop)
    expect(statuses(shop.path)).toEqual({ pending: 300 })
    await expectSound(shop.path)
    expect(statuses(kept)['completed']).toBeGreaterThanOrEqual(40)
    await expectSound(kept)
  })

  test('is removed and made anew stops, also with nothing to do', async ({ shop }) => {
    await makeShop(shop, shop.path, singles(1, 'A'))
    const worker = shop.start({ ORDERCTL_LOG_FORMAT: 'json' }, 'work')
    await until(() => statuses(shop.path)['pending'] === undefined)
    for (const suffix of ['', '-wal', '-shm']) rmSync(`${shop.path}${suffix}`, { force: true })
    await makeShop(shop, shop.path, singles(30, 'B'))
    expectStopped(await worker.ended, shop)
    expect(statuses(shop.path)).toEqual({ pending: 30 })
    await expectSound(shop.path)
  })

  test('is moved hears of it from its heartbeat, whatever its queue does', async ({ shop }) => {
    const db = await openOrCreateDatabase({ kind: 'sqlite', path: shop.path })
    try {
      const fatal: unknown[] = []
      const { stop } = await startHeartbeat(db, {
        figures: () => ({ processed: 0, concurrency: 1 }),
        onAlive: () => undefined,
        onFatal: (error) => fatal.push(error),
        reporter: new FailureReporter({ subject: 'The heartbeat', explain: asError, onNotice: () => undefined }),
      })
      renameSync(shop.path, join(shop.folder, 'moved.sqlite'))
      await until(() => fatal.length > 0)
      expect(fatal.every(isReplaced)).toBe(true)
      await stop()
    } finally {
      await db.destroy()
    }
  })
})

describe('what runs for long beside the workers stops, too:', () => {
  for (const [command, started] of [
    [['schedule'], 'next alarms'],
    [['status', '--watch'], 'waiting=1'],
  ] as const) {
    test(command.join(' '), async ({ shop }) => {
      await makeShop(shop, shop.path, singles(1, 'A'))
      const running = shop.start({}, ...command)
      await running.saw(started)
      renameSync(shop.path, join(shop.folder, 'moved.sqlite'))
      expectStopped(await running.ended, shop)
    })
  }
})
