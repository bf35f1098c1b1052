// backup: a checked copy that replaces nothing but earlier backups of the shop.
import {
  closeSync,
  copyFileSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect } from 'vitest'
import { checksOf } from '../support/doctor.js'
import { namesIn, valueIn } from '../support/files.js'
import { NOW, type Shop, test } from '../support/shop.js'

const modeOf = (path: string) => statSync(path).mode & 0o777

const lastBackup = (shop: Shop) =>
  JSON.parse(String(shop.value("select value from settings where name = 'last_backup'") ?? 'null'))

const codeOf = async (shop: Shop, ...args: string[]) => {
  const { code, result } = await shop.json(...args)
  return { code, error: (result as { error?: { code: string } }).error?.code }
}

/** Moves the times in the names of backups two days back. */
function age(folder: string): void {
  for (const name of namesIn(folder)) {
    const older = name.replace(/\.(?!2020)\d{4}-\d\d-\d\d/, (date) => `.${dayBefore(date.slice(1))}`)
    if (older !== name) renameSync(join(folder, name), join(folder, older))
  }
}

const dayBefore = (day: string) => new Date(Date.parse(day) - 2 * 86_400_000).toISOString().slice(0, 10)

describe('backup', () => {
  test('writes one private file with everything, also what is only in the log', async ({ shop }) => {
    shop.order('A-1', { status: 'completed' })
    shop.order('A-2')
    expect(statSync(`${shop.path}-wal`).size).toBeGreaterThan(0)
    const { code, result } = await shop.json('backup', 'copy.sqlite')
    const file = join(shop.folder, 'copy.sqlite')
    const figures = { file, orders: 2, differences: 0, removed: [], bytes: statSync(file).size }
    expect({ code, result }).toMatchObject({ code: 0, result: figures })
    expect(modeOf(file)).toBe(0o600)
    expect(namesIn(shop.folder, 'copy')).toEqual(['copy.sqlite'])
    expect(namesIn(shop.folder, '.')).toEqual([])
    expect(valueIn(file, 'pragma integrity_check')).toBe('ok')
    expect(valueIn(file, "select group_concat(reference) from orders where status = 'completed'")).toBe('A-1')
    expect(lastBackup(shop)).toEqual({ taken_at: Date.parse((result as { taken_at: string }).taken_at), file })
    const detail = expect.stringMatching(/(just now|ago): .*copy\.sqlite$/)
    expect(await checksOf(shop)).toContainEqual(expect.objectContaining({ name: 'backup', ok: true, detail }))
  })

  test('replaces an earlier backup of the shop', async ({ shop }) => {
    await shop.run('backup', 'copy.sqlite')
    shop.order('A-1')
    expect(await shop.json('backup', 'copy.sqlite')).toMatchObject({ code: 0, result: { orders: 1 } })
    expect(valueIn(join(shop.folder, 'copy.sqlite'), 'select count(*) from orders')).toBe(1)
  })

  test('names files in a folder by time, and keeps the newest', async ({ shop }) => {
    const folder = join(shop.folder, 'backups')
    mkdirSync(folder)
    const others = ['orders.sqlite', 'orders.2020-01-01T000000Z.sqlite', 'orders.notes.sqlite', 'else.txt']
    for (const name of others) writeFileSync(join(folder, name), 'kept')
    for (let run = 0; run < 3; run++) {
      expect(await shop.json('backup', 'backups', '--keep', '3')).toMatchObject({ code: 0, result: { removed: [] } })
      age(folder)
    }
    const ours = namesIn(folder).filter((name) => !others.includes(name))
    expect(ours).toHaveLength(3)
    const { result } = await shop.json('backup', 'backups', '--keep', '3')
    expect(result).toMatchObject({ removed: [join(folder, ours[0] ?? '')] })
    expect(namesIn(folder).filter((name) => !others.includes(name))).toHaveLength(3)
    for (const name of others) expect(readFileSync(join(folder, name), 'utf8')).toBe('kept')
    expect(namesIn(folder)).toContainEqual(expect.stringMatching(/^orders\.\d{4}-\d\d-\d\dT\d{6}Z\.sqlite$/))
  })

  test('removes backups that a clock ahead has dated, not the one just made', async ({ shop }) => {
    const folder = join(shop.folder, 'backups')
    mkdirSync(folder)
    await shop.run('backup', 'first.sqlite')
    for (const day of ['2098-01-01', '2099-01-01'])
      copyFileSync(join(shop.folder, 'first.sqlite'), join(folder, `orders.${day}T000000Z.sqlite`))
    const { code, result } = await shop.json('backup', 'backups', '--keep', '2')
    const removed = [join(folder, 'orders.2098-01-01T000000Z.sqlite')]
    expect({ code, result }).toMatchObject({ code: 0, result: { removed } })
    const { file } = result as { file: string }
    expect(namesIn(folder)).toEqual([basename(file), 'orders.2099-01-01T000000Z.sqlite'])
    age(folder)
    expect(await shop.json('backup', 'backups', '--keep', '2')).toMatchObject({ code: 0 })
    expect(namesIn(folder).join()).not.toContain('.209')
    expect(namesIn(folder)).toHaveLength(2)
  })

  test('puts the time before the extension with --keep', async ({ shop }) => {
    await shop.run('backup', 'shop.db', '--keep', '1')
    expect(namesIn(shop.folder, 'shop')).toEqual([expect.stringMatching(/^shop\.\d{4}-\d\d-\d\dT\d{6}Z\.db$/)])
  })

  test('never replaces another file', async ({ shop, newShop: other }) => {
    await other.migrate()
    await shop.run('backup', 'good.sqlite')
    const [text, link, hard] = ['text', 'link', 'hard'].map((name) => join(shop.folder, name))
    writeFileSync(text ?? '', 'kept')
    symlinkSync('good.sqlite', link ?? '')
    linkSync(shop.path, hard ?? '')
    const foreign = join(other.folder, 'copy.sqlite')
    await other.run('backup', foreign)
    for (const [file, error] of [
      ['text', 'backup_exists'],
      ['link', 'backup_is_link'],
      ['hard', 'backup_over_database'],
      ['orders.sqlite', 'backup_over_database'],
      ['orders.sqlite-wal', 'backup_over_database'],
      ['orders.sqlite-journal', 'backup_over_database'],
      ['/dev/null', 'backup_not_a_file'],
      ['-', 'backup_not_a_file'],
      [other.path, 'backup_exists'],
      [foreign, 'backup_exists'],
    ] as const) {
      expect({ file, ...(await codeOf(shop, 'backup', file)) }).toEqual({ file, code: 2, error })
    }
    expect(readFileSync(text ?? '', 'utf8')).toBe('kept')
    expect(valueIn(foreign, "select value from settings where name = 'shop'")).toBe(other.identity)
    expect(namesIn(shop.folder, '.')).toEqual([])
  })

  test('says what to do about a folder that is missing', async ({ shop }) => {
    expect(await shop.run('backup', 'missing/')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/Cannot write .*\/missing\/orders\..*\(ENOENT\)[\s\S]*mkdir -p ".*\/missing"/),
    })
  })

  test('keeps a copy whose figures differ, which replaces, removes and counts for nothing', async ({ shop }) => {
    shop.order('A-1', { status: 'completed' })
    await shop.run('backup', 'copy.sqlite')
    const good = lastBackup(shop)
    shop.sqlite.exec('update sales_by_customer set revenue = revenue + 1')
    const { code, result } = await shop.json('backup', 'copy.sqlite')
    expect({ code, result }).toMatchObject({ code: 6, result: { differences: 1 } })
    expect(namesIn(shop.folder, 'copy')).toEqual([expect.stringMatching(/^copy\..*Z-differs\.sqlite$/), 'copy.sqlite'])
    expect(valueIn(join(shop.folder, 'copy.sqlite'), 'select sum(revenue) from sales_by_customer')).toBe(2500)
    expect(valueIn((result as { file: string }).file, 'select sum(revenue) from sales_by_customer')).toBe(2501)
    expect(lastBackup(shop)).toEqual(good)
  })

  test('fails for a damaged database, and leaves the earlier backup', async ({ shop }) => {
    for (let order = 0; order < 50; order++) shop.order(`A-${order}`)
    await shop.run('backup', 'copy.sqlite')
    shop.sqlite.pragma('wal_checkpoint(truncate)')
    const page = Number(shop.value("select rootpage from sqlite_master where type = 'index' and tbl_name = 'orders'"))
    const file = openSync(shop.path, 'r+')
    writeSync(file, Buffer.alloc(4096), 0, 4096, (page - 1) * 4096)
    closeSync(file)
    const { code, error } = await codeOf(shop, 'backup', 'copy.sqlite')
    expect({ code, error }).toEqual({ code: 1, error: 'database_unreadable' })
    expect(valueIn(join(shop.folder, 'copy.sqlite'), 'select count(*) from orders')).toBe(50)
    expect(namesIn(shop.folder, '.')).toEqual([])
  })

  test('removes what a killed backup left, but not what one is writing', async ({ shop }) => {
    const [old, current] = ['.copy.sqlite.41.partial', '.copy.sqlite.42.partial']
    shop.file(old, '')
    shop.file(current, '')
    shop.file('.copy.sqlite.notes', '')
    utimesSync(join(shop.folder, old), new Date(NOW), new Date(NOW))
    await shop.run('backup', 'copy.sqlite')
    expect(namesIn(shop.folder, '.')).toEqual([current, '.copy.sqlite.notes'])
  })

  test('takes no name from a process with the same number, as in another container', async ({ shop }) => {
    const script = 'touch .copy.sqlite.$$.partial && exec "$@"'
    const { code, stderr } = await shop.startInShell(script, 'backup', 'copy.sqlite').ended
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(namesIn(shop.folder, '.copy')).toHaveLength(1)
  })

  test.for([
    ['postgres', 'pg_dump'],
    ['mysql', 'mysqldump --single-transaction'],
  ] as const)('names the tool of a server: %s', async ([kind, tool], { shop }) => {
    const server = { ORDERCTL_DATABASE_URL: `${kind}://127.0.0.1:1/shop` }
    for (const command of ['backup', 'restore']) {
      const { code, result } = await shop.jsonWith(server, command, 'copy.sqlite')
      expect({ code, result }).toMatchObject({ code: 2, result: { error: { code: 'database_on_server' } } })
    }
    expect((await shop.runWith(server, 'backup', 'copy.sqlite')).stderr).toContain(tool)
  })
})
