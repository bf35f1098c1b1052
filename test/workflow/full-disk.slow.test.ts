// A disk that becomes full while a worker runs, and the full disk of an archive.

import { join } from 'node:path'
import SqliteDatabase from 'better-sqlite3'
import { describe, expect } from 'vitest'
import { opened } from '../support/cli.js'
import { singles } from '../support/drain.js'
import { test as placeTest } from '../support/shop.js'
import { SmallDisk } from '../support/small-disk.js'
import { until } from '../support/until.js'

/** So many that the disk is full before all are settled. */
const ORDERS = 2500

const WORKING = {
  ORDERCTL_PAYMENT_SUCCESS_RATE: '1',
  ORDERCTL_PAYMENT_LATENCY_MS: '300',
  ORDERCTL_BATCH_SIZE: '20',
  ORDERCTL_LEASE_MS: '1500',
}

const QUICK = { ORDERCTL_PAYMENT_LATENCY_MS: '0', ORDERCTL_BATCH_SIZE: '500' }

const test = placeTest.extend<{ disk: SmallDisk; path: string }>({
  disk: opened(() => new SmallDisk('64m')),
  path: ({ disk }, use) => use(join(disk.folder, 'orders.sqlite')),
})

const probe = new SmallDisk('64m')
const { whyNot } = probe
probe.close()

describe.skipIf(whyNot)(`a full disk${whyNot ? ` (${whyNot})` : ''}`, () => {
  test('is named by an archive that does not fit, which removes nothing', async ({ shop, disk }) => {
    await shop.migrate()
    for (let number = 1; number <= 20; number++) shop.order(`O-${number}`, { status: 'completed', settledAt: 0 })
    disk.fill()
    const file = join(disk.folder, 'old.jsonl')
    const archive = ['orders', 'archive', '--before', 'today', '--to', file, '--yes'] as const
    const { code, result } = await shop.json(...archive)
    const message = `Cannot write ${file} (ENOSPC). No order was removed.`
    expect({ code, result }).toMatchObject({ code: 1, result: { error: { code: 'archive_unwritable', message } } })
    expect(shop.value('select count(*) from orders')).toBe(20)
    disk.makeRoom()
    expect(await shop.json(...archive)).toMatchObject({ code: 0, result: { removed: 20 } })
  })

  test('is waited for by a worker, which holds no lock meanwhile and goes on when there is space', async ({
    shop,
    disk,
    path,
    onTestFinished,
  }) => {
    const environment = { ...WORKING, ORDERCTL_DATABASE_URL: `sqlite:${path}` }
    const stocked = { ...environment, ORDERCTL_INITIAL_STOCK: '10000' }
    await shop.runWith(stocked, 'import', shop.file('orders.csv', singles(ORDERS)))
    const db = new SqliteDatabase(path, { timeout: 60_000 })
    onTestFinished(() => {
      db.close()
    })
    const completed = () => db.prepare("select count(*) from orders where status = 'completed'").pluck().get() as number

    const worker = shop.start(environment, 'work', '--concurrency', '1')
    await until(() => completed() > 0)
    disk.fill()
    await worker.saw('Waiting for space.')
    expect(completed()).toBeLessThan(ORDERS)
    // The worker leaves no transaction open: another connection gets the lock for writers.
    db.exec('begin immediate; rollback')

    disk.makeRoom()
    await worker.saw('Disk space is available again.')
    worker.child.kill('SIGTERM')
    const { code, stderr } = await worker.ended
    expect(code, stderr).toBe(130)
    expect(await shop.runWith({ ...environment, ...QUICK }, 'work', '--drain')).toMatchObject({ code: 0 })
    expect(completed()).toBe(ORDERS)
    expect(stderr).toContain(`Cannot write to ${path} (SQLITE_FULL): the disk is full or failing.`)
    const waits = stderr.match(/Waiting for space\./g)?.length
    expect(waits).toBe(stderr.match(/Disk space is available again\./g)?.length)
    expect(waits).toBeLessThanOrEqual(2)
    expect(db.prepare("select count(*) from payments where status = 'captured'").pluck().get()).toBe(ORDERS)
    const { code: audited, stdout } = await shop.runWith(environment, 'rebuild', '--check')
    expect(audited, stdout).toBe(0)
  })

  test('is waited for by a worker that starts, until SIGTERM', async ({ shop, disk, path }) => {
    const environment = { ORDERCTL_DATABASE_URL: `sqlite:${path}` }
    await shop.runWith(environment, 'migrate')
    disk.fill()
    expect(await shop.runWith(environment, 'work', '--no-wait')).toMatchObject({ code: 1 })
    const [stopped, goingOn] = [shop.start(environment, 'work'), shop.start(environment, 'work')]
    await Promise.all([stopped.saw('Waiting for space.'), goingOn.saw('Waiting for space.')])
    stopped.child.kill('SIGTERM')
    expect((await stopped.ended).code).toBe(130)
    disk.makeRoom()
    await goingOn.saw('Disk space is available again.')
    goingOn.child.kill('SIGTERM')
    const { code, stderr } = await goingOn.ended
    expect(code, stderr).toBe(130)
  })
})
