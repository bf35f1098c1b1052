// Network errors look the same for every server, so we note which ones the database's driver has thrown.

import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import { connect, explainDatabaseError } from '../../src/database/connection.js'
import { isDatabaseError } from '../../src/database/watched.js'
import { readDatabaseAddress } from '../../src/servers/addresses.js'
import { describeOnEngines, describeOnServerEngines } from '../support/engine-shop.js'
import { freePort } from '../support/private-process.js'
import { CutProxy } from '../support/proxy.js'

describe.each(['postgres', 'mysql'])('a refused connection to %s', (engine) => {
  test('is explained as an error of the database, unlike the same error of another server', async () => {
    const address = readDatabaseAddress(`${engine}://user@127.0.0.1:${await freePort()}/shop`)
    const db = await connect(address)
    const error: unknown = await sql`select 1`.execute(db).catch((thrown: unknown) => thrown)
    await db.destroy()
    expect(error).toMatchObject({ code: 'ECONNREFUSED' })
    expect(isDatabaseError(error)).toBe(true)
    expect(explainDatabaseError(error, address)).toMatchObject({ code: 'database_unreachable', exit: 4 })

    const another = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED', syscall: 'connect' })
    expect(isDatabaseError(another)).toBe(false)
    expect(explainDatabaseError(another, address)).toBeUndefined()
  })
})

describeOnEngines('errors', (engineTest) => {
  engineTest('of statements and transactions are the database’s, unlike our own in a transaction', async ({ shop }) => {
    const statement = shop.rows('select nothing from nowhere')
    const transaction = shop.db.transaction().execute((trx) => sql`select nothing from nowhere`.execute(trx))
    for (const failing of [statement, transaction]) {
      expect(isDatabaseError(await failing.catch((thrown: unknown) => thrown))).toBe(true)
    }
    const ours = shop.db.transaction().execute(() => Promise.reject(new Error('ours')))
    expect(isDatabaseError(await ours.catch((thrown: unknown) => thrown))).toBe(false)
  })
})

/** The statement that prepares a connection. */
const FIRST = { postgres: /select 1\0/, mysql: /set session/ } as const

describeOnServerEngines('a connection that is lost at its first statement', (engineTest, engine) => {
  for (const loss of ['reset', 'end'] as const) {
    for (const when of ['before', 'after'] as const) {
      engineTest(`fails one statement and leaves the pool (${loss} ${when} it)`, async ({ shop, onTestFinished }) => {
        const proxy = await new CutProxy(engine, shop.databaseUrl, { at: FIRST[engine], when, loss }).listen()
        onTestFinished(() => proxy.close())
        const db = await connect(readDatabaseAddress(proxy.url), { connections: 1 })
        const one = sql<{ one: number }>`select 1 as one`
        await expect(one.execute(db)).rejects.toThrow()
        expect(proxy.hasCut).toBe(true)
        expect((await one.execute(db)).rows).toEqual([{ one: 1 }])
        await db.destroy()
      })
    }
  }
})
