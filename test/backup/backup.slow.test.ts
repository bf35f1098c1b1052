// Backups while workers run, restored and worked to the end; processes killed at each step; a full disk.
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect } from 'vitest'
import { singles } from '../support/drain.js'
import { inFile, namesIn, valueIn } from '../support/files.js'
import { Provider } from '../support/provider.js'
import { Shop, test } from '../support/shop.js'
import { until } from '../support/until.js'

const STOCKED = { ORDERCTL_INITIAL_STOCK: '100000' }
const completedIn = (path: string) => Number(valueIn(path, "select count(*) from orders where status = 'completed'"))

/** Opens the restored shop as a test's own, whose rows can be read. */
async function expectAllPaidOnce(shop: Shop, provider: Provider, orders: number): Promise<void> {
  expect(completedIn(shop.path)).toBe(orders)
  expect(provider.entries.length).toBe(orders)
  await provider.expectLedgerEqualsPayments({
    rows: (statement) => inFile(shop.path, (sqlite) => sqlite.prepare(statement).all()),
  })
  await shop.expectAuditClean()
}

describe('a backup during a drain', () => {
  test('is one moment of it, and works to the same end with one charge per order', async ({
    newShop: shop,
    onTestFinished,
  }) => {
    const orders = 1500
    const provider = await Provider.start('--latency', '20')
    onTestFinished(() => provider.close())
    await shop.importing(singles(orders), STOCKED)
    const environment = { ...provider.environment, ORDERCTL_BATCH_SIZE: '25', ORDERCTL_LEASE_MS: '1000' }
    const worker = shop.start(environment, 'work', '--drain')
    const backups: number[] = []
    for (const share of [0.1, 0.3, 0.5]) {
      await until(() => completedIn(shop.path) > orders * share)
      const file = join(shop.folder, `at-${share}.sqlite`)
      const before = completedIn(shop.path)
      // Checks the copy itself: structure, and every promise.
      const { code, result } = await shop.startJson(environment, 'backup', file)
      const after = completedIn(shop.path)
      expect({ code, result }).toMatchObject({ code: 0, result: { orders, differences: 0 } })
      const held = completedIn(file)
      expect(held).toBeGreaterThanOrEqual(before)
      expect(held).toBeLessThanOrEqual(after)
      backups.push(held)
    }
    expect(backups[0]).toBeLessThan(orders)
    expect(await worker.ended).toMatchObject({ code: 0 })
    expect(completedIn(shop.path)).toBe(orders)

    const restore = await shop.startJson({}, 'restore', 'at-0.1.sqlite', '--replace', '--yes')
    const lost = { orders: 0, settled: orders - (backups[0] ?? 0), captured: orders - (backups[0] ?? 0) }
    expect(restore).toMatchObject({ code: 0, result: { lost } })
    const again = await shop.startJson({ ...environment, ORDERCTL_ATTEMPTS: '50' }, 'work', '--drain', '--wait')
    expect(again).toMatchObject({ code: 0 })
    await expectAllPaidOnce(shop, provider, orders)
  })
})

describe('after a restore', () => {
  /** Orders that were charged after the backup, which seems to be 25 hours old. */
  async function restored(shop: Shop): Promise<Provider> {
    const provider = await Provider.start()
    await shop.importing(singles(3), STOCKED)
    await shop.run('backup', 'copy.sqlite')
    await shop.runWith(provider.environment, 'work', '--drain')
    expect(await shop.run('restore', 'copy.sqlite', '--replace', '--yes')).toMatchObject({ code: 0 })
    age(shop)
    return provider
  }

  function age(shop: Shop): void {
    const older = "update settings set value = json_set(value, '$.taken_at', ?) where name = 'restored'"
    inFile(shop.path, (sqlite) => sqlite.prepare(older).run(Date.now() - 25 * 3_600_000))
  }

  test('keys that the provider may have forgotten are looked up, not charged again', async ({
    newShop: shop,
    onTestFinished,
  }) => {
    const provider = await restored(shop)
    onTestFinished(() => provider.close())
    // Fails every charge, but answers look-ups.
    await provider.restart('--error', '1')
    const drain = await shop.jsonWith(provider.environment, 'work', '--drain')
    expect(drain).toMatchObject({ code: 0, result: { completed: 3 } })
    await expectAllPaidOnce(shop, provider, 3)
  })

  test('a refund that the provider may have forgotten is looked up, not made again', async ({
    newShop: shop,
    onTestFinished,
  }) => {
    const provider = await Provider.start()
    onTestFinished(() => provider.close())
    await shop.importing(singles(1), STOCKED)
    await shop.runWith(provider.environment, 'work', '--drain')
    await shop.run('backup', 'copy.sqlite')
    const refund = ['orders', 'refund', 'A-1', '--yes']
    expect(await shop.jsonWith(provider.environment, ...refund)).toMatchObject({ code: 0 })
    expect(await shop.run('restore', 'copy.sqlite', '--replace', '--yes')).toMatchObject({ code: 0 })
    age(shop)
    await provider.restart('--error', '1')
    expect(await shop.jsonWith(provider.environment, ...refund)).toMatchObject({ code: 0 })
    expect(provider.entries.map(({ type }) => type)).toEqual(['charge', 'refund'])
    await shop.expectAuditClean()
  })

  test('orders need review if the provider cannot look them up', async ({ newShop: shop, onTestFinished }) => {
    const provider = await restored(shop)
    onTestFinished(() => provider.close())
    await provider.restart('--no-look-up')
    const drain = await shop.jsonWith(provider.environment, 'work', '--drain')
    expect(drain).toMatchObject({ code: 3, result: { completed: 0, needs_review: 3 } })
    expect(provider.entries.length).toBe(3)
  })

  test('orders dated later are charged as usual', async ({ newShop: shop, onTestFinished }) => {
    const provider = await restored(shop)
    onTestFinished(() => provider.close())
    await provider.restart('--no-look-up')
    inFile(shop.path, (sqlite) => sqlite.exec("update orders set ordered_at = '2999-01-01T00:00:00'"))
    const drain = await shop.jsonWith(provider.environment, 'work', '--drain')
    expect(drain).toMatchObject({ code: 0, result: { completed: 3 } })
    await expectAllPaidOnce(shop, provider, 3)
  })
})

describe('a process killed before each change of a file', () => {
  const preloaded = pathToFileURL(resolve(import.meta.dirname, '../support/preloaded/crash-at-call.js'))

  /** Runs the command with a crash at call 1, 2, 3 … until it has fewer calls. @returns how many crashed */
  async function sweep(shop: Shop, folder: string, args: string[], reset: () => void, check: () => Promise<void>) {
    for (let at = 1; ; at++) {
      reset()
      const report = join(shop.folder, 'calls')
      rmSync(report, { force: true })
      const environment = { TEST_CRASH_AT: String(at), TEST_CRASH_IN: folder, TEST_CALLS: report }
      const options = { NODE_OPTIONS: `--import ${preloaded}`, ...environment }
      const { code, stderr } = await shop.start(options, ...args).ended
      if (code === 0) {
        expect(Number(readFileSync(report, 'utf8'))).toBe(at - 1)
        return at - 1
      }
      expect({ code, stderr }).toMatchObject({ code: null })
      await check()
    }
  }

  test('restore leaves the old database or the restored one, and can be run again', async ({ newShop: shop }) => {
    const draft = await Shop.open()
    const live = join(shop.folder, 'live')
    for (const reference of ['A-1', 'A-2']) draft.order(reference)
    await draft.run('backup', join(shop.folder, 'copy.sqlite'))
    draft.order('B-1')
    draft.sqlite.exec(`vacuum into '${join(shop.folder, 'old.sqlite')}'`)
    await draft.close()
    const path = join(live, 'orders.sqlite')
    const reset = () => {
      rmSync(live, { recursive: true, force: true })
      mkdirSync(live)
      copyFileSync(join(shop.folder, 'old.sqlite'), path)
      inFile(path, (sqlite) => sqlite.pragma('journal_mode = wal'))
    }
    const environment = { ORDERCTL_DATABASE_URL: `sqlite:${path}` }
    const seen = new Set<unknown>()
    const restore = ['restore', join(shop.folder, 'copy.sqlite'), '--replace', '--yes']
    const check = async () => {
      const orders = valueIn(path, 'select group_concat(reference) from orders')
      seen.add(orders)
      expect(['A-1,A-2', 'A-1,A-2,B-1']).toContain(orders)
      expect(valueIn(path, 'pragma integrity_check')).toBe('ok')
      expect(await shop.runWith(environment, 'rebuild', '--check')).toMatchObject({ code: 0 })
      expect(await shop.runWith(environment, ...restore)).toMatchObject({ code: 0 })
      expect(valueIn(path, 'select group_concat(reference) from orders')).toBe('A-1,A-2')
      // The old database was kept, by exactly one name, once it was replaced.
      const kept = namesIn(live, 'orders.replaced').filter((name) => !/-(wal|shm|journal)$/.test(name))
      const old = kept.filter((name) => valueIn(join(live, name), 'select count(*) from orders') === 3)
      expect(old).toHaveLength(1)
    }
    const wrapped = Object.create(shop, {
      start: { value: (more: object, ...args: string[]) => shop.start({ ...environment, ...more }, ...args) },
    }) as Shop
    const crashes = await sweep(wrapped, live, restore, reset, check)
    expect(crashes).toBeGreaterThan(7)
    expect(seen.size).toBe(2)
  })

  test('backup leaves the earlier backup or the new one', async ({ newShop: shop }) => {
    const draft = await Shop.open()
    draft.order('A-1')
    await draft.run('backup', join(shop.folder, 'first.sqlite'))
    draft.order('A-2')
    draft.sqlite.exec(`vacuum into '${shop.path}'`)
    await draft.close()
    const folder = join(shop.folder, 'backups')
    const file = join(folder, 'copy.sqlite')
    const reset = () => {
      rmSync(folder, { recursive: true, force: true })
      mkdirSync(folder)
      copyFileSync(join(shop.folder, 'first.sqlite'), file)
    }
    const seen = new Set<unknown>()
    const check = async () => {
      seen.add(valueIn(file, 'select count(*) from orders'))
      expect(valueIn(file, 'pragma integrity_check')).toBe('ok')
      expect(await shop.run('backup', file)).toMatchObject({ code: 0 })
      expect(valueIn(file, 'select count(*) from orders')).toBe(2)
    }
    expect(await sweep(shop, folder, ['backup', file], reset, check)).toBeGreaterThan(3)
    expect([...seen].sort()).toEqual([1, 2])
  })
})

/** A file system of 400 KB in memory. */
class TinyDisk {
  readonly folder = mkdtempSync(join(tmpdir(), 'orderctl-disk-'))
  readonly #mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=400k', 'tmpfs', this.folder])

  get isMounted(): boolean {
    return this.#mounted.status === 0
  }

  close(): void {
    if (this.isMounted) spawnSync('umount', ['--lazy', this.folder])
    rmSync(this.folder, { recursive: true, force: true })
  }
}

const probe = new TinyDisk()
const { isMounted } = probe
probe.close()

describe.skipIf(!isMounted)('a full disk', () => {
  test('fails a backup and a restore, which leave what was there', async ({ newShop: shop, onTestFinished }) => {
    const disk = new TinyDisk()
    onTestFinished(() => disk.close())
    await shop.importing(singles(3000))
    const [full, path] = ['copy.sqlite', 'orders.sqlite'].map((name) => join(disk.folder, name)) as [string, string]
    expect(await shop.json('backup', full)).toMatchObject({ code: 1, result: { error: { code: 'disk_full' } } })
    expect(namesIn(disk.folder)).toEqual([])
    await shop.run('backup', 'good.sqlite')
    const restore = await shop.jsonWith({ ORDERCTL_DATABASE_URL: `sqlite:${path}` }, 'restore', 'good.sqlite')
    expect(restore).toMatchObject({ code: 1, result: { error: { code: 'disk_full' } } })
    expect(existsSync(path)).toBe(false)
    expect(namesIn(disk.folder)).toEqual([])
  })
})
