// A process that is killed at each step of an archive: no order is lost, and the same command finishes the work.
import { cpSync, existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import SqliteDatabase from 'better-sqlite3'
import { expect } from 'vitest'
import { expectAuditClean } from '../support/cli.js'
import { test } from '../support/shop.js'

const PRELOADED = resolve(import.meta.dirname, '../support/preloaded/kill-at.js')
const ORDERS = 700

test('an archive that is killed at any step continues, and every order is in its file', async ({ shop }) => {
  shop.sqlite.exec('begin')
  shop.product('W', { onHand: ORDERS })
  for (let number = 1; number <= ORDERS; number++)
    shop.order(`O-${number}`, { status: 'completed', settledAt: 0, lines: [['W', 1, 100]] })
  shop.sqlite.exec('commit')
  shop.sqlite.pragma('wal_checkpoint(truncate)')
  const states = new Set<string>()
  let kills = 0
  for (let ended = false; !ended; ) {
    const [copy, file] = [join(shop.folder, `${kills}.sqlite`), join(shop.folder, `${kills}.jsonl`)]
    cpSync(shop.path, copy)
    const database = { ORDERCTL_DATABASE_URL: `sqlite:${copy}` }
    const archive = ['orders', 'archive', '--before', '2024-01-01', '--to', file, '--yes'] as const
    const killing = { ...database, NODE_OPTIONS: `--import ${PRELOADED}`, TEST_KILL_AT: String(kills + 1) }
    const { code } = await shop.start(killing, ...archive).ended
    ended = code === 0
    const sqlite = new SqliteDatabase(copy)
    const count = () => Number(sqlite.prepare('select count(*) from orders').pluck().get())
    const names = () => new Set(readFileSync(file, 'utf8').match(/"order_id":"O-\d+"/g))
    // An order that was removed is on disk.
    if (count() < ORDERS) expect(names().size).toBe(ORDERS)
    states.add(`${count()} stored, ${existsSync(file) ? 'file' : 'no file'}`)
    await expectAuditClean(await shop.connection(copy))
    const isUnfinished =
      !ended && sqlite.prepare('select count(*) from archives where ended_at > 0').pluck().get() === 0
    if (isUnfinished) {
      const again = await shop.runWith(database, ...archive)
      expect(again.code, again.stderr).toBe(0)
    }
    expect(readdirSync(shop.folder).filter((name) => name.endsWith('.part'))).toEqual([])
    expect(count()).toBe(0)
    expect(names().size).toBe(ORDERS)
    expect(sqlite.prepare('select sum(orders) from archives').pluck().get()).toBe(ORDERS)
    await expectAuditClean(await shop.connection(copy))
    sqlite.close()
    kills += 1
  }
  expect(kills).toBeGreaterThan(10)
  // Orders are removed in two transactions.
  expect([...states].sort()).toEqual(['0 stored, file', '200 stored, file', '700 stored, file', '700 stored, no file'])
})
