// Network errors look the same for every server, so we note which ones the database's driver has thrown.

import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import { connect, explainDatabaseError } from '../../src/database/connection.js'
import { isDatabaseError } from '../../src/database/thrown.js'
import { readDatabaseAddress } from '../../src/servers/addresses.js'
import { describeOnEngines } from '../support/engine-shop.js'
import { freePort } from '../support/private-process.js'

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
    const ours = await shop.db
      .transaction()
      .execute(() => Promise.reject(new Error('ours')))
      .catch((thrown: unknown) => thrown)
    expect(isDatabaseError(ours)).toBe(false)
  })
})
