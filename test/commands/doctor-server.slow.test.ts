// doctor on a database that a server holds. What is wrong is wrong in a database of the test's own, never on the server.
import { describe, expect, test as plainTest } from 'vitest'
import { connect } from '../../src/database/connection.js'
import { checkEncoding, judgeDurability } from '../../src/doctor/database-server.js'
import { readDatabaseAddress } from '../../src/servers/addresses.js'
import { describeOnServer, describeOnServers, makeDatabase } from '../support/database-servers.js'
import { checksOf, failure, failuresOf } from '../support/doctor.js'
import { done, testOn } from '../support/move-scene.js'
import { shiftedClock } from '../support/shifted-clock.js'

describeOnServers('doctor', (engine) => {
  const test = testOn(engine)

  test('says how to make a database, and is content with it', async ({ shop, database }) => {
    expect(await failuresOf(shop, database.environment)).toEqual([
      failure('database', new RegExp(`There is no database at .*${database.name} yet`), /orderctl migrate/),
    ])
    await done(shop, database.environment, ['migrate'])
    expect(await failuresOf(shop, database.environment)).toEqual([])
    const details = new Map((await checksOf(shop, database.environment)).map(({ name, detail }) => [name, detail]))
    expect([...details.keys()]).toEqual([
      ...['sqlite', 'configuration', 'database', 'database server', 'connections', 'durability', 'encoding'],
      ...['copy', 'time zone', 'clock of the database', 'queue', 'imports'],
      ...['wait', 'failure_rate', 'unresolved', 'stale_workers', 'schedule'],
    ])
    expect(details.get('database server')).toMatch(/^(PostgreSQL|MySQL|MariaDB) \d+\.[\d.]+, round trip \d+\.\d ms$/)
    expect(details.get('connections')).toMatch(/^[1-9]\d* of \d+ of the server/)
    expect(details.get('durability')).toMatch(
      engine === 'postgres'
        ? /^fsync = on, full_page_writes = on, synchronous_commit = on$/
        : /^innodb_doublewrite = (1|ON), innodb_flush_log_at_trx_commit = 1/,
    )
  })

  test('finds that its own clock is another than that of the server', async ({ shop, database }) => {
    await done(shop, database.environment, ['migrate'])
    for (const [minutes, side] of [
      [10, 'behind'],
      [-10, 'ahead of'],
    ] as const) {
      const apart = new RegExp(`(599|600)\\.\\d s ${side} this clock`)
      expect(await failuresOf(shop, { ...database.environment, ...shiftedClock(minutes) })).toEqual([
        failure('clock of the database', apart, /timedatectl/),
      ])
    }
  })
})

describeOnServer('postgres', 'doctor', () => {
  const test = testOn('postgres')

  test('finds what weakens the database', async ({ shop, database }) => {
    await done(shop, database.environment, ['migrate'])
    await database.ask(`alter database ${database.name} set synchronous_commit = off`)
    await database.ask(`alter database ${database.name} connection limit 5`)
    expect(await failuresOf(shop, database.environment)).toEqual([
      failure('connections', /\d of 5 of this database/, /connections of this database/),
      failure('durability', /synchronous_commit = off: a crash/, /^Set synchronous_commit = on on the server/),
    ])
    await database.ask(`alter database ${database.name} reset synchronous_commit`)
    await database.ask(`alter database ${database.name} connection limit -1`)
    await database.ask(`alter database ${database.name} set default_transaction_read_only = on`)
    expect(await failuresOf(shop, database.environment)).toEqual([
      failure('database server', /PostgreSQL .* is read-only/, /ORDERCTL_DATABASE_URL/),
    ])
  })

  plainTest('finds an encoding in which letters are missing', async ({ onTestFinished }) => {
    const how = "encoding LATIN1 lc_collate 'C' lc_ctype 'C' template template0"
    const db = await connect(readDatabaseAddress(await makeDatabase('postgres', { how })), { connections: 1 })
    onTestFinished(() => db.destroy())
    expect(await checkEncoding(db)).toEqual({
      message: expect.stringMatching(/ is LATIN1: characters are lost/),
      fix: expect.stringMatching(/encoding UTF8/),
    })
  })
})

describeOnServer('mysql', 'doctor', () => {
  const test = testOn('mysql')

  test('finds tables that were converted, and a user who may have only few connections', async ({ shop, database }) => {
    await done(shop, database.environment, ['migrate'])
    await database.ask('alter table customers convert to character set latin1')
    await database.ask('alter table products convert to character set utf8mb4 collate utf8mb4_general_ci')
    const user = database.name.slice(-20)
    await database.ask(`create user ${user} identified by 'geheim' with max_user_connections 8`)
    try {
      await database.ask(`grant all on ${database.name}.* to ${user}`)
      const url = Object.assign(new URL(database.url), { username: user, password: 'geheim' }).href
      expect(await failuresOf(shop, { ORDERCTL_DATABASE_URL: url })).toEqual([
        failure('connections', /[1-8] of 8 of this user/, /connections of this user/),
        failure('encoding', /customers is latin1_\w+, products is utf8mb4_general_ci/, /alter table customers convert/),
      ])
    } finally {
      await database.ask(`drop user ${user}`)
    }
  })
})

describe('durability on MySQL', () => {
  const SAFE = { innodb_flush_log_at_trx_commit: '1', innodb_doublewrite: 'ON', log_bin: 'OFF', sync_binlog: '0' }
  plainTest.for([
    [{}, undefined],
    [{ innodb_doublewrite: '1' }, undefined],
    [{ innodb_doublewrite: 'DETECT_AND_RECOVER' }, undefined],
    [{ log_bin: 'ON', sync_binlog: '1' }, undefined],
    [{ log_bin: 'ON' }, 'sync_binlog = 1'],
    [{ innodb_flush_log_at_trx_commit: '2' }, 'innodb_flush_log_at_trx_commit = 1'],
    [{ innodb_doublewrite: 'DETECT_ONLY' }, 'innodb_doublewrite = ON'],
    [{ innodb_doublewrite: '0', log_bin: 'ON' }, 'innodb_doublewrite = ON, sync_binlog = 1'],
  ] as const)('with %o', ([settings, fix]) => {
    const found = judgeDurability(Object.entries({ ...SAFE, ...settings }).map(([name, value]) => ({ name, value })))
    if (fix === undefined) expect(found).toContain('innodb_flush_log_at_trx_commit = 1')
    else expect(found).toMatchObject({ fix: `Set ${fix} on the server.` })
  })
})
