// What orderctl writes is private to its user, and never ends up in another file through a link.
import { existsSync, linkSync, readFileSync, statSync, symlinkSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import { Inbox } from '../../src/import/inbox.js'
import { csv, line } from '../support/lines.js'
import { test } from '../support/shop.js'

const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8)

test('files with customers and orders are private, whatever the umask', async ({ newShop: shop }) => {
  const orders = shop.file('orders.csv', csv(line({ order: 'A-1' }), 'broken'))
  const run = (...args: string[]) => shop.startInShell('umask 0; exec "$@"', ...args).ended
  expect(await run('import', orders)).toMatchObject({ code: 3 })
  const cursor = join(shop.folder, 'cursor')
  expect(await run('orders', 'export', '--cursor-file', cursor)).toMatchObject({ code: 0 })
  // While it is open, the write-ahead log and its index exist.
  expect(shop.value('select count(*) from orders')).toBe(1)
  const files = ['', '-wal', '-shm'].map((suffix) => `${shop.path}${suffix}`)
  const modes = [...files, join(shop.folder, 'orders.rejects.csv'), cursor].map(modeOf)
  expect(modes).toEqual(['600', '600', '600', '600', '600'])
})

test('reports of watched files are not for every user, and claimed files not for any other', async ({ shop }) => {
  const inbox = await Inbox.open(shop.folder, { settleMs: 0, onLeft: () => undefined })
  await writeFile(join(shop.folder, 'new.csv'), csv(line()))
  const claim = await inbox.claim('new.csv')
  if (!claim) throw new Error('the file was not claimed')
  expect(modeOf(join(shop.folder, 'importing', 'new.csv'))).toBe('700')
  await inbox.finish(claim, { folder: 'done', rejects: null, report: () => '{}' })
  const mode = statSync(join(shop.folder, 'done', 'new.csv.report.json')).mode
  expect(mode & 0o007).toBe(0)
})

test('a database is not created through a link to a missing file', async ({ newShop: shop }) => {
  const target = join(shop.folder, 'target')
  symlinkSync(target, shop.path)
  const { code, result } = await shop.json('migrate')
  expect({ code, result }).toMatchObject({ code: 1, result: { error: { code: 'database_unwritable' } } })
  expect(existsSync(target)).toBe(false)
})

test('a cursor is not written through a link', async ({ shop }) => {
  const [cursor, target] = [join(shop.folder, 'cursor'), shop.file('target', 'keep')]
  // Tests run commands in this process.
  symlinkSync(target, `${cursor}.${process.pid}.tmp`)
  const { code, stderr } = await shop.run('orders', 'export', '--cursor-file', cursor)
  expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('Cannot write the cursor') })
  expect(readFileSync(target, 'utf8')).toBe('keep')
})

test('a mapping is not written through a link, not even with --force', async ({ shop }) => {
  const [map, target] = [join(shop.folder, 'map.json'), shop.file('target', 'keep')]
  symlinkSync(target, map)
  const orders = shop.file('orders.csv', csv(line()))
  const { code, stderr } = await shop.run('import', 'inspect', orders, '--save-map', map, '--force')
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('ELOOP') })
  expect(readFileSync(target, 'utf8')).toBe('keep')
})

test('rejected lines never overwrite the database or the input through a link, not even with --force', async ({
  shop,
}) => {
  const orders = shop.file('orders.csv', csv(line(), 'broken'))
  await mkdir(join(shop.folder, 'links'))
  const sources = { 'to-database': shop.path, 'to-log': `${shop.path}-wal`, 'to-input': orders }
  expect(shop.value('select count(*) from orders')).toBe(0)
  for (const [name, file] of Object.entries(sources))
    for (const [kind, makeLink] of [['hard', linkSync] as const, ['symbolic', symlinkSync] as const]) {
      const link = join(shop.folder, 'links', `${name}-${kind}`)
      makeLink(file, link)
      const { code, result } = await shop.json('import', orders, '--rejects', link, '--force')
      expect({ code, result }).toMatchObject({
        code: 2,
        result: { error: { code: expect.stringMatching(/^rejects_over_/) } },
      })
    }
  expect(shop.value('select count(*) from orders')).toBe(0)
})
