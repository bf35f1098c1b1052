// A copy that is killed, or whose file is worked on meanwhile, is no database that anybody takes for the shop.
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect } from 'vitest'
import { describeOnServers } from '../support/database-servers.js'
import { done, hashOf, MadeFile, makeBigShop, testOn } from '../support/move-scene.js'
import { PseudoTerminal } from '../support/pseudo-terminal.js'
import { rowsInFile, rowsOnServer, type ServerDatabase } from '../support/server-database.js'
import { until } from '../support/until.js'
import { type Running, Workplace } from '../support/workplace.js'

const ORDERS = 20_000

/** A page of a table is 5,000 rows. */
const PAGE = 5000

let big: MadeFile
beforeAll(async () => {
  big = await MadeFile.from(makeBigShop(ORDERS))
})
afterAll(() => big.remove())

describeOnServers('a copy', (engine) => {
  const test = testOn(engine)

  function copy(place: Workplace, database: ServerDatabase): Running {
    return place.start(database.environment, 'migrate', '--from', `sqlite:${place.databasePath}`)
  }

  async function expectUnusable(place: Workplace, database: ServerDatabase): Promise<void> {
    for (const args of [['status'], ['work', '--drain'], ['rebuild', '--check'], ['kpis', 'realtime'], ['migrate']]) {
      expect(await place.jsonWith(database.environment, ...args), args.join(' ')).toEqual({
        code: 1,
        result: {
          error: {
            code: 'copy_unfinished',
            message: expect.stringContaining(place.databasePath),
            fix: `Go on with it: orderctl migrate --from sqlite:${place.databasePath}`,
            retryable: false,
          },
        },
      })
    }
  }

  test('that is killed is gone on with, and nothing else is done with it', async ({ place, database }) => {
    big.copyTo(place)
    const before = hashOf(place.databasePath)
    const first = copy(place, database)
    await until(async () => (await database.count('orders')) > PAGE)
    first.child.kill('SIGKILL')
    expect(await first.ended).toMatchObject({ code: null })
    // The server may still be at what it was sent last.
    const arrived = await database.count('orders')
    expect(arrived).toBeLessThanOrEqual(ORDERS)
    expect(await database.count('payments')).toBe(0)

    await expectUnusable(place, database)
    const other = new Workplace()
    try {
      await done(other, {}, ['migrate'])
      expect(
        await other.jsonWith(database.environment, 'migrate', '--from', `sqlite:${other.databasePath}`),
      ).toMatchObject({
        code: 1,
        result: { error: { code: 'database_not_empty', message: expect.stringContaining(place.databasePath) } },
      })
    } finally {
      other.close()
    }

    const second = copy(place, database)
    await until(async () => (await database.count('payments')) > PAGE)
    second.child.kill('SIGINT')
    expect(await second.ended).toMatchObject({ code: 130, stderr: expect.stringContaining('Go on with it:') })
    await expectUnusable(place, database)

    const { code, result } = await place.jsonWith(
      database.environment,
      ...['migrate', '--from', `sqlite:${place.databasePath}`],
    )
    expect({ code, result }).toMatchObject({ code: 0, result: { copied: { same_figures: true, differences: 0 } } })
    expect(hashOf(place.databasePath)).toBe(before)
    expect(await rowsOnServer(place, database)).toEqual(rowsInFile(place))
    await done(place, database.environment, ['status'])
  })

  test('of a file that is written to meanwhile is not taken for it', async ({ place, database }) => {
    big.copyTo(place)
    const copying = copy(place, database)
    await until(async () => (await database.count('orders')) > 0)
    // A customer's row arrived long ago.
    place.db.exec("update customers set name = 'Anna' where id = 17")
    const { code, stderr } = await copying.ended
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('was written to while it was copied') })
    await expectUnusable(place, database)

    // Nobody writes any more, but the row stays what it was.
    expect(await copy(place, database).ended).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/the table customers is no longer what .*\n.*Empty the new database/),
    })
    await expectUnusable(place, database)
  })

  test('of 100,000 orders tells how far it is, in little memory', async ({ place, database }) => {
    big.copyTo(place)
    const { environment } = database
    const args = ['migrate', '--from', `sqlite:${place.databasePath}`]
    const terminal = new PseudoTerminal(place, { columns: 120, rows: 30, environment }, ...args)
    let isOver = false
    let most = 0
    void terminal.ended.then(() => {
      isOver = true
    })
    try {
      await terminal.shows((screen) => /Copying \w+ [\d,]+ rows · [\d,]+ rows\/s/.test(screen))
      while (!isOver) {
        most = Math.max(most, memoryOf(terminal.pid))
        await new Promise((next) => setTimeout(next, 20))
      }
      expect(await terminal.left()).toBe(0)
    } finally {
      await terminal.close()
    }
    expect(terminal.written).toMatch(/Comparing \w+ [\d,]+ rows/)
    expect(terminal.showsCursor).toBe(true)
    expect(terminal.screen).not.toMatch(/Copying|Comparing/)
    expect(most).toBeGreaterThan(0)
    expect(most).toBeLessThan(300)
    expect(await database.count('order_lines')).toBe(ORDERS)
  })
})

/** The most that it had so far, in MB; 0 where it has gone. */
function memoryOf(pid: number): number {
  try {
    const [, kilobytes = '0'] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
    return Number(kilobytes) / 1000
  } catch {
    return 0
  }
}
