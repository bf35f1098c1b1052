// A copy that is killed, overtaken or made from a file in use is never taken for the shop, and is made again.

import { copyFileSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { beforeAll, expect } from 'vitest'
import type { Running } from '../support/cli.js'
import { describeOnServers } from '../support/database-servers.js'
import { csv, line } from '../support/lines.js'
import { done, hashOf, makeFile, rowsOf, type ServerDatabase, testOn } from '../support/move-scene.js'
import { PseudoTerminal } from '../support/pseudo-terminal.js'
import { Shop } from '../support/shop.js'
import { until } from '../support/until.js'

let big: string
beforeAll(async () => {
  big = await makeFile(async (shop) => {
    const lines = Array.from({ length: 10_000 }, (_, index) =>
      line({ order: `O-${index}`, customer: `C-${index % 5000}`, sku: `S-${index % 50}` }),
    )
    await done(shop, { ORDERCTL_INITIAL_STOCK: '1000000' }, ['import', shop.file('big.csv', csv(...lines))])
    await done(shop, {}, ['work', '--drain'])
  })
  return () => rmSync(dirname(big), { recursive: true })
})

describeOnServers('a copy', (engine) => {
  const test = testOn(engine)
  const argsOf = (shop: Shop) => ['migrate', '--from', `sqlite:${shop.path}`]

  /** A copy that is stopped with orders in it, and not all. */
  async function stoppedCopy(shop: Shop, database: ServerDatabase): Promise<Running> {
    copyFileSync(big, shop.path)
    const copying = shop.start(database.environment, ...argsOf(shop))
    await until(async () => (await database.count('orders')) > 0)
    copying.child.kill('SIGSTOP')
    return copying
  }

  async function expectUnusable(shop: Shop, database: ServerDatabase): Promise<void> {
    for (const args of [['status'], ['work', '--drain'], ['rebuild', '--check'], ['kpis', 'realtime'], ['migrate']]) {
      expect(await shop.jsonWith(database.environment, ...args), args.join(' ')).toEqual({
        code: 1,
        result: {
          error: {
            code: 'copy_unfinished',
            message: `This database is an unfinished copy of ${shop.path}.`,
            fix: `Copy it again: orderctl migrate --from sqlite:${shop.path}`,
            retryable: false,
          },
        },
      })
    }
  }

  async function expectWhole(shop: Shop, database: ServerDatabase): Promise<void> {
    expect(await rowsOf(shop, database.ask)).toEqual(await rowsOf(shop, (statement) => shop.rows(statement)))
    await done(shop, database.environment, ['status'])
  }

  test('that was killed cannot be used, and starts again', async ({ shop, database }) => {
    const first = await stoppedCopy(shop, database)
    const before = hashOf(shop.path)
    first.child.kill('SIGKILL')
    expect(await first.ended).toMatchObject({ code: null })
    await expectUnusable(shop, database)

    const other = new Shop()
    try {
      await done(other, {}, ['migrate'])
      expect(await other.jsonWith(database.environment, ...argsOf(other))).toMatchObject({
        code: 1,
        result: { error: { code: 'database_not_empty', message: expect.stringContaining(shop.path) } },
      })
    } finally {
      await other.close()
    }

    const { environment } = database
    const terminal = new PseudoTerminal(shop, { columns: 120, rows: 30, environment }, ...argsOf(shop))
    try {
      await terminal.shows((screen) => /Copying \w+ [\d,]+ rows · [\d,]+ rows\/s/.test(screen))
      expect(await terminal.left()).toBe(0)
    } finally {
      await terminal.close().catch(() => undefined)
    }
    expect(terminal.written).toMatch(/Comparing \w+ [\d,]+ rows/)
    expect(terminal.showsCursor).toBe(true)
    expect(terminal.screen).not.toMatch(/Copying|Comparing/)
    expect(hashOf(shop.path)).toBe(before)
    await expectWhole(shop, database)
  })

  test('that was interrupted cannot be used', async ({ shop, database }) => {
    const copying = await stoppedCopy(shop, database)
    copying.child.kill('SIGINT')
    copying.child.kill('SIGCONT')
    expect(await copying.ended).toMatchObject({ code: 130, stderr: expect.stringContaining('Copy it again:') })
    await expectUnusable(shop, database)
  })

  test('of a file that is written to meanwhile is refused, and the next one has it all', async ({ shop, database }) => {
    const copying = await stoppedCopy(shop, database)
    shop.sqlite.exec("update customers set name = 'Anna' where id = 17")
    copying.child.kill('SIGCONT')
    expect(await copying.ended).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('was written to while it was copied'),
    })
    await expectUnusable(shop, database)
    await done(shop, database.environment, argsOf(shop))
    await expectWhole(shop, database)
  })

  test('writes nothing once another one has begun', async ({ shop, database }) => {
    const copyId = async () => (await database.ask("select value from settings where name = 'copy_id'"))[0]?.['value']
    const first = await stoppedCopy(shop, database)
    const firstId = await copyId()
    const second = shop.start(database.environment, ...argsOf(shop))
    await until(async () => (await copyId()) !== firstId)
    first.child.kill('SIGCONT')
    const { code, stderr } = await first.ended
    // 4 if the server has ended a transaction of the stopped process.
    if (code !== 4) expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('Another copy') })
    expect(await second.ended).toMatchObject({ code: 0 })
    await expectWhole(shop, database)
  })
})
