// A server that goes away and comes back while orders and lines are on their way to it.
import { sql } from 'kysely'
import { expect } from 'vitest'
import { describeOnServerEngines, type EnginePlace } from '../support/engine-place.js'
import { countsOf, importJson } from '../support/orders-file.js'
import { describeOnPrivateServers } from '../support/private-servers.js'
import { SilentProxy } from '../support/silent-proxy.js'
import { quickChunks, slowChunks } from '../support/slow-chunks.js'
import { until } from '../support/until.js'
import { csv, line } from '../support/workplace.js'

const SLOW = {
  ORDERCTL_PAYMENT_SUCCESS_RATE: '1',
  ORDERCTL_PAYMENT_LATENCY_MS: '150',
  ORDERCTL_BATCH_SIZE: '20',
  ORDERCTL_LEASE_MS: '1500',
}

const ORDERS = 400

function orders(): string {
  return csv(...Array.from({ length: ORDERS }, (_, index) => line({ order: `A-${index}`, sku: `S-${index % 7}` })))
}

const completed = async (place: EnginePlace) =>
  Number(await place.value("select count(*) from orders where status = 'completed'"))

async function expectEachChargedOnce(place: EnginePlace): Promise<void> {
  expect(await place.statuses()).toEqual({ completed: ORDERS })
  expect(await place.value("select count(*) from payments where status = 'captured'")).toBe(ORDERS)
  expect(await place.value('select sum(orders) from sales_by_customer')).toBe(ORDERS)
  await place.expectAuditClean()
}

const timesIn = (text: string, part: string) => text.split(part).length - 1

describeOnServerEngines(
  'connections that are cut',
  (test, engine) => {
    test('in mid-drain: the worker says so once, connects anew and settles every order once', async ({ place }) => {
      await place.importing(orders())
      const { proxy, port, environment } = await behindProxy(place)
      const worker = place.start({ ...SLOW, ...environment }, 'work', '--drain')
      await until(async () => (await completed(place)) > 0)
      proxy.cut()
      const { code, stderr } = await worker.ended
      proxy.close()
      expect(code, stderr).toBe(0)
      expect(stderr).toContain(`${engine === 'postgres' ? 'PostgreSQL' : 'MySQL'} at 127.0.0.1:${port}/`)
      expect(timesIn(stderr, 'Waiting for it')).toBe(1)
      expect(timesIn(stderr, 'The database is back')).toBe(1)
      await expectEachChargedOnce(place)
    })

    test('in mid-import: it ends with 4 and says what to do, and --resume goes on', async ({ place }) => {
      const lines = Array.from({ length: 9000 }, (_, index) => line({ order: `B-${index}`, product: 'ü'.repeat(120) }))
      place.file('orders.csv', csv(...lines))
      await slowChunks(place, 1.5)
      const { proxy, environment } = await behindProxy(place)
      const cut = place.start(environment, 'import', 'orders.csv', '--json')
      await until(async () => Number(await place.value('select count(*) from orders')) > 0)
      proxy.cut()
      const { code, stdout } = await cut.ended
      proxy.close()
      expect(code).toBe(4)
      expect(JSON.parse(stdout)).toMatchObject({
        error: { code: 'database_unreachable', retryable: true, fix: expect.stringContaining('again') },
      })
      await quickChunks(place)
      const { told } = await importJson(place, 'orders.csv', '--resume')
      expect(countsOf(told)).toMatchObject({ rows: 9000, orders: 9000, imported: 9000, duplicates: 0, rejected: 0 })
      expect(await place.value('select count(*) from order_lines')).toBe(9000)
      await place.expectAuditClean()
    })
  },
  { concurrent: true },
)

describeOnServerEngines('a transaction', (test, engine) => {
  test('of a process that stands still is ended by the server', async ({ place }) => {
    const limit =
      engine === 'postgres'
        ? "select 'idle', current_setting('idle_in_transaction_session_timeout') as value"
        : "show session variables like 'wait_timeout'"
    const { rows } = await place.db.transaction().execute((trx) => sql.raw<Record<string, unknown>>(limit).execute(trx))
    const [, value] = Object.values(rows[0] ?? {})
    expect(value).toBe(engine === 'postgres' ? '30s' : '30')
  })

  for (const when of ['before', 'behind'] as const) {
    test(`whose connection is lost ${when} the commit may be booked: a change of stock says so`, async ({ place }) => {
      await place.importing(csv(line({ sku: 'S-1' })), { ORDERCTL_INITIAL_STOCK: '100' })
      const { proxy, environment } = await behindProxy(place)
      proxy.cutAtCommit(when)
      const adjusted = await place.jsonWith(environment, 'products', 'adjust', 'S-1', '50', '--reason', 'delivery')
      proxy.close()
      expect(adjusted).toMatchObject({
        // Not 4: whoever tries again on that would book it twice.
        code: 1,
        result: {
          error: {
            code: 'outcome_unknown',
            message: expect.stringContaining('nobody knows whether it was booked'),
            fix: expect.stringMatching(/products list.* shows 150 units of S-1 .*and 100 without/),
            retryable: false,
          },
        },
      })
      const onHand = when === 'before' ? 100 : 150
      await until(async () => (await place.value("select on_hand from products where sku = 'S-1'")) === onHand)
      expect(await place.value('select count(*) from stock_adjustments')).toBe(when === 'before' ? 1 : 2)
    })
  }

  test('that cannot be begun is plainly not booked', async ({ place }) => {
    await place.importing(csv(line({ sku: 'S-1' })))
    const { proxy, environment } = await behindProxy(place)
    proxy.drop()
    const adjusted = await place.jsonWith(environment, 'products', 'adjust', 'S-1', '50', '--reason', 'delivery')
    proxy.close()
    expect(adjusted).toMatchObject({ code: 4, result: { error: { code: 'database_unreachable', retryable: true } } })
  })
})

describeOnPrivateServers('a server', (test) => {
  test('that is killed in mid-drain and started again', async ({ server, place }) => {
    await place.importing(orders())
    const worker = place.start(SLOW, 'work', '--drain')
    await until(async () => (await completed(place)) > 0)
    await server.kill()
    await worker.saw('Waiting for it')
    const meanwhile = await place.json('status')
    expect(meanwhile).toMatchObject({ code: 4, result: { error: { code: 'database_unreachable', retryable: true } } })
    const { error } = meanwhile.result as { error: { message: string; fix: string } }
    expect(error.message).toContain(`Cannot reach ${server.product} at 127.0.0.1:${server.port}/${server.database} (`)
    expect(error.fix).toMatch(/^Start it, or correct ORDERCTL_DATABASE_URL/)

    await server.start()
    const { code, stderr } = await worker.ended
    expect(code, stderr).toBe(0)
    expect(timesIn(stderr, 'Waiting for it')).toBe(1)
    expect(timesIn(stderr, 'The database is back')).toBe(1)
    await expectEachChargedOnce(place)
  })

  test('that is never there again lets the worker go at a signal', async ({ server, place }) => {
    await place.run('migrate')
    const worker = place.start({}, 'work')
    // It is at work by its second sign of life; during the first, a server that is lost is one that cannot be reached.
    const atWork = `select count(*) from workers where pid = ${worker.child.pid} and last_seen > started_at`
    await until(async () => (await place.value(atWork)) === 1)
    await server.kill()
    await worker.saw('Waiting for it')
    worker.child.kill('SIGTERM')
    const { code, stderr } = await worker.ended
    await server.start()
    expect(code, stderr).toBe(130)
  })

  test('lets nobody in with a wrong password, and no password is ever shown', async ({ server, place }) => {
    const wrong = { ORDERCTL_DATABASE_URL: server.urlWith({ password: 'w7ong' }), DEBUG: '*' }
    const { code, stdout, stderr } = await place.runWith(wrong, 'status')
    expect(code).toBe(2)
    expect(stderr).toContain(`${server.product} at 127.0.0.1:${server.port}/${server.database} refused the login`)
    expect(stderr).toContain('Correct user and password in ORDERCTL_DATABASE_URL')
    expect(stdout + stderr).not.toContain('w7ong')
    const config = await place.runWith({ ...wrong, DEBUG: '' }, 'config', '--json')
    expect(config.stdout).toContain(':***@127.0.0.1')
    expect(config.stdout + config.stderr).not.toContain('w7ong')
  })

  test('that has no such database says how to make it', async ({ server, place }) => {
    const missing = { ORDERCTL_DATABASE_URL: server.urlWith({ pathname: 'nowhere' }) }
    expect(await place.jsonWith(missing, 'import', place.file('orders.csv', orders()))).toMatchObject({
      code: 2,
      result: { error: { code: 'database_missing', fix: expect.stringContaining('create database nowhere') } },
    })
  })

  test('that does not let the user make tables says what is missing', async ({ server, place }) => {
    const reader = { ORDERCTL_DATABASE_URL: server.urlWith({ username: 'reader', pathname: 'empty' }) }
    expect(await place.jsonWith(reader, 'import', place.file('orders.csv', orders()))).toMatchObject({
      code: 2,
      result: { error: { code: 'database_rights_missing', fix: expect.stringContaining('make tables') } },
    })
  })
})

/** The place's server behind a network that the test can cut. */
async function behindProxy(place: EnginePlace) {
  const url = new URL(place.databaseUrl)
  const standard = place.engine === 'postgres' ? 5432 : 3306
  const proxy = await SilentProxy.open(Number(url.port) || standard, url.hostname)
  url.hostname = '127.0.0.1'
  url.port = String(proxy.port)
  return { proxy, port: proxy.port, environment: { ORDERCTL_DATABASE_URL: url.href } }
}
