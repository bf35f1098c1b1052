// A copy that is killed, overtaken, or made from a file in use cannot be used as the shop, and can be made again.

import { copyFileSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { beforeAll, expect, onTestFinished } from 'vitest'
import type { Running } from '../support/cli.js'
import { csv, line } from '../support/lines.js'
import { done, hashOf, makeFile, rowsOf, type ServerDatabase, testOn } from '../support/move-scene.js'
import { PseudoTerminal } from '../support/pseudo-terminal.js'
import { describeOnServers } from '../support/servers.js'
import type { Shop } from '../support/shop.js'
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

  async function expectUnusable(shop: Shop, { environment }: ServerDatabase): Promise<void> {
    const message = expect.stringContaining(shop.path)
    const fix = expect.stringContaining(`orderctl migrate --from sqlite:${shop.path}`)
    const result = { error: { code: 'copy_unfinished', message, fix, retryable: false } }
    for (const args of [['status'], ['work', '--drain'], ['rebuild', '--check'], ['kpis', 'realtime'], ['migrate']]) {
      expect(await shop.jsonWith(environment, ...args), args.join(' ')).toEqual({ code: 1, result })
    }
  }

  async function expectWhole(shop: Shop, database: ServerDatabase): Promise<void> {
    expect(await rowsOf(shop, database.ask)).toEqual(await rowsOf(shop, (statement) => shop.rows(statement)))
    await done(shop, database.environment, ['status'])
  }

  test.for([
    ['SIGKILL', null, ''],
    ['SIGINT', 130, 'Copy it again:'],
  ] as const)('that ended by %s can only be made again', async ([signal, code, said], { shop, database }) => {
    const first = await stoppedCopy(shop, database)
    const before = hashOf(shop.path)
    first.child.kill(signal)
    first.child.kill('SIGCONT')
    expect(await first.ended).toMatchObject({ code, stderr: expect.stringContaining(said) })
    await expectUnusable(shop, database)

    const other = join(shop.folder, 'other.sqlite')
    copyFileSync(big, other)
    const message = expect.stringContaining(shop.path)
    expect(await shop.jsonWith(database.environment, 'migrate', '--from', `sqlite:${other}`)).toMatchObject({
      code: 1,
      result: { error: { code: 'database_not_empty', message } },
    })

    const { environment } = database
    const terminal = new PseudoTerminal(shop, { columns: 120, rows: 30, environment }, ...argsOf(shop))
    onTestFinished(() => terminal.close().catch(() => undefined))
    await terminal.shows((screen) => /Copying \w+ [\d,]+ rows · [\d,]+ rows\/s/.test(screen))
    expect(await terminal.left()).toBe(0)
    expect(terminal.written).toMatch(/Comparing \w+ [\d,]+ rows/)
    expect(hashOf(shop.path)).toBe(before)
    await expectWhole(shop, database)
  })

  test('fails if the file is written to meanwhile, and the next one has every row', async ({ shop, database }) => {
    const copying = await stoppedCopy(shop, database)
    shop.sqlite.exec("update customers set name = 'Anna' where id = 17")
    copying.child.kill('SIGCONT')
    const stderr = expect.stringContaining('was changed during the copy')
    expect(await copying.ended).toMatchObject({ code: 1, stderr })
    await expectUnusable(shop, database)
    await done(shop, database.environment, argsOf(shop))
    await expectWhole(shop, database)
  })

  test('writes nothing after another one has begun', async ({ shop, database }) => {
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
