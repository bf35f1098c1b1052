// restore: what it puts back, what it says is missing, and when it refuses.
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import SqliteDatabase from 'better-sqlite3'
import { describe, expect } from 'vitest'
import { singles } from '../support/drain.js'
import { inFile, namesIn, valueIn } from '../support/files.js'
import { csv, line } from '../support/lines.js'
import { HOUR, NOW, Shop, test } from '../support/shop.js'

const PAID = { ORDERCTL_PAYMENT_SUCCESS_RATE: '1' }
const REPLACE = ['restore', 'copy.sqlite', '--replace', '--yes']

/** Three settled orders in a backup; then two more that it lacks. No connection stays open. */
async function worked(shop: Shop): Promise<string> {
  await shop.importing(singles(3))
  await shop.runWith(PAID, 'work', '--drain')
  expect(await shop.run('backup', 'copy.sqlite')).toMatchObject({ code: 0 })
  const later = shop.file('later.csv', csv(line({ order: 'B-1' }), line({ order: 'B-2' })))
  await shop.run('import', later)
  await shop.runWith(PAID, 'work', '--drain')
  await shop.run('products', 'adjust', 'S-1', '5', '--reason', 'delivery')
  return later
}

/** The same orders without any work, in a fraction of the time. */
async function scene(shop: Shop): Promise<void> {
  const draft = await Shop.open()
  for (const reference of ['A-1', 'A-2', 'A-3']) draft.order(reference)
  await draft.run('backup', join(shop.folder, 'copy.sqlite'))
  for (const reference of ['B-1', 'B-2']) draft.order(reference)
  draft.worker('w-1', NOW, NOW)
  draft.sqlite.exec(`vacuum into '${shop.path}'`)
  await draft.close()
  inFile(shop.path, (sqlite) => sqlite.pragma('journal_mode = wal'))
}

const references = (path: string) => valueIn(path, 'select group_concat(reference) from orders')
const codeOf = ({ code, result }: { code: number | null; result: unknown }) => ({
  code,
  error: (result as { error?: { code: string } }).error?.code,
})

describe('restore', () => {
  test('replaces the database, keeps it, and says what the backup lacks', async ({ newShop: shop }) => {
    const later = await worked(shop)
    const identity = valueIn(shop.path, "select value from settings where name = 'shop'")
    const { code, result } = await shop.json(...REPLACE)
    const lost = { orders: 2, settled: 2, captured: 2, refunds: 0, actions: 1, files: [later] }
    expect({ code, result }).toMatchObject({
      code: 0,
      result: { database: shop.path, orders: 3, differences: 0, lost },
    })
    const { replaced, taken_at } = result as { replaced: string; taken_at: string }
    expect(references(shop.path)).toBe('A-1,A-2,A-3')
    expect(references(replaced)).toBe('A-1,A-2,A-3,B-1,B-2')
    expect(statSync(shop.path).mode & 0o777).toBe(0o600)
    expect(namesIn(shop.folder, 'orders.')).toEqual([
      'orders.csv',
      expect.stringContaining('.replaced-'),
      'orders.sqlite',
    ])
    expect(valueIn(shop.path, "select value from settings where name = 'shop'")).toBe(identity)
    const log = await shop.json('audit', 'log')
    expect(log).toMatchObject({ result: { actions: [{ command: 'restore', subject: 'copy.sqlite' }] } })
    expect(JSON.stringify(log.result)).toContain(taken_at)
    expect(await shop.json('doctor')).toMatchObject({ code: 0 })
    expect(await shop.json('rebuild')).toMatchObject({ code: 0, result: { differences: 0 } })
  })

  test('counts what is not in the backup, also if orders of the backup were archived since', async ({
    newShop: shop,
  }) => {
    await shop.importing(singles(3))
    await shop.runWith(PAID, 'work', '--drain')
    await shop.runWith(PAID, 'orders', 'refund', 'A-1', '--yes')
    await shop.run('backup', 'copy.sqlite')
    await shop.runWith(PAID, 'orders', 'refund', 'A-2', '--yes')
    inFile(shop.path, (sqlite) => sqlite.exec('update orders set settled_at = settled_at - 172800000'))
    const archived = await shop.json('orders', 'archive', '--before', 'today', '--to', 'old.jsonl', '--yes')
    expect(archived).toMatchObject({ result: { removed: 3 } })
    await shop.importing(csv(line({ order: 'B-1' }), line({ order: 'B-2' })))
    await shop.runWith(PAID, 'work', '--drain')
    const { result } = await shop.json(...REPLACE)
    expect(result).toMatchObject({ lost: { orders: 2, settled: 2, captured: 2, refunds: 1, actions: 2 } })
  })

  test('restores what was lost to a shop without a database', async ({ newShop: shop }) => {
    await scene(shop)
    const elsewhere = join(shop.folder, 'new', 'orders.sqlite')
    const { code, stderr } = await shop.runWith(
      { ORDERCTL_DATABASE_URL: `sqlite:${elsewhere}` },
      'restore',
      'copy.sqlite',
    )
    expect(code, stderr).toBe(0)
    expect(stderr).toContain('orderctl migrate --keep-shop')
    expect(references(elsewhere)).toBe('A-1,A-2,A-3')
    expect(statSync(join(shop.folder, 'new')).mode & 0o777).toBe(0o700)
  })

  test('names the customers who were forgotten since, since the backup names them again', async ({ newShop: shop }) => {
    const [ann, eve] = [line({ order: '1', customer: 'Ann' }), line({ order: '2', customer: "E's" })]
    await shop.importing(csv(ann, eve))
    await shop.importing(csv(line({ order: '3', customer: 'Ann' })), {}, '--source', 'web')
    await shop.runWith(PAID, 'work', '--drain')
    await shop.run('customers', 'forget', 'Ann', '--source', 'default', '--yes')
    await shop.run('backup', 'copy.sqlite')
    await shop.run('customers', 'forget', "E's", '--yes')
    await shop.run('customers', 'forget', 'Ann', '--yes')
    const { code, stderr } = await shop.run(...REPLACE)
    expect({ code, stderr }).toMatchObject({ code: 3, stderr: expect.stringContaining('forgotten since the backup') })
    const commands = stderr.split('\n').filter((text) => text.includes('customers forget'))
    expect(commands).toEqual(["  orderctl customers forget 'E'\\''s'", '  orderctl customers forget Ann --source web'])
    await shop.run('customers', 'forget', 'Ann', '--yes')
    expect(await shop.json(...REPLACE)).toMatchObject({
      code: 3,
      result: { forgotten: [{ customer_id: 'Ann', source: 'web' }] },
    })
  })

  test('needs --replace, and --yes without a terminal', async ({ newShop: shop }) => {
    await scene(shop)
    expect(codeOf(await shop.json('restore', 'copy.sqlite'))).toEqual({ code: 2, error: 'restore_would_replace' })
    const asking = codeOf(await shop.json('restore', 'copy.sqlite', '--replace'))
    expect(asking).toEqual({ code: 2, error: 'confirmation_needed' })
    expect(references(shop.path)).toBe('A-1,A-2,A-3,B-1,B-2')
  })

  test('refuses while another connection is open, and changes nothing', async ({ newShop: shop }) => {
    await scene(shop)
    inFile(shop.path, () => undefined)
    const other = new SqliteDatabase(shop.path)
    other.prepare('select count(*) from orders').get()
    const { code, error } = codeOf(await shop.json(...REPLACE))
    other.close()
    expect({ code, error }).toEqual({ code: 1, error: 'database_in_use' })
    expect(references(shop.path)).toBe('A-1,A-2,A-3,B-1,B-2')
    expect(namesIn(shop.folder, 'orders.replaced')).toEqual([])
    expect(namesIn(shop.folder, '.')).toEqual([])
  })

  test('refuses while a heartbeat is recent', async ({ newShop: shop }) => {
    await scene(shop)
    inFile(shop.path, (sqlite) => sqlite.prepare('update workers set stopped_at = null, last_seen = ?').run(Date.now()))
    expect(codeOf(await shop.json(...REPLACE))).toEqual({ code: 1, error: 'database_in_use' })
    inFile(shop.path, (sqlite) => sqlite.prepare('update workers set last_seen = ?').run(Date.now() - 31_000))
    expect(codeOf(await shop.json(...REPLACE)).code).toBe(0)
  })

  test('takes no process for alive that was killed while the clock was a day ahead', async ({ newShop: shop }) => {
    await scene(shop)
    const tomorrow = Date.now() + 24 * HOUR
    inFile(shop.path, (sqlite) => {
      sqlite.prepare('update workers set stopped_at = null, last_seen = ?').run(tomorrow)
      sqlite.prepare("update imports set status = 'reading', ended_at = null, lease_until = ?").run(tomorrow)
    })
    expect(codeOf(await shop.json(...REPLACE)).code).toBe(0)
  })

  test('refuses a backup of another shop, and what is no backup', async ({ newShop: shop, shop: other }) => {
    await scene(shop)
    const foreign = join(other.folder, 'copy.sqlite')
    await other.run('backup', foreign)
    const text = shop.file('text', 'no database')
    const newer = shop.file('newer.sqlite', '')
    copyFileSync(join(shop.folder, 'copy.sqlite'), newer)
    inFile(newer, (sqlite) => sqlite.exec("insert into orderctl_migrations values (999, 'later', 0)"))
    for (const [file, code, error] of [
      [foreign, 1, 'restore_of_other_shop'],
      [text, 1, 'database_unreadable'],
      [newer, 1, 'database_newer'],
      ['missing', 2, 'backup_missing'],
      ['.', 2, 'backup_missing'],
      ['orders.sqlite', 2, 'backup_over_database'],
    ] as const) {
      expect({ file, ...codeOf(await shop.json('restore', file, '--replace', '--yes')) }).toEqual({ file, code, error })
    }
    expect(references(shop.path)).toBe('A-1,A-2,A-3,B-1,B-2')
    expect(namesIn(shop.folder, '.')).toEqual([])
  })

  test('replaces a damaged database, whose log does not get into the restored one', async ({ newShop: shop }) => {
    await scene(shop)
    // A process that is still there keeps SQLite from removing the log.
    const other = new SqliteDatabase(shop.path)
    other.exec('update products set on_hand = on_hand + 1')
    const wal = `${shop.path}-wal`
    const file = openSync(shop.path, 'r+')
    writeSync(file, Buffer.alloc(4096, 1))
    closeSync(file)
    expect(await shop.json('status')).toMatchObject({ code: 1 })
    expect(existsSync(wal)).toBe(true)
    const { code, result } = await shop.json(...REPLACE)
    other.close()
    expect({ code, result }).toMatchObject({ code: 0, result: { lost: null, orders: 3 } })
    expect(existsSync(`${(result as { replaced: string }).replaced}-wal`)).toBe(true)
    expect(existsSync(wal)).toBe(false)
    expect(references(shop.path)).toBe('A-1,A-2,A-3')
  })

  test.for(['moved away', 'emptied'])(
    'does not mix in the log of a database that was %s',
    async (how, { newShop: shop }) => {
      await scene(shop)
      const other = new SqliteDatabase(shop.path)
      other.exec('update products set on_hand = on_hand + 1')
      const log = readFileSync(`${shop.path}-wal`)
      other.close()
      if (how === 'moved away') renameSync(shop.path, join(shop.folder, 'broken'))
      else truncateSync(shop.path)
      writeFileSync(`${shop.path}-wal`, log)
      expect(await shop.json('restore', 'copy.sqlite')).toMatchObject({ code: 0, result: { orders: 3 } })
      expect(valueIn(shop.path, 'select sum(on_hand) from products')).toBe(
        valueIn(join(shop.folder, 'copy.sqlite'), 'select sum(on_hand) from products'),
      )
      expect(await shop.json('rebuild', '--check')).toMatchObject({ code: 0 })
      expect(namesIn(shop.folder, 'orders.replaced')).toEqual([expect.stringMatching(/-wal$/)])
    },
  )

  test('remembers since when charges may be missing, also after a later restore', async ({ newShop: shop }) => {
    await scene(shop)
    const missingSince = () => valueIn(shop.path, "select value ->> 'taken_at' from settings where name = 'restored'")
    await shop.json(...REPLACE)
    const first = missingSince()
    expect(first).toBeGreaterThan(0)
    await shop.run('backup', 'second.sqlite')
    expect(await shop.json('restore', 'second.sqlite', '--replace', '--yes')).toMatchObject({ code: 0 })
    expect(missingSince()).toBe(first)
  })

  test('goes through a symbolic link, which stays one', async ({ newShop: shop }) => {
    await scene(shop)
    mkdirSync(join(shop.folder, 'links'))
    const link = join(shop.folder, 'links', 'shop.sqlite')
    symlinkSync(shop.path, link)
    const { code } = await shop.runWith({ ORDERCTL_DATABASE_URL: `sqlite:${link}` }, ...REPLACE)
    expect(code).toBe(0)
    expect(references(shop.path)).toBe('A-1,A-2,A-3')
    expect(namesIn(join(shop.folder, 'links'))).toEqual(['shop.sqlite'])
  })

  test('takes the copy of another tool, and publishes figures again', async ({ newShop: shop }) => {
    await scene(shop)
    inFile(shop.path, (sqlite) => {
      sqlite.exec("insert into settings values ('sales_id', 'published')")
      sqlite.exec(`vacuum into '${join(shop.folder, 'vacuumed.sqlite')}'`)
    })
    expect(codeOf(await shop.json('restore', 'vacuumed.sqlite', '--replace', '--yes')).code).toBe(0)
    expect(references(shop.path)).toBe('A-1,A-2,A-3,B-1,B-2')
    expect(valueIn(shop.path, "select count(*) from settings where name = 'sales_id'")).toBe(0)
  })
})
