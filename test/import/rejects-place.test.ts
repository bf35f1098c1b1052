// Where rejected lines may be written: --rejects costs the user no other file.
import { spawnSync } from 'node:child_process'
import { linkSync, lstatSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { refuseRejects } from '../../src/import/rejects.js'
import { importJson, moreThanABlock, readRejects, shell } from '../support/orders-file.js'
import { csv, line, test, type Workplace } from '../support/workplace.js'
import { expectRefusal, expectRefused } from './refusal.js'

const BAD = csv(line({ order: 'A-1', quantity: 0 }), line({ order: 'A-2' }))

/** Looks at the path as the command does, without a process, even with --force. */
function expectForceRefused(place: Workplace, file: string, code: string): void {
  const database = { kind: 'sqlite', path: place.databasePath } as const
  const options = { input: join(place.folder, 'orders.csv'), database, wanted: join(place.folder, file), force: true }
  expectRefused(() => refuseRejects(options), { code, says: file, fix: /^Name / })
}

const expectFileRefused = (place: Workplace, file: string, code: string, fix: string | RegExp, ...flags: string[]) =>
  expectRefusal(place, ['orders.csv', '--rejects', file, ...flags], { code, says: file, fix })

describe('--rejects refuses', () => {
  test('the database and the files beside it, through links and folders too, even with --force', async ({ place }) => {
    expectForceRefused(place, 'orders.sqlite-wal', 'rejects_over_database')
    place.file('first.csv', csv(line({ order: 'FIRST' })))
    await importJson(place, 'first.csv')
    // Keeps -wal and -shm in place while other processes come and go.
    place.value('select count(*) from orders')
    place.file('orders.csv', BAD)
    mkdirSync(join(place.folder, 'real'))
    symlinkSync(place.folder, join(place.folder, 'real', 'folder'))
    linkSync(place.databasePath, join(place.folder, 'hard-link.csv'))
    symlinkSync(place.databasePath, join(place.folder, 'soft-link.csv'))
    const header = readFileSync(place.databasePath).subarray(0, 16)
    await expectFileRefused(place, 'orders.sqlite-wal', 'rejects_over_database', 'Name another file')
    const own = ['', '-wal', '-shm', '-journal'].map((end) => `orders.sqlite${end}`)
    for (const file of [...own, 'hard-link.csv', 'soft-link.csv', 'real/folder/orders.sqlite-journal']) {
      expectForceRefused(place, file, 'rejects_over_database')
    }
    expect(readFileSync(place.databasePath).subarray(0, 16)).toEqual(header)
    await place.expectAuditClean()
    expect(place.value('select count(*) from orders')).toBe(1)
  })

  test('the file that is read, by each of its names and as standard input', async ({ place }) => {
    place.file('orders.csv', BAD)
    linkSync(join(place.folder, 'orders.csv'), join(place.folder, 'hard-link.csv'))
    symlinkSync('orders.csv', join(place.folder, 'soft-link.csv'))
    for (const file of ['orders.csv', 'hard-link.csv', 'soft-link.csv']) {
      expectForceRefused(place, file, 'rejects_over_input')
    }
    await expectFileRefused(place, 'hard-link.csv', 'rejects_over_input', 'Name another file')
    const piped = await shell(place, 'exec "$@" < orders.csv', 'import', '-', '--rejects', 'hard-link.csv').ended
    const stderr = expect.stringContaining('hard-link.csv, the file that is imported')
    expect(piped).toMatchObject({ code: 2, stderr })
    expect(readFileSync(join(place.folder, 'orders.csv'), 'utf8')).toBe(BAD)
  })

  test('a file that is not a rejects file, unless --force says so', async ({ place }) => {
    place.file('orders.csv', BAD)
    const notes = place.file('notes.csv', 'from yesterday\n')
    await expectFileRefused(place, 'notes.csv', 'rejects_exists', /--force/)
    await expectFileRefused(place, 'notes.csv', 'rejects_exists', /--force/, '--dry-run')
    expect(readFileSync(notes, 'utf8')).toBe('from yesterday\n')
    const forced = await importJson(place, 'orders.csv', '--rejects', 'notes.csv', '--force')
    expect(forced).toMatchObject({ code: 3, told: { rejects_file: notes } })
    expect(readRejects(notes)).toMatchObject([{ order_id: 'A-1', rejected_line: '2' }])
  })

  test('a symbolic link, whether its target is there or not, and a folder', async ({ place }) => {
    place.file('orders.csv', BAD)
    const target = place.file('target.csv', '')
    symlinkSync(target, join(place.folder, 'link.csv'))
    symlinkSync(join(place.folder, 'nowhere.csv'), join(place.folder, 'dangling.csv'))
    mkdirSync(join(place.folder, 'folder'))
    expectForceRefused(place, 'dangling.csv', 'rejects_is_link')
    expectForceRefused(place, 'folder', 'rejects_not_a_file')
    await expectFileRefused(place, 'link.csv', 'rejects_is_link', /the file itself/)
    expect(readFileSync(target, 'utf8')).toBe('')
    expect(lstatSync(join(place.folder, 'nowhere.csv'), { throwIfNoEntry: false })).toBeUndefined()
  })
})

describe('--rejects writes', () => {
  test('over an earlier rejects file and over an empty file', async ({ place }) => {
    const rejects = place.file('rejects.csv', '')
    for (const bad of ['A-1', 'A-3']) {
      place.file('orders.csv', csv(line({ order: bad, quantity: 0 })))
      expect(await importJson(place, 'orders.csv', '--rejects', 'rejects.csv')).toMatchObject({ code: 3 })
      expect(readRejects(rejects)).toMatchObject([{ order_id: bad }])
    }
  })

  test('to /dev/null, to a pipe and to /dev/stdout, and replaces none of them', async ({ place }) => {
    place.file('orders.csv', BAD)
    const before = statSync('/dev/null')
    const dropped = await importJson(place, 'orders.csv', '--rejects', '/dev/null')
    expect(dropped).toMatchObject({ code: 3, told: { rejected: 1, rejects_file: '/dev/null' } })
    expect(statSync('/dev/null')).toMatchObject({ ino: before.ino, rdev: before.rdev, mode: before.mode })

    // More than a pipe holds.
    const bad = Array.from({ length: 2000 }, (_, index) => line({ order: `B-${index}`, quantity: 0 }))
    place.file('more.csv', csv(...bad))
    const substituted = await shell(
      place,
      '"$@" --rejects >(sleep 0.3; cat > through.csv; echo read)',
      ...['import', 'more.csv', '--json'],
    ).ended
    expect(substituted.stdout).toContain('read')
    expect(readRejects(join(place.folder, 'through.csv'))).toHaveLength(2000)

    const shown = await shell(place, '"$@" | cat', 'import', 'orders.csv', '--rejects', '/dev/stdout').ended
    expect(shown.stdout).toContain('quantity,')
    expect(shown.stdout).toContain('rejected_reason')
  })

  test('to a named pipe that is read, and says so where nothing reads it', async ({ place }) => {
    place.file('orders.csv', BAD)
    const unread = await shell(place, 'mkfifo pipe; exec "$@" --rejects pipe', 'import', 'orders.csv').ended
    expect(unread).toMatchObject({ code: 1, stderr: expect.stringContaining('pipe (ENXIO)') })
    const read = await shell(place, 'cat pipe > read.csv & "$@" --rejects pipe; wait', 'import', 'orders.csv').ended
    expect(read.code).toBe(0)
    expect(readRejects(join(place.folder, 'read.csv'))).toMatchObject([{ order_id: 'A-1' }])
    expect(lstatSync(join(place.folder, 'pipe')).isFIFO()).toBe(true)
  })
})

describe('--resume', () => {
  /** Cut off after its first chunk, with a rejected line written: the state that a kill leaves. */
  async function cutOff(place: Workplace): Promise<string> {
    const filler = [...moreThanABlock('F'), ...moreThanABlock('G')]
    place.file('orders.csv', csv(line({ order: 'A-1', quantity: 0 }), ...filler, line({ order: 'A-2', quantity: 0 })))
    await place.run('migrate')
    place.db.exec(`create trigger stop before update of byte_offset on imports when old.byte_offset > 0
      begin select raise(abort, 'cut off'); end`)
    expect((await place.run('import', 'orders.csv', '--rejects', 'rejects.csv')).code).toBe(1)
    place.db.exec('drop trigger stop')
    return join(place.folder, 'rejects.csv')
  }

  const resume = (place: Workplace, ...flags: string[]) => place.json('import', 'orders.csv', '--resume', ...flags)

  test('leaves a file alone that took the place of the rejects, and a link to one', async ({ place }) => {
    const rejects = await cutOff(place)
    const written = readFileSync(rejects, 'utf8')
    expect(written).toContain('A-1')
    for (const content of ['something else, and longer than what was there before\n'.repeat(20), '']) {
      writeFileSync(rejects, content)
      expect(await resume(place)).toMatchObject({ code: 2, result: { error: { code: 'rejects_exists' } } })
      expect(readFileSync(rejects, 'utf8')).toBe(content)
    }
    place.file('elsewhere.csv', written)
    spawnSync('ln', ['-sf', 'elsewhere.csv', rejects])
    expect(await resume(place)).toMatchObject({ code: 2, result: { error: { code: 'rejects_is_link' } } })
    expect(readFileSync(join(place.folder, 'elsewhere.csv'), 'utf8')).toBe(written)
  })

  test('begins a file that was moved away again, with its header', async ({ place }) => {
    const rejects = await cutOff(place)
    spawnSync('mv', [rejects, join(place.folder, 'mended.csv')])
    expect(await resume(place, '--rejects', 'rejects.csv')).toMatchObject({ code: 3, result: { rejected: 2 } })
    expect(readRejects(rejects)).toMatchObject([{ order_id: 'A-2' }])
    expect(readRejects(join(place.folder, 'mended.csv'))).toMatchObject([{ order_id: 'A-1' }])
  })
})
