// Where rejected lines may be written: --rejects overwrites no other file of the user.

import { spawnSync } from 'node:child_process'
import { linkSync, lstatSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { csv, line } from '../support/lines.js'
import { importJson, moreThanABlock, readRejects, shell } from '../support/orders-file.js'
import { type Shop, test } from '../support/shop.js'
import { expectRefusal } from './refusal.js'

const BAD = csv(line({ order: 'A-1', quantity: 0 }), line({ order: 'A-2' }))

describe('--rejects refuses', () => {
  /** Refused with and without --force. */
  async function expectRefused(shop: Shop, file: string, code: string, fix = 'Name another file'): Promise<void> {
    const args = ['orders.csv', '--rejects', file]
    for (const flags of [[], ['--force']]) await expectRefusal(shop, [...args, ...flags], { code, says: file, fix })
  }

  test('the database and its -wal, -shm and -journal, also through links and folders', async ({ shop }) => {
    shop.file('first.csv', csv(line({ order: 'FIRST' })))
    await importJson(shop, 'first.csv')
    shop.file('orders.csv', BAD)
    mkdirSync(join(shop.folder, 'real'))
    symlinkSync(shop.folder, join(shop.folder, 'real', 'folder'))
    linkSync(shop.path, join(shop.folder, 'hard-link.csv'))
    symlinkSync(shop.path, join(shop.folder, 'soft-link.csv'))
    const own = ['', '-wal', '-shm', '-journal'].map((end) => `orders.sqlite${end}`)
    for (const file of [...own, 'hard-link.csv', 'soft-link.csv', 'real/folder/orders.sqlite-journal']) {
      await expectRefused(shop, file, 'rejects_over_database')
    }
    await shop.expectAuditClean()
    expect(shop.value('select count(*) from orders')).toBe(1)
  })

  test('the file that is read, by each of its names and as standard input', async ({ shop }) => {
    shop.file('orders.csv', BAD)
    linkSync(join(shop.folder, 'orders.csv'), join(shop.folder, 'hard-link.csv'))
    symlinkSync('orders.csv', join(shop.folder, 'soft-link.csv'))
    for (const file of ['orders.csv', 'hard-link.csv', 'soft-link.csv']) {
      await expectRefused(shop, file, 'rejects_over_input')
    }
    const piped = await shell(shop, 'exec "$@" < orders.csv', 'import', '-', '--rejects', 'hard-link.csv').ended
    expect(piped).toMatchObject({ code: 2, stderr: expect.stringContaining('hard-link.csv') })
    expect(readFileSync(join(shop.folder, 'orders.csv'), 'utf8')).toBe(BAD)
  })

  test('a symbolic link, whether its target exists or not, and a folder', async ({ shop }) => {
    shop.file('orders.csv', BAD)
    const target = shop.file('target.csv', '')
    symlinkSync(target, join(shop.folder, 'link.csv'))
    symlinkSync(join(shop.folder, 'nowhere.csv'), join(shop.folder, 'dangling.csv'))
    mkdirSync(join(shop.folder, 'folder'))
    await expectRefused(shop, 'link.csv', 'rejects_is_link', 'the file itself')
    await expectRefused(shop, 'dangling.csv', 'rejects_is_link', 'the file itself')
    await expectRefused(shop, 'folder', 'rejects_not_a_file', 'Name ')
    expect(readFileSync(target, 'utf8')).toBe('')
    expect(lstatSync(join(shop.folder, 'nowhere.csv'), { throwIfNoEntry: false })).toBeUndefined()
  })

  test('a file that is not a rejects file, unless with --force', async ({ shop }) => {
    shop.file('orders.csv', BAD)
    const notes = shop.file('notes.csv', 'from yesterday\n')
    const refusal = { code: 'rejects_exists', says: 'notes.csv', fix: '--force' }
    await expectRefusal(shop, ['orders.csv', '--rejects', 'notes.csv'], refusal)
    await expectRefusal(shop, ['orders.csv', '--rejects', 'notes.csv', '--dry-run'], refusal)
    expect(readFileSync(notes, 'utf8')).toBe('from yesterday\n')
    const forced = await importJson(shop, 'orders.csv', '--rejects', 'notes.csv', '--force')
    expect(forced).toMatchObject({ code: 3, told: { rejects_file: notes } })
    expect(readRejects(notes)).toMatchObject([{ order_id: 'A-1', rejected_line: '2' }])
  })
})

describe('--rejects writes', () => {
  test('over an earlier rejects file and over an empty file', async ({ shop }) => {
    const rejects = shop.file('rejects.csv', '')
    for (const bad of ['A-1', 'A-3']) {
      shop.file('orders.csv', csv(line({ order: bad, quantity: 0 })))
      expect(await importJson(shop, 'orders.csv', '--rejects', 'rejects.csv')).toMatchObject({ code: 3 })
      expect(readRejects(rejects)).toMatchObject([{ order_id: bad }])
    }
  })

  test('to /dev/null, to a pipe and to /dev/stdout, and replaces none of them', async ({ shop }) => {
    shop.file('orders.csv', BAD)
    const before = statSync('/dev/null')
    const dropped = await importJson(shop, 'orders.csv', '--rejects', '/dev/null')
    expect(dropped).toMatchObject({ code: 3, told: { rejected: 1, rejects_file: '/dev/null' } })
    expect(statSync('/dev/null')).toMatchObject({ ino: before.ino, rdev: before.rdev, mode: before.mode })

    // More than a pipe holds.
    const bad = Array.from({ length: 2000 }, (_, index) => line({ order: `B-${index}`, quantity: 0 }))
    shop.file('more.csv', csv(...bad))
    const script = '"$@" --rejects >(sleep 0.3; cat > through.csv; echo read)'
    const substituted = await shell(shop, script, 'import', 'more.csv', '--json').ended
    expect(substituted.stdout).toContain('read')
    expect(readRejects(join(shop.folder, 'through.csv'))).toHaveLength(2000)

    const shown = await shell(shop, '"$@" | cat', 'import', 'orders.csv', '--rejects', '/dev/stdout').ended
    expect(shown.stdout).toContain('rejected_reason')
  })

  test('to a named pipe with a reader, and fails without one', async ({ shop }) => {
    shop.file('orders.csv', BAD)
    const unread = await shell(shop, 'mkfifo pipe; exec "$@" --rejects pipe', 'import', 'orders.csv').ended
    expect(unread).toMatchObject({ code: 1, stderr: expect.stringContaining('pipe (ENXIO)') })
    const read = await shell(shop, 'cat pipe > read.csv & "$@" --rejects pipe; wait', 'import', 'orders.csv').ended
    expect(read.code).toBe(0)
    expect(readRejects(join(shop.folder, 'read.csv'))).toMatchObject([{ order_id: 'A-1' }])
    expect(lstatSync(join(shop.folder, 'pipe')).isFIFO()).toBe(true)
  })
})

describe('--resume', () => {
  /** Cut off after its first chunk, with a rejected line written: the state that a kill leaves. */
  async function cutOff(shop: Shop): Promise<string> {
    const filler = [...moreThanABlock('F'), ...moreThanABlock('G')]
    shop.file('orders.csv', csv(line({ order: 'A-1', quantity: 0 }), ...filler, line({ order: 'A-2', quantity: 0 })))
    shop.sqlite.exec(`create trigger stop before update of byte_offset on imports when old.byte_offset > 0
      begin select raise(abort, 'cut off'); end`)
    expect((await shop.run('import', 'orders.csv', '--rejects', 'rejects.csv')).code).toBe(1)
    shop.sqlite.exec('drop trigger stop')
    return join(shop.folder, 'rejects.csv')
  }

  const resume = (shop: Shop, ...flags: string[]) => shop.json('import', 'orders.csv', '--resume', ...flags)

  test('goes on after the rejects file could not be written', async ({ shop }) => {
    shop.file('orders.csv', BAD)
    const says = /none\/rejects\.csv \(ENOENT\)/
    const args = ['orders.csv', '--rejects', 'none/rejects.csv']
    await expectRefusal(shop, args, { exit: 1, code: 'rejects_unwritable', says, fix: '--resume' })
    mkdirSync(join(shop.folder, 'none'))
    const { code, told } = await importJson(shop, ...args, '--resume')
    expect({ code, ...told }).toMatchObject({ code: 3, rows: 2, imported: 1, rejected: 1, published: 1 })
  })

  test('leaves a file that has replaced the rejects file, and a link to one', async ({ shop }) => {
    const rejects = await cutOff(shop)
    const written = readFileSync(rejects, 'utf8')
    expect(written).toContain('A-1')
    for (const content of ['something else, and longer than what was there before\n'.repeat(20), '']) {
      writeFileSync(rejects, content)
      expect(await resume(shop)).toMatchObject({ code: 2, result: { error: { code: 'rejects_exists' } } })
      expect(readFileSync(rejects, 'utf8')).toBe(content)
    }
    shop.file('elsewhere.csv', written)
    spawnSync('ln', ['-sf', 'elsewhere.csv', rejects])
    expect(await resume(shop)).toMatchObject({ code: 2, result: { error: { code: 'rejects_is_link' } } })
    expect(readFileSync(join(shop.folder, 'elsewhere.csv'), 'utf8')).toBe(written)
  })

  test('begins a new rejects file, with its header, if the first one was moved away', async ({ shop }) => {
    const rejects = await cutOff(shop)
    spawnSync('mv', [rejects, join(shop.folder, 'mended.csv')])
    expect(await resume(shop, '--rejects', 'rejects.csv')).toMatchObject({ code: 3, result: { rejected: 2 } })
    expect(readRejects(rejects)).toMatchObject([{ order_id: 'A-2' }])
    expect(readRejects(join(shop.folder, 'mended.csv'))).toMatchObject([{ order_id: 'A-1' }])
  })
})
