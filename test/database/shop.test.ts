// The identity of a database: who charges under which keys, what tells a copy from its original, and how a copy gets
// its own.

import { chmodSync, copyFileSync, existsSync, mkdirSync, renameSync } from 'node:fs'
import { hostname } from 'node:os'
import { describe, expect, test as plainTest } from 'vitest'
import { openOrCreateDatabase } from '../../src/database/connection.js'
import { findRelocation, readShop } from '../../src/database/shop.js'
import { idempotencyKey, type OrderId, refundKey, type ShopId } from '../../src/domain/ids.js'
import type { Currency } from '../../src/domain/money.js'
import type { ChargeOutcome, Gateway } from '../../src/payments/gateway.js'
import { SimulatedGateway } from '../../src/payments/simulated.js'
import { readDatabaseAddress } from '../../src/servers/addresses.js'
import { processBatch } from '../../src/workflow/batch.js'
import { claim } from '../../src/workflow/claim.js'
import type { Cli } from '../support/cli.js'
import { opened } from '../support/cli.js'
import { checksOf, failure, failuresOf } from '../support/doctor.js'
import { singles } from '../support/drain.js'
import { describeOnEngines, EngineShop } from '../support/engine-shop.js'
import { describeWith, makeDatabase } from '../support/servers.js'
import { Shop, test as shopTest } from '../support/shop.js'

const CLAIM = { leaseMs: 30_000, reservationTtlMs: 900_000 }
const OPTIONS = { claim: CLAIM, charge: { inFlight: 5, timeoutMs: 1000 }, settle: { attempts: 3 } }

/** Charges the orders, and returns the keys that the gateway was asked with. */
async function keysAsked(shop: EngineShop, ids: readonly OrderId[], outcome?: ChargeOutcome): Promise<string[]> {
  const keys: string[] = []
  const charge: Gateway['charge'] = async ({ key }) => {
    keys.push(key)
    return outcome ?? { status: 'captured', reference: key }
  }
  const unused = () => Promise.reject(new Error('not used here'))
  await processBatch(shop.db, { charge, lookUpCharge: unused }, ids, OPTIONS)
  return keys.sort()
}

async function idsOf(shop: EngineShop): Promise<OrderId[]> {
  return (await shop.rows('select id from orders order by id')).map(({ id }) => id as OrderId)
}

function shopCheck(at: string, place: string) {
  return failure(
    'shop',
    new RegExp(`^Shop ${at} was confirmed as .*, but this database is ${place}\\.`),
    /--new-shop.*--keep-shop/,
  )
}

/** What a dump contains that was restored under another name. Only the identity matters here. */
async function restored(shop: EngineShop): Promise<EngineShop> {
  if (shop.engine === 'sqlite') {
    const copy = await EngineShop.openEmpty('sqlite')
    const path = copy.databaseUrl.slice('sqlite:'.length)
    await shop.rows(`vacuum into '${path}'`)
    chmodSync(path, 0o600)
    await copy.migrate()
    return copy
  }
  const copy = await EngineShop.at(shop.engine, await makeDatabase(shop.engine))
  const settings = await shop.db.selectFrom('settings').selectAll().execute()
  await copy.db.deleteFrom('settings').execute()
  await copy.db.insertInto('settings').values(settings).execute()
  return copy
}

describeOnEngines('the identity of a database', (test) => {
  test('makes the keys of two databases with the same orders different', async ({ shop, newShop: other }) => {
    const asked: string[][] = []
    for (const one of [shop, other]) {
      await one.importing(singles(3))
      await one.migrate()
      const identity = await readShop(one.db)
      expect(identity).toMatch(/^[0-9a-z]{12}$/)
      const keys = await keysAsked(one, await idsOf(one))
      expect(keys).toEqual([1, 2, 3].map((number) => `${identity}:default:A-${number}:1`))
      expect(await one.rows('select idempotency_key as k from payments order by order_id')).toEqual(
        keys.map((k) => ({ k })),
      )
      asked.push(keys)
    }
    expect(new Set(asked.flat()).size).toBe(6)
  })

  test('is shown by config and status', async ({ shop }) => {
    const identity = await readShop(shop.db)
    for (const command of ['config', 'status']) {
      expect(await shop.json(command)).toMatchObject({ result: { shop: identity } })
      const { stdout, stderr } = await shop.run(command)
      expect(stdout + stderr).toContain(identity)
    }
  })

  test('of a copy is that of the original until --new-shop', async ({ shop, onTestFinished }) => {
    const identity = await readShop(shop.db)
    expect(await checksOf(shop)).toContainEqual({ name: 'shop', ok: true, skipped: false, detail: identity, fix: null })
    const copy = await restored(shop)
    onTestFinished(() => copy.close())
    expect(await failuresOf(copy)).toEqual([shopCheck(identity, '.+')])
    expect(await copy.json('migrate', '--new-shop')).toMatchObject({
      code: 2,
      result: { error: { code: 'confirmation_needed' } },
    })
    expect(await readShop(copy.db)).toBe(identity)

    const { code, result } = await copy.json('migrate', '--new-shop', '--yes')

    const own = await readShop(copy.db)
    expect(own).not.toBe(identity)
    const renewed = { applied: [], current: 1, shop: own, previous_shop: identity, open_charges: 0 }
    expect({ code, result }).toEqual({ code: 0, result: renewed })
    expect(await failuresOf(copy)).toEqual([])
    expect(await copy.json('audit', 'log')).toMatchObject({
      result: { actions: [{ command: 'migrate --new-shop', subject: own, details: `was ${identity}` }] },
    })
    expect(await readShop(shop.db)).toBe(identity)
    expect(await failuresOf(shop)).toEqual([])
  })

  test('of a database that was moved is confirmed with --keep-shop', async ({ shop, onTestFinished }) => {
    const moved = await restored(shop)
    onTestFinished(() => moved.close())
    const identity = await readShop(shop.db)

    const { code, result } = await moved.json('migrate', '--keep-shop')

    expect({ code, result }).toEqual({ code: 0, result: { applied: [], current: 1, shop: identity } })
    expect(await failuresOf(moved)).toEqual([])
    await moved.run('migrate', '--keep-shop')
    const { result: log } = await moved.json('audit', 'log')
    expect((log as { actions: unknown[] }).actions).toMatchObject([
      { command: 'migrate --keep-shop', subject: identity },
    ])
  })

  test('changes the keys of new charges only: those asked before a crash are asked again', async ({ shop }) => {
    await shop.importing(singles(3))
    const before = await readShop(shop.db)
    const [first, second, third] = await idsOf(shop)
    if (!first || !second || !third) throw new Error('the import stored fewer orders')
    // The intent of the first is stored, and its worker dies before it asks. The second is asked in vain.
    await claim(shop.db, [first], CLAIM)
    const unanswered = { status: 'unknown', message: 'no answer' } as const
    const old = [`${before}:default:A-1:1`, `${before}:default:A-2:1`]
    expect(await keysAsked(shop, [second], unanswered)).toEqual(old.slice(1))

    expect(await shop.json('migrate', '--new-shop', '--yes')).toMatchObject({ result: { open_charges: 2 } })

    await shop.db.updateTable('due_orders').set({ due_at: 1 }).execute()
    expect(await keysAsked(shop, [first], unanswered)).toEqual(old.slice(0, 1))
    await shop.db.updateTable('due_orders').set({ due_at: 1 }).execute()
    const after = await readShop(shop.db)
    const all = [...old, `${after}:default:A-3:1`].sort()
    expect(await keysAsked(shop, [first, second, third])).toEqual(all)
    expect(await shop.rows("select status from payments where status <> 'captured'")).toEqual([])
    await shop.expectAuditClean()
  })
})

describe('a key', () => {
  const [one, two] = ['0123456789ab', 'zyxwvtsrqpnm'] as [ShopId, ShopId]

  plainTest('has the same simulated outcome in each shop, so that examples can be repeated', async () => {
    const gateway = new SimulatedGateway({ successRate: 0.5, latencyMs: 0, seed: 'test' })
    const amount = { currency: 'USD' as Currency, minor: 100 }
    const outcomes = async (shop: ShopId) => {
      const keys = Array.from({ length: 20 }, (_, index) => idempotencyKey(shop, 'default', `A-${index}`, 1))
      return Promise.all(keys.map((key) => gateway.charge({ key, amount }, 1000)))
    }
    expect(await outcomes(one)).toEqual(await outcomes(two))
    expect(new Set((await outcomes(one)).map(({ status }) => status)).size).toBe(2)
  })

  plainTest('is another one for each shop, source, order and attempt', () => {
    const keys = [one, two].flatMap((shop) =>
      ['web', 'till'].flatMap((source) =>
        ['A-1', 'A-2'].flatMap((order) => [1, 2].map((attempt) => idempotencyKey(shop, source, order, attempt))),
      ),
    )
    expect(new Set(keys).size).toBe(16)
  })

  plainTest('of a refund is never that of a charge, whatever the reference', () => {
    expect(refundKey(idempotencyKey(one, 'default', 'A', 1), 1)).toBe('0123456789ab:default:A:1:refund-1')
    for (const reference of ['A:1:refund', 'A:1:refund-1', 'A'])
      for (const attempt of [1, 2]) {
        const key = idempotencyKey(one, 'default', reference, attempt)
        expect([1, 2].map((number) => refundKey(idempotencyKey(one, 'default', 'A', 1), number))).not.toContain(key)
      }
  })
})

const test = shopTest.extend<{ other: Shop }>({ other: opened(() => new Shop()) })

describe.concurrent('a file', () => {
  const strayed = (one: Cli) => findRelocation(one.db, readDatabaseAddress(one.databaseUrl))

  test('that is renamed, or restored from a backup at its place, is no copy', async ({ shop, other }) => {
    const backup = `${shop.path}.backup`
    await shop.json('status')
    shop.sqlite.exec(`vacuum into '${backup}'`)
    shop.sqlite.close()
    await shop.db.destroy()
    renameSync(shop.path, other.path)
    await other.migrate()
    expect(await strayed(other)).toBeUndefined()
    expect(await failuresOf(other)).toEqual([])

    copyFileSync(backup, shop.path)
    expect(await checksOf(shop)).toContainEqual(expect.objectContaining({ name: 'shop', ok: true }))
  })

  test('that is copied is named with its original', async ({ shop, other }) => {
    const identity = shop.identity
    shop.sqlite.exec(`vacuum into '${other.path}'`)
    await other.migrate()
    const host = hostname()
    expect(await strayed(other)).toEqual({ confirmed: `${shop.path} on ${host}`, place: `${other.path} on ${host}` })
    const place = `${other.path} on ${host}`
    expect(await failuresOf(other)).toContainEqual(shopCheck(identity, place))
  })

  test('that does not exist has no identity, and config does not create it', async ({ newShop: shop }) => {
    expect(await shop.json('config')).toMatchObject({ code: 0, result: { shop: null } })
    expect(existsSync(shop.path)).toBe(false)
    mkdirSync(shop.path)
    expect(await shop.run('config')).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/^Cannot read the database/),
    })
  })
})

describeWith('postgres', 'PostgreSQL: a database made from another as a template', () => {
  shopTest('is a copy', async ({ onTestFinished }) => {
    const original = await makeDatabase('postgres')
    const db = await openOrCreateDatabase(readDatabaseAddress(original))
    const identity = await readShop(db)
    await db.destroy()
    const copy = await makeDatabase('postgres', { how: `template ${new URL(original).pathname.slice(1)}` })
    const shop = await EngineShop.at('postgres', copy)
    onTestFinished(() => shop.close())
    expect(await failuresOf(shop)).toEqual([shopCheck(identity, '.+')])
  })
})
