// Servers that are unreachable or read-only for a while, during a drain or a commit.

import { sql } from 'kysely'
import { expect } from 'vitest'
import { connect } from '../../src/database/connection.js'
import { databaseTime } from '../../src/database/engine.js'
import { readDatabaseAddress } from '../../src/servers/addresses.js'
import { throughOutages } from '../../src/workflow/outage.js'
import { askServer } from '../support/ask-server.js'
import { describeOnServerEngines, type EngineShop } from '../support/engine-shop.js'
import { csv, line } from '../support/lines.js'
import { describeOnPrivateServers } from '../support/private-servers.js'
import { CutProxy, TcpProxy } from '../support/proxy.js'
import type { ServerEngine } from '../support/servers.js'
import { until } from '../support/until.js'
import { completed, expectSoldOnce, expectToldOnce, SLOW, singles } from './drains.js'

const ORDERS = 300

/** A drain that has settled some orders, but not all. */
async function startDrain(shop: EngineShop, environment: Record<string, string> = {}) {
  await shop.importing(singles(ORDERS))
  const worker = shop.start({ ...SLOW, ...environment }, 'work', '--drain', '--concurrency', '2')
  await until(async () => (await completed(shop)) > 0)
  return worker
}

const at = (url: string) => ({ ORDERCTL_DATABASE_URL: url })
const UNREACHABLE = { error: { code: 'database_unreachable', retryable: true } }

describeOnServerEngines('a worker', (test, engine) => {
  test('whose connection is lost while it starts waits and goes on', async ({ shop }) => {
    await shop.importing(singles(1))
    // The worker's first statement.
    const cut = { at: /max\(period_end\) from queue_snapshots/, when: 'before', loss: 'reset' } as const
    const proxy = await new CutProxy(engine, shop.databaseUrl, cut).listen()
    const worker = shop.start({ ...SLOW, ...at(proxy.url) }, 'work', '--max-orders', '1')
    const { code, stderr } = await worker.ended.finally(() => proxy.close())
    expect(code, stderr).toBe(0)
    expectToldOnce(stderr, 'Waiting for it', 'Connected')
    await expectSoldOnce(shop, 1)
  })
})

describeOnServerEngines('a server that keeps its connections and answers nothing', (test) => {
  // Longer than a server takes to answer on a busy disk.
  const impatient = { ORDERCTL_ANSWER_TIMEOUT_MS: '5000' }

  test('does not keep a worker with a batch in progress from ending at SIGTERM', async ({ shop }) => {
    const proxy = await TcpProxy.open(shop.databaseUrl)
    const worker = await startDrain(shop, { ...at(proxy.url), ...impatient })
    proxy.hang()
    worker.child.kill('SIGTERM')
    const { code, stderr } = await worker.ended.finally(() => proxy.close())
    expect(code, stderr).toBe(130)
  })

  test('and is well again later: a drain waits and settles every order once', async ({ shop }) => {
    const proxy = await TcpProxy.open(shop.databaseUrl)
    const worker = await startDrain(shop, { ...at(proxy.url), ...impatient })
    proxy.hang()
    await worker.saw('Waiting for it')
    await proxy.goOn()
    const { code, stderr } = await worker.ended.finally(() => proxy.close())
    expect(code, stderr).toBe(0)
    // A statement may wait for the locks of a transaction whose connection was given up, and count as lost as well.
    expect(stderr.match(/Waiting for it|The database is back/g)?.slice(0, 2)).toEqual([
      'Waiting for it',
      'The database is back',
    ])
    expect(stderr.split('Waiting for it')).toHaveLength(stderr.split('The database is back').length)
    await expectSoldOnce(shop, ORDERS)
  })
})

describeOnServerEngines('an outage', (test) => {
  test('is not over while the server hangs, for longer than an attempt takes to reach it', async ({
    shop,
    onTestFinished,
  }) => {
    const proxy = await TcpProxy.open(shop.databaseUrl)
    const database = readDatabaseAddress(proxy.url)
    const db = await connect(database, { answerTimeoutMs: 10_000 })
    onTestFinished(async () => {
      await db.destroy()
      proxy.close()
    })
    const notices: string[] = []
    const goOn = () => proxy.goOn()
    const onNotice = (_: string, event: string) => notices.push(event)
    let attempts = 0
    const { signal } = new AbortController()
    await throughOutages({ db, database, signal, onNotice, onWaiting: goOn }, async () => {
      attempts += 1
      if (attempts === 1) proxy.drop()
      if (attempts === 2) proxy.hang()
      if (attempts < 3) await databaseTime(db)
    })
    expect(notices).toEqual(['server_away', 'server_back'])
  })
})

describeOnServerEngines('a transaction', (test, engine) => {
  test('of a stopped process has a time limit', async ({ shop }) => {
    const setting = { postgres: "current_setting('idle_in_transaction_session_timeout')", mysql: '@@wait_timeout' }
    const query = sql.raw<{ seconds: unknown }>(`select ${setting[engine]} as seconds`)
    const { rows } = await shop.db.transaction().execute((trx) => query.execute(trx))
    expect(parseInt(String(rows[0]?.seconds), 10)).toBe(30)
  })

  for (const [what, message, when] of [
    ['as it is stored', /\bcommit\b/, 'before'],
    ['once it is stored', /\bcommit\b/, 'after'],
    ['while it is settled', /row.\..gateway_reference/, 'before'],
  ] as const) {
    test(`of a refund in part that loses its connection ${what} is not called retryable`, async ({ shop }) => {
      await shop.importing(csv(line({ order: 'A-1' })), { ORDERCTL_INITIAL_STOCK: '100' })
      await shop.runWith({ ORDERCTL_PAYMENT_SUCCESS_RATE: '1' }, 'work', '--drain')
      const cut = { at: message, when, loss: 'reset' } as const
      const proxy = await new CutProxy(engine, shop.databaseUrl, cut).listen()
      const refunding = ['orders', 'refund', 'A-1', '--amount', '1']
      const refunded = await shop.jsonWith(at(proxy.url), ...refunding).finally(() => proxy.close())
      expect(proxy.hasCut).toBe(true)
      const fix = expect.stringContaining('orderctl orders show A-1')
      expect(refunded).toMatchObject({ code: 1, result: { error: { code: 'outcome_unknown', fix, retryable: false } } })
      const stored = what === 'as it is stored' ? 0 : 1
      await until(async () => Number(await shop.value('select count(*) from refunds')) === stored)
    })
  }

  for (const when of ['before', 'after'] as const) {
    test(`whose connection is lost ${when} the commit is reported as unknown, with a way to find out`, async ({
      shop,
    }) => {
      await shop.importing(csv(line({ sku: 'S-1' })), { ORDERCTL_INITIAL_STOCK: '100' })
      const commit = { at: /\bcommit\b/, when, loss: 'reset' } as const
      const proxy = await new CutProxy(engine, shop.databaseUrl, commit).listen()
      const adjusting = ['products', 'adjust', 'S-1', '50', '--reason', 'delivery']
      const adjusted = await shop.jsonWith(at(proxy.url), ...adjusting).finally(() => proxy.close())
      const fix = expect.stringMatching(/products list.* 150 units of S-1 .* 100 /)
      const error = { code: 'outcome_unknown', fix, retryable: false }
      // Not 4: a script that retries after 4 would book it twice.
      expect(adjusted).toMatchObject({ code: 1, result: { error } })
      expect(proxy.hasCut).toBe(true)
      const onHand = when === 'before' ? 100 : 150
      await until(async () => (await shop.value("select on_hand from products where sku = 'S-1'")) === onHand)
      expect(await shop.value('select count(*) from stock_adjustments')).toBe(when === 'before' ? 1 : 2)
    })
  }

  test('that sets a count can be repeated after the connection is lost at the commit', async ({ shop }) => {
    await shop.importing(csv(line({ sku: 'S-1' })), { ORDERCTL_INITIAL_STOCK: '100' })
    const commit = { at: /\bcommit\b/, when: 'after', loss: 'reset' } as const
    const proxy = await new CutProxy(engine, shop.databaseUrl, commit).listen()
    const counting = ['products', 'adjust', 'S-1', '--set', '150', '--reason', 'stocktake']
    const lost = await shop.jsonWith(at(proxy.url), ...counting).finally(() => proxy.close())
    expect(lost).toMatchObject({ code: 4, result: UNREACHABLE })
    await until(async () => (await shop.value("select on_hand from products where sku = 'S-1'")) === 150)
    expect(await shop.json(...counting)).toMatchObject({ code: 0, result: { delta: 0, on_hand: 150 } })
    expect(await shop.value('select count(*) from stock_adjustments')).toBe(2)
    expect(await shop.value('select count(*) from actions')).toBe(1)
  })
})

/** Makes new sessions of the user `standby` read-only, and ends open ones. */
const DEMOTE: Record<ServerEngine, readonly string[]> = {
  postgres: [
    'alter role standby set default_transaction_read_only = on',
    "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'standby'",
  ],
  mysql: ["set global init_connect = 'set session transaction read only'", 'kill user standby'],
}

const PROMOTE: Record<ServerEngine, string> = {
  postgres: 'alter role standby reset default_transaction_read_only',
  mysql: "set global init_connect = ''",
}

describeOnPrivateServers('a server', (test, engine) => {
  test('that is killed and started again: a drain waits and settles every order once', async ({ server, shop }) => {
    const worker = await startDrain(shop)
    await server.kill()
    await worker.saw('Waiting for it')
    expect(await shop.json('status')).toMatchObject({ code: 4, result: UNREACHABLE })
    await server.start()
    const { code, stderr } = await worker.ended
    expect(code, stderr).toBe(0)
    expect(stderr).toContain(`${server.product} at 127.0.0.1:${server.port}/`)
    expectToldOnce(stderr, 'Waiting for it', 'The database is back')
    await expectSoldOnce(shop, ORDERS)
  })

  test('that stays unreachable does not keep a worker from ending at SIGTERM', async ({ server, shop }) => {
    const worker = shop.start({}, 'work')
    // The worker has started by its second heartbeat. Before, the outage would count as one at the start.
    const atWork = `select count(*) from workers where pid = ${worker.child.pid} and last_seen > started_at`
    await until(async () => (await shop.value(atWork)) === 1)
    await server.kill()
    await worker.saw('Waiting for it')
    worker.child.kill('SIGTERM')
    const { code, stderr } = await worker.ended
    await server.start()
    expect(code, stderr).toBe(130)
  })

  test('that is read-only for a while: a drain waits, reconnects and goes on', async ({ server, shop }) => {
    const promote = () => askServer(server.urlWith(), PROMOTE[engine])
    await promote()
    const worker = await startDrain(shop, at(server.urlWith({ username: 'standby' })))
    for (const statement of DEMOTE[engine]) await askServer(server.urlWith(), statement)
    await worker.saw('is read-only')
    await promote()
    const { code, stderr } = await worker.ended
    expect(code, stderr).toBe(0)
    expectToldOnce(stderr, 'is read-only', 'The database is back')
    await expectSoldOnce(shop, ORDERS)
  })
})

/** The error that a trigger on `orders` raises, and the worker's notices. */
const REFUSALS = [
  ['a full disk', ['53100', 1114], 'has no space left', 'Waiting for space', 'Disk space is available again'],
  ['too little memory', ['53200', 1041], 'is out of memory', 'Waiting for it', 'The database is back'],
  ['a limit', ['53400', 1203], 'has reached a limit', 'Waiting for it', 'The database is back'],
] as const

describeOnServerEngines(
  'a drain waits, says so once, and goes on after',
  (test, engine) => {
    for (const [fault, [sqlState, errno], told, wait, back] of REFUSALS) {
      test(fault, async ({ shop }) => {
        const worker = await startDrain(shop)
        const trigger = 'create trigger refusing before update on orders for each row'
        if (engine === 'postgres') {
          await shop.rows(`create function refuse() returns trigger language plpgsql as
            $$ begin raise exception 'it said so' using errcode = '${sqlState}'; end $$`)
          await shop.rows(`${trigger} execute function refuse()`)
        } else {
          await shop.rows(`${trigger} signal sqlstate 'HY000' set mysql_errno = ${errno}, message_text = 'it said so'`)
        }
        await worker.saw(told)
        await shop.rows(`drop trigger refusing${engine === 'postgres' ? ' on orders' : ''}`)
        const { code, stderr } = await worker.ended
        expect(code, stderr).toBe(0)
        expectToldOnce(stderr, wait, back)
        await expectSoldOnce(shop, ORDERS)
      })
    }
  },
  { concurrent: true },
)
