// A watched folder: what is imported, where files go, and what a crash, a second watcher or a bad file changes.
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished } from 'vitest'
import type { ImportResult } from '../../src/command-line/import-view.js'
import type { ImportId } from '../../src/domain/ids.js'
import { EXIT, UserError } from '../../src/errors.js'
import { Inbox } from '../../src/import/inbox.js'
import { type Imported, watchFolder } from '../../src/import/watch-folder.js'
import { createQueue } from '../../src/queue/create-queue.js'
import type { Running } from '../support/cli.js'
import { csv, line } from '../support/lines.js'
import { type Shop, test } from '../support/shop.js'
import { until } from '../support/until.js'

/** Files that appear whole, like those of a program that renames them. */
function drop(shop: Shop, name: string, content: string): void {
  mkdirSync(join(shop.folder, 'in'), { recursive: true })
  renameSync(shop.file(`${name}.being-written`, content), join(shop.folder, 'in', name))
}

function filesIn(shop: Shop, folder: 'done' | 'failed' | 'importing' | ''): string[] {
  const path = join(shop.folder, 'in', folder)
  return existsSync(path) ? readdirSync(path).sort() : []
}

const content = (shop: Shop, file: string) => readFileSync(join(shop.folder, 'in', file), 'utf8')
const report = (shop: Shop, name: string) => JSON.parse(content(shop, `${name}.report.json`)) as ImportResult
const isThere = (shop: Shop, file: string) => existsSync(join(shop.folder, 'in', file))

function watch(shop: Shop, ...flags: string[]): Running {
  mkdirSync(join(shop.folder, 'in'), { recursive: true })
  const running = shop.start({}, 'import', '--watch', 'in', '--settle', '1ms', ...flags)
  onTestFinished(() => void running.child.kill('SIGKILL'))
  return running
}

async function stop({ child, ended }: Running): Promise<string> {
  child.kill('SIGTERM')
  const { code, stderr } = await ended
  expect(code, stderr).toBe(EXIT.interrupted)
  return stderr
}

/** Watches until the files are in done/ or failed/. Returns the log. */
async function watchUntil(shop: Shop, files: readonly string[], ...flags: string[]): Promise<string> {
  const running = watch(shop, ...flags)
  await until(() => files.every((file) => isThere(shop, file)) && filesIn(shop, 'importing').length === 0)
  return stop(running)
}

/** Fills several blocks, so that storing it takes several transactions. */
const LONG = csv(...Array.from({ length: 8000 }, (_, n) => line({ order: `L-${n}`, product: 'x'.repeat(200) })))

/** Makes each chunk take some tenths of a second. */
function slowDown(shop: Shop): void {
  shop.sqlite.exec(`create trigger slow after update of byte_offset on imports begin
    select count(*) from (with recursive numbers(n) as (select 1 union all select n + 1 from numbers where n < 2000000)
      select n from numbers);
  end`)
}

/** Starts a watch and ends it when it has stored a part of the long file. */
async function interruptLongImport(shop: Shop, signal: NodeJS.Signals): Promise<void> {
  await shop.migrate()
  slowDown(shop)
  drop(shop, 'long.csv', LONG)
  const { child, ended } = watch(shop)
  await until(() => Number(shop.value('select coalesce(max(rows), 0) from imports')) > 0)
  child.kill(signal)
  expect((await ended).code).toBe(signal === 'SIGKILL' ? null : EXIT.interrupted)
  shop.sqlite.exec('drop trigger slow')
  expect(shop.value('select status from imports')).toBe('reading')
  expect(filesIn(shop, 'importing')).toEqual(['long.csv'])
}

describe('a watched folder', () => {
  test('imports files in order of name, into done/ with their reports and rejects', async ({ shop }) => {
    drop(shop, 'b.csv', csv(line({ order: 'B-1', price: '2.50' }), line({ order: 'B-2', quantity: 'two' })))
    drop(shop, 'c.csv', csv(line({ order: 'C-1', price: '0.25', quantity: 4 })))
    drop(shop, 'a.csv', csv(line({ order: 'A-1' })))
    const log = await watchUntil(shop, ['done/a.csv', 'done/b.csv', 'done/c.csv'], '--source', 'web')
    expect(filesIn(shop, 'done')).toEqual([
      ...['a.csv', 'a.csv.report.json', 'b.csv', 'b.csv.report.json', 'b.rejects.csv', 'c.csv', 'c.csv.report.json'],
    ])
    expect(filesIn(shop, '')).toEqual(['done', 'failed', 'importing'])
    expect(shop.rows('select reference, source, total from orders order by id')).toEqual([
      { reference: 'A-1', source: 'web', total: 1000 },
      { reference: 'B-1', source: 'web', total: 250 },
      { reference: 'C-1', source: 'web', total: 100 },
    ])
    const done = join(shop.folder, 'in', 'done')
    const places = { file: join(done, 'b.csv'), rejects_file: join(done, 'b.rejects.csv') }
    expect(report(shop, 'done/b.csv')).toMatchObject({ ...places, rows: 2, imported: 1, rejected: 1 })
    expect(shop.rows('select file, rejects_file from imports where id = 2')).toEqual([places])
    expect(content(shop, 'done/b.rejects.csv')).toContain('B-2')
    expect(log).toContain('Ended after 3 imported files, 0 failed.')
    await shop.expectAuditClean()
  })

  test('moves a refused file to failed/ with the error, and imports the next one', async ({ shop }) => {
    drop(shop, 'a.csv', 'not,orders\n1,2\n')
    drop(shop, 'b.csv', csv(line()))
    await watchUntil(shop, ['failed/a.csv', 'done/b.csv'])
    const { error } = JSON.parse(content(shop, 'failed/a.csv.report.json'))
    expect(error).toMatchObject({ code: 'no_header', retryable: false })
    expect(error.message).toContain(join(shop.folder, 'in/failed/a.csv'))
    expect(shop.value('select count(*) from orders')).toBe(1)
  })

  test('leaves links, folders, unfinished and generated files alone', async ({ shop }) => {
    const orders = csv(line({ order: 'OTHER' }))
    const ignored = ['.hidden.csv', 'a.csv.part', 'a.tmp', 'a.csv~', 'old.csv.report.json', 'old.rejects.2.csv']
    for (const name of ignored) drop(shop, name, orders)
    mkdirSync(join(shop.folder, 'in', 'sub.csv'))
    symlinkSync(shop.file('outside.csv', orders), join(shop.folder, 'in', 'link.csv'))
    drop(shop, 'z.csv', csv(line()))
    const log = await watchUntil(shop, ['done/z.csv'])
    const left = [...ignored, 'sub.csv', 'link.csv', 'done', 'failed', 'importing']
    expect(filesIn(shop, '')).toEqual(left.sort())
    expect(log.match(/Left .*/g)).toEqual(['Left link.csv where it is: it is a symbolic link.'])
    expect(shop.rows('select reference from orders')).toEqual([{ reference: 'A-1' }])
  })

  test('never follows a link in place of done/', async ({ shop }) => {
    mkdirSync(join(shop.folder, 'in'))
    mkdirSync(join(shop.folder, 'elsewhere'))
    symlinkSync(join(shop.folder, 'elsewhere'), join(shop.folder, 'in', 'done'))
    const { code, result } = await shop.json('import', '--watch', 'in')
    expect({ code, result }).toMatchObject({ code: EXIT.usage, result: { error: { code: 'watch_link' } } })
  })

  test.for([['missing'], ['in', 'in2']])('must be one folder that exists: %s', async (folders, { shop }) => {
    const { code, result } = await shop.json('import', '--watch', ...folders)
    const expected = folders.length > 1 ? 'several_folders' : 'watch_folder'
    expect({ code, result }).toMatchObject({ code: EXIT.usage, result: { error: { code: expected } } })
  })

  test('numbers a name that done/ or failed/ has already, and overwrites nothing', async ({ shop }) => {
    drop(shop, 'a.csv', csv(line({ order: 'A-1' })))
    drop(shop, 'b.csv', 'bad\n')
    await watchUntil(shop, ['done/a.csv', 'failed/b.csv'])
    const before = [content(shop, 'done/a.csv.report.json'), content(shop, 'failed/b.csv.report.json')]
    drop(shop, 'a.csv', csv(line({ order: 'A-2' }), line({ order: 'A-3', quantity: 0 })))
    drop(shop, 'b.csv', csv(line({ order: 'B-1' })))
    await watchUntil(shop, ['done/a.2.csv', 'done/b.2.csv'])
    const after = [content(shop, 'done/a.csv.report.json'), content(shop, 'failed/b.csv.report.json')]
    expect(after).toEqual(before)
    expect(report(shop, 'done/a.2.csv').rejects_file).toBe(join(shop.folder, 'in/done/a.2.rejects.csv'))
    expect(content(shop, 'done/a.2.rejects.csv')).toContain('A-3')
    expect(content(shop, 'done/a.csv')).toContain('A-1')
  })

  test('imports a file again whose first import was not recorded, and keeps the first report', async ({ shop }) => {
    await shop.importing(csv(line()))
    // What a crash leaves between the report and the move.
    for (const folder of ['importing/a.csv', 'done']) mkdirSync(join(shop.folder, 'in', folder), { recursive: true })
    writeFileSync(join(shop.folder, 'in/importing/a.csv/a.csv'), csv(line()))
    writeFileSync(join(shop.folder, 'in/done/a.csv.report.json'), '{"imported": 1}')
    await watchUntil(shop, ['done/a.csv'])
    expect(report(shop, 'done/a.csv')).toEqual({ imported: 1 })
    expect(filesIn(shop, 'done')).toEqual(['a.csv', 'a.csv.report.json'])
    expect(shop.value('select count(*) from orders')).toBe(1)
  })

  test('waits while an interrupted import of another file blocks the source', async ({ shop }) => {
    await interruptLongImport(shop, 'SIGKILL')
    await shop.endLeases()
    // Another host names the folder otherwise.
    shop.sqlite.exec("update imports set file = '/elsewhere/long.csv'")
    const running = watch(shop)
    await running.saw('orderctl import undo 1')
    expect(isThere(shop, 'importing/long.csv/long.csv')).toBe(true)
    expect((await shop.run('import', 'undo', '1', '--yes')).code).toBe(0)
    await until(() => isThere(shop, 'done/long.csv'))
    expect(await stop(running)).toContain('works again')
    expect(shop.value('select count(*) from orders')).toBe(8000)
  })
})

describe('two watchers of one folder', () => {
  test('import each of 20 files once', async ({ shop }) => {
    await shop.migrate()
    const names = Array.from({ length: 20 }, (_, index) => `${String(index).padStart(2, '0')}.csv`)
    for (const name of names) {
      const lines = Array.from({ length: 50 }, (_, n) => line({ order: `${name}-${n}`, price: '1.25', quantity: 2 }))
      drop(shop, name, csv(...lines, line({ order: `${name}-bad`, quantity: 0 })))
    }
    const both = [watch(shop), watch(shop)]
    // A watcher that loses the claim of a file may have reserved its name: the file then gets the next one, `07.2.csv`.
    const imported = () => filesIn(shop, 'done').filter((name) => /^\d\d(\.\d)?\.csv$/.test(name))
    await until(() => imported().length === 20 && filesIn(shop, 'importing').length === 0)
    for (const running of both) await stop(running)
    expect(imported().map((name) => `${name.slice(0, 2)}.csv`)).toEqual(names)
    expect(imported().map((name) => report(shop, `done/${name}`).imported)).toEqual(names.map(() => 50))
    expect(filesIn(shop, 'done')).toHaveLength(60)
    expect(shop.rows('select count(*) as orders, sum(total) as total from orders')).toEqual([
      { orders: 1000, total: 1000 * 250 },
    ])
    await shop.expectAuditClean()
  })
})

describe('after a kill', () => {
  test('in the middle of a file, the next watch continues the import', async ({ shop }) => {
    await interruptLongImport(shop, 'SIGKILL')
    await shop.endLeases()
    await watchUntil(shop, ['done/long.csv'])
    expect(shop.rows('select status, rows, imported from imports')).toEqual([
      { status: 'finished', rows: 8000, imported: 8000 },
    ])
    expect(shop.rows('select count(*) as orders, sum(total) as total from orders')).toEqual([
      { orders: 8000, total: 8_000_000 },
    ])
    expect(report(shop, 'done/long.csv')).toMatchObject({ rows: 8000, imported: 8000, interrupted: false })
  })

  test('and a change of the file, the next watch imports the new content from the start', async ({ shop }) => {
    await interruptLongImport(shop, 'SIGKILL')
    await shop.endLeases()
    writeFileSync(join(shop.folder, 'in/importing/long.csv/long.csv'), csv(line({ order: 'NEW' })))
    await watchUntil(shop, ['done/long.csv'])
    expect(shop.rows('select reference from orders')).toEqual([{ reference: 'NEW' }])
    expect(shop.rows('select status from imports order by id')).toEqual([{ status: 'undone' }, { status: 'finished' }])
  })

  test('at any moment, no file is lost or has an effect twice', async ({ shop }) => {
    await shop.migrate()
    const names = Array.from({ length: 12 }, (_, index) => `${String.fromCharCode(97 + index)}.csv`)
    for (const name of names) drop(shop, name, csv(...[1, 2, 3].map((n) => line({ order: `${name}-${n}` }))))
    let kills = 0
    const count = () => filesIn(shop, 'done').length
    const isEmpty = () => count() === 2 * names.length
    while (!isEmpty()) {
      const before = count()
      const { child, ended } = watch(shop)
      // A report, or the file after it.
      await until(() => count() > before)
      child.kill('SIGKILL')
      await ended
      await shop.endLeases()
      kills += 1
    }
    expect(kills).toBeGreaterThan(3)
    const done = filesIn(shop, 'done').filter((name) => !name.endsWith('.report.json'))
    // A kill between the reservation of a name and the move leaves the name reserved for a minute.
    expect(done.map((name) => name.replace('.2.csv', '.csv'))).toEqual(names)
    // A kill between the import and the report repeats the import: its lines are duplicates then.
    expect(done.map((name) => report(shop, `done/${name}`).rows)).toEqual(names.map(() => 3))
    expect(shop.value('select count(*) from orders')).toBe(36)
    await shop.expectAuditClean()
  })
})

test('SIGTERM ends a watch after the lines in progress, and the next one continues', async ({ shop }) => {
  await interruptLongImport(shop, 'SIGTERM')
  await watchUntil(shop, ['done/long.csv'])
  expect(shop.rows('select status, rows from imports')).toEqual([{ status: 'finished', rows: 8000 }])
  expect(shop.value('select count(*) from orders')).toBe(8000)
})

describe('a file', () => {
  test('is complete once it stops growing', async ({ shop }) => {
    drop(shop, 'a.csv', csv(line()))
    const inbox = await Inbox.open(join(shop.folder, 'in'), { settleMs: 1, onLeft: () => undefined })
    for (let scan = 0; scan < 10; scan++) {
      expect(await inbox.complete()).toEqual([])
      appendFileSync(join(shop.folder, 'in', 'a.csv'), `${line()}\n`)
    }
    await until(async () => (await inbox.complete()).includes('a.csv'))
  })

  test('that grows during its import is imported again', async ({ shop }) => {
    drop(shop, 'a.csv', 'one')
    const contents: string[] = []
    await watchWith(shop, async (path) => {
      contents.push(readFileSync(path, 'utf8'))
      if (contents.length === 1) appendFileSync(path, ' two')
      return imported
    })
    expect(contents).toEqual(['one', 'one two'])
    expect(content(shop, 'done/a.csv')).toBe('one two')
  })

  test('stays while a server is unreachable', async ({ shop }) => {
    drop(shop, 'a.csv', 'one')
    const places: string[][] = []
    const { notices } = await watchWith(shop, async () => {
      places.push(filesIn(shop, 'importing'))
      const away = { code: 'queue_away', message: 'Away.', fix: 'Start it.', retryable: true, exit: EXIT.unreachable }
      if (places.length < 3) throw new UserError(away)
      return imported
    })
    expect(places).toEqual([['a.csv'], ['a.csv'], ['a.csv']])
    expect(notices).toEqual(['server_away', 'server_back'])
    expect(filesIn(shop, 'done')).toEqual(['a.csv', 'a.csv.report.json'])
  })

  test('whose rejects file cannot be written stays, and this is reported once', async ({ shop }) => {
    drop(shop, 'a.csv', 'one')
    let attempts = 0
    const { notices } = await watchWith(shop, async () => {
      attempts += 1
      const full = { code: 'rejects_unwritable', message: `Attempt ${attempts}.`, fix: 'Free space.', retryable: true }
      if (attempts < 3) throw new UserError(full)
      return imported
    })
    expect(notices).toEqual(['retrying', 'recovered'])
    expect(filesIn(shop, 'done')).toEqual(['a.csv', 'a.csv.report.json'])
  })

  test('that crashes the import goes to failed/', async ({ shop }) => {
    drop(shop, 'a.csv', 'one')
    const { failed } = await watchWith(shop, () => Promise.reject(new TypeError('a bug')))
    expect(failed).toEqual([`${join(shop.folder, 'in/failed/a.csv')}: a bug`])
    expect(content(shop, 'failed/a.csv.report.json')).toBe('a bug')
  })
})

const imported: Imported = {
  ...{ id: 1 as ImportId, interrupted: false, rejects: null },
  report: () => 'report',
  onDone: () => undefined,
}

/** Watches with another import until the folder has no file to import. */
async function watchWith(shop: Shop, importFile: (path: string) => Promise<Imported>) {
  await shop.migrate()
  const [notices, failed]: [string[], string[]] = [[], []]
  const over = new AbortController()
  const inbox = await Inbox.open(join(shop.folder, 'in'), { settleMs: 1, onLeft: () => undefined })
  const config = shop.config()
  const queue = await createQueue(shop.db, config)
  const watching = watchFolder({
    ...{ inbox, importFile, db: shop.db, queue, database: config.database },
    ...{ source: 'default', signal: over.signal, pollMs: 5 },
    describe: (error) =>
      error instanceof UserError
        ? error
        : new UserError({ code: 'bug', message: String((error as Error).message), fix: '' }),
    failureReport: ({ message }) => message,
    onFailed: (file, { message }) => void failed.push(`${file}: ${message}`),
    onNotice: (_, event) => void notices.push(event),
    onRetry: (_, event) => void notices.push(event),
  })
  await until(() => filesIn(shop, '').length === 3 && filesIn(shop, 'importing').length === 0)
  over.abort()
  await watching
  await queue.close()
  return { notices, failed }
}
