// A connection that is lost while it is made ready for its first statement makes room for another one in its pool.

import { sql } from 'kysely'
import { expect } from 'vitest'
import { connect } from '../../src/database/connection.js'
import { readDatabaseAddress } from '../../src/servers/addresses.js'
import { describeOnServerEngines } from '../support/engine-shop.js'
import { CutProxy, type Loss } from '../support/proxy.js'

/** What a connection is asked before it is used. */
const FIRST = { postgres: /select 1\0/, mysql: /set session/ } as const

describeOnServerEngines('a connection that is lost at its first statement', (test, engine) => {
  for (const loss of ['reset', 'end'] as const satisfies readonly Loss[]) {
    for (const when of ['before', 'after'] as const) {
      test(`fails one statement and leaves the pool (${loss} ${when} it)`, async ({ shop, onTestFinished }) => {
        const proxy = await CutProxy.cutting(engine, shop.databaseUrl, { at: FIRST[engine], when, loss })
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
