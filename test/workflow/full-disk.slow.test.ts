// A disk that is full while a worker is at work. It is a small file system of the test's own in memory.

import { spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import SqliteDatabase from 'better-sqlite3'
import { describe, expect } from 'vitest'
import { csv, line } from '../support/lines.js'
import { test } from '../support/shop.js'
import { until } from '../support/until.js'

/** A worker takes 20 at a time here, so the disk is full long before they are all done. */
const ORDERS = 2500

const WORKING = {
  ORDERCTL_PAYMENT_SUCCESS_RATE: '1',
  ORDERCTL_PAYMENT_LATENCY_MS: '300',
  ORDERCTL_BATCH_SIZE: '20',
  ORDERCTL_LEASE_MS: '1500',
}

const QUICK = { ORDERCTL_PAYMENT_LATENCY_MS: '0', ORDERCTL_BATCH_SIZE: '500' }

const timesIn = (text: string, part: string) => text.split(part).length - 1

/** A file system of 64 MB, or why there cannot be one. */
class SmallDisk {
  readonly folder = mkdtempSync(join(tmpdir(), 'orderctl-disk-'))
  readonly ballast = join(this.folder, 'ballast')

  static whyNot(): string | undefined {
    const disk = new SmallDisk()
    try {
      const { status, error } = disk.#mount()
      return status === 0 ? undefined : (error?.message ?? 'this user may not mount a file system')
    } finally {
      disk.close()
    }
  }

  static open(): SmallDisk {
    const disk = new SmallDisk()
    disk.#mount()
    return disk
  }

  /** Leaves not a byte. */
  fill(): void {
    const file = openSync(this.ballast, 'w')
    try {
      for (let size = 1 << 20; size >= 1; ) {
        try {
          writeSync(file, Buffer.alloc(size))
        } catch {
          size /= 2
        }
      }
    } finally {
      closeSync(file)
    }
  }

  makeRoom(): void {
    rmSync(this.ballast)
  }

  close(): void {
    spawnSync('umount', ['--lazy', this.folder])
    rmSync(this.folder, { recursive: true, force: true })
  }

  #mount() {
    return spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'tmpfs', this.folder])
  }
}

const whyNot = SmallDisk.whyNot()

describe.skipIf(whyNot)(`a full disk${whyNot ? ` (${whyNot})` : ''}`, { timeout: 180_000 }, () => {
  test('is waited for by a worker, which holds no lock meanwhile and goes on when there is space', async ({
    shop,
    onTestFinished,
  }) => {
    const disk = SmallDisk.open()
    onTestFinished(() => disk.close())
    const path = join(disk.folder, 'orders.sqlite')
    const environment = { ...WORKING, ORDERCTL_DATABASE_URL: `sqlite:${path}` }
    const orders = Array.from({ length: ORDERS }, (_, index) => line({ order: `A-${index}`, sku: `S-${index % 7}` }))
    await shop.runWith(
      { ...environment, ORDERCTL_INITIAL_STOCK: '10000' },
      'import',
      shop.file('o.csv', csv(...orders)),
    )
    const db = new SqliteDatabase(path, { timeout: 0 })
    onTestFinished(() => {
      db.close()
    })
    const completed = () => db.prepare("select count(*) from orders where status = 'completed'").pluck().get() as number

    const worker = shop.start(environment, 'work', '--concurrency', '1')
    await until(() => completed() > 0)
    disk.fill()
    await worker.saw('Waiting for space.')
    expect(completed()).toBeLessThan(ORDERS)
    // Others can write as soon as there is space, so no transaction is left open.
    await until(() => takesWriter(db))

    disk.makeRoom()
    await worker.saw('There is space again.')
    worker.child.kill('SIGTERM')
    const { code, stderr } = await worker.ended
    expect(code, stderr).toBe(130)
    expect(await shop.runWith({ ...environment, ...QUICK }, 'work', '--drain')).toMatchObject({ code: 0 })
    expect(completed()).toBe(ORDERS)
    expect(stderr).toContain(`${path} could not be written (SQLITE_FULL): the disk is full or failing.`)
    expect(timesIn(stderr, 'Waiting for space.')).toBe(timesIn(stderr, 'There is space again.'))
    expect(timesIn(stderr, 'Waiting for space.')).toBeLessThanOrEqual(2)
    expect(db.prepare("select count(*) from payments where status = 'captured'").pluck().get()).toBe(ORDERS)
    const { code: audited, stdout } = await shop.runWith(environment, 'rebuild', '--check')
    expect(audited, stdout).toBe(0)
  })

  test('is waited for by a worker that starts, until SIGTERM', async ({ shop, onTestFinished }) => {
    const disk = SmallDisk.open()
    onTestFinished(() => disk.close())
    const environment = { ORDERCTL_DATABASE_URL: `sqlite:${join(disk.folder, 'orders.sqlite')}` }
    await shop.runWith(environment, 'migrate')
    disk.fill()
    expect(await shop.runWith(environment, 'work', '--no-wait')).toMatchObject({ code: 1 })
    const [stopped, goingOn] = [shop.start(environment, 'work'), shop.start(environment, 'work')]
    await Promise.all([stopped.saw('Waiting for space.'), goingOn.saw('Waiting for space.')])
    stopped.child.kill('SIGTERM')
    expect((await stopped.ended).code).toBe(130)
    disk.makeRoom()
    await goingOn.saw('There is space again.')
    goingOn.child.kill('SIGTERM')
    const { code, stderr } = await goingOn.ended
    expect(code, stderr).toBe(130)
  })
})

function takesWriter(db: SqliteDatabase.Database): boolean {
  try {
    db.exec('begin immediate; rollback')
    return true
  } catch {
    return false
  }
}
