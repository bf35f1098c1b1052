// A copy that is killed, overtaken or made from a file in use is never taken for the shop, and is made again.
import { afterAll, beforeAll, expect } from 'vitest'
import { describeOnServers } from '../support/database-servers.js'
import { done, hashOf, MadeFile, rowsOf, type ServerDatabase, testOn } from '../support/move-scene.js'
import { PseudoTerminal } from '../support/pseudo-terminal.js'
import { until } from '../support/until.js'
import { csv, line, type Running, Workplace } from '../support/workplace.js'

let big: MadeFile
beforeAll(async () => {
  big = await MadeFile.from(async (place) => {
    const lines = Array.from({ length: 10_000 }, (_, index) =>
      line({ order: `O-${index}`, customer: `C-${index % 5000}`, sku: `S-${index % 50}` }),
    )
    await done(place, { ORDERCTL_INITIAL_STOCK: '1000000' }, ['import', place.file('big.csv', csv(...lines))])
    await done(place, {}, ['work', '--drain'])
  })
})
afterAll(() => big.remove())

describeOnServers('a copy', (engine) => {
  const test = testOn(engine)
  const argsOf = (place: Workplace) => ['migrate', '--from', `sqlite:${place.databasePath}`]

  /** A copy that is stopped with orders in it, and not all. */
  async function stoppedCopy(place: Workplace, database: ServerDatabase): Promise<Running> {
    big.copyTo(place)
    const copying = place.start(database.environment, ...argsOf(place))
    await until(async () => (await database.count('orders')) > 0)
    copying.child.kill('SIGSTOP')
    return copying
  }

  async function expectUnusable(place: Workplace, database: ServerDatabase): Promise<void> {
    for (const args of [['status'], ['work', '--drain'], ['rebuild', '--check'], ['kpis', 'realtime'], ['migrate']]) {
      expect(await place.jsonWith(database.environment, ...args), args.join(' ')).toEqual({
        code: 1,
        result: {
          error: {
            code: 'copy_unfinished',
            message: `This database is an unfinished copy of ${place.databasePath}.`,
            fix: `Copy it again: orderctl migrate --from sqlite:${place.databasePath}`,
            retryable: false,
          },
        },
      })
    }
  }

  async function expectWhole(place: Workplace, database: ServerDatabase): Promise<void> {
    expect(await rowsOf(place, database.ask)).toEqual(await rowsOf(place, (statement) => place.rows(statement)))
    await done(place, database.environment, ['status'])
  }

  test('that was killed cannot be used, and starts again', async ({ place, database }) => {
    const first = await stoppedCopy(place, database)
    const before = hashOf(place.databasePath)
    first.child.kill('SIGKILL')
    expect(await first.ended).toMatchObject({ code: null })
    await expectUnusable(place, database)

    const other = new Workplace()
    try {
      await done(other, {}, ['migrate'])
      expect(await other.jsonWith(database.environment, ...argsOf(other))).toMatchObject({
        code: 1,
        result: { error: { code: 'database_not_empty', message: expect.stringContaining(place.databasePath) } },
      })
    } finally {
      other.close()
    }

    const { environment } = database
    const terminal = new PseudoTerminal(place, { columns: 120, rows: 30, environment }, ...argsOf(place))
    try {
      await terminal.shows((screen) => /Copying \w+ [\d,]+ rows · [\d,]+ rows\/s/.test(screen))
      expect(await terminal.left()).toBe(0)
    } finally {
      await terminal.close().catch(() => undefined)
    }
    expect(terminal.written).toMatch(/Comparing \w+ [\d,]+ rows/)
    expect(terminal.showsCursor).toBe(true)
    expect(terminal.screen).not.toMatch(/Copying|Comparing/)
    expect(hashOf(place.databasePath)).toBe(before)
    await expectWhole(place, database)
  })

  test('that was interrupted cannot be used', async ({ place, database }) => {
    const copying = await stoppedCopy(place, database)
    copying.child.kill('SIGINT')
    copying.child.kill('SIGCONT')
    expect(await copying.ended).toMatchObject({ code: 130, stderr: expect.stringContaining('Copy it again:') })
    await expectUnusable(place, database)
  })

  test('of a file that is written to meanwhile is refused, and the next one has it all', async ({
    place,
    database,
  }) => {
    const copying = await stoppedCopy(place, database)
    place.db.exec("update customers set name = 'Anna' where id = 17")
    copying.child.kill('SIGCONT')
    expect(await copying.ended).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('was written to while it was copied'),
    })
    await expectUnusable(place, database)
    await done(place, database.environment, argsOf(place))
    await expectWhole(place, database)
  })

  test('writes nothing once another one has begun', async ({ place, database }) => {
    const copyId = async () => (await database.ask("select value from settings where name = 'copy_id'"))[0]?.['value']
    const first = await stoppedCopy(place, database)
    const firstId = await copyId()
    const second = place.start(database.environment, ...argsOf(place))
    await until(async () => (await copyId()) !== firstId)
    first.child.kill('SIGCONT')
    const { code, stderr } = await first.ended
    // 4 if the server has ended a transaction of the stopped process.
    if (code !== 4) expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('Another copy') })
    expect(await second.ended).toMatchObject({ code: 0 })
    await expectWhole(place, database)
  })
})
