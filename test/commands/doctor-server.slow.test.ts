// doctor on a database server. Faults are made in a database of the test's own, never on the server.
import { describe, expect, test as plainTest } from 'vitest'
import { judgeDurability } from '../../src/doctor/database-server.js'
import { checksOf, failure, failuresOf } from '../support/doctor.js'
import { done, testOn } from '../support/move-scene.js'
import { describeOnServers, describeWith } from '../support/servers.js'
import { shiftedClock } from '../support/shifted-clock.js'

describeOnServers('doctor', (engine) => {
  const test = testOn(engine)

  test('says how to create a database, and passes on it', async ({ shop, database }) => {
    expect(await failuresOf(shop, database.environment)).toEqual([
      failure('database', new RegExp(database.name), /orderctl migrate/),
    ])
    await done(shop, database.environment, ['migrate'])
    expect(await failuresOf(shop, database.environment)).toEqual([])
    const details = new Map((await checksOf(shop, database.environment)).map(({ name, detail }) => [name, detail]))
    expect([...details.keys()]).toEqual([
      ...['sqlite', 'configuration', 'environment', 'database', 'database server', 'durability'],
      ...['copy', 'time zone', 'clock of the database', 'shop', 'queue', 'imports'],
      ...['wait', 'failure_rate', 'unresolved', 'stale_workers', 'schedule'],
    ])
    expect(details.get('database server')).toMatch(/^(PostgreSQL|MySQL|MariaDB) \d+\.[\d.]+$/)
    expect(details.get('durability')).toMatch(
      engine === 'postgres'
        ? /^fsync = on, full_page_writes = on, synchronous_commit = on$/
        : /^innodb_doublewrite = (1|ON), innodb_flush_log_at_trx_commit = 1/,
    )
  })

  test('finds a clock that differs from that of the server', async ({ shop, database }) => {
    await done(shop, database.environment, ['migrate'])
    for (const [minutes, side] of [
      [10, 'behind'],
      [-10, 'ahead of'],
    ] as const) {
      const apart = new RegExp(`(599|600)\\.\\d s ${side} the local clock`)
      expect(await failuresOf(shop, { ...database.environment, ...shiftedClock(minutes) })).toEqual([
        failure('clock of the database', apart, /timedatectl/),
      ])
    }
  })
})

describeWith('postgres', 'doctor', () => {
  const test = testOn('postgres')

  test('finds a database that is not durable or is read-only', async ({ shop, database }) => {
    await done(shop, database.environment, ['migrate'])
    await database.ask(`alter database ${database.name} set synchronous_commit = off`)
    expect(await failuresOf(shop, database.environment)).toEqual([
      failure('durability', /synchronous_commit = off/, /synchronous_commit = on/),
    ])
    await database.ask(`alter database ${database.name} reset synchronous_commit`)
    await database.ask(`alter database ${database.name} set default_transaction_read_only = on`)
    expect(await failuresOf(shop, database.environment)).toEqual([
      failure('database server', /PostgreSQL .* is read-only/, /ORDERCTL_DATABASE_URL/),
    ])
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
  ] as const)('with %o needs %s', ([settings, fix]) => {
    const found = judgeDurability(Object.entries({ ...SAFE, ...settings }).map(([name, value]) => ({ name, value })))
    if (fix === undefined) expect(found).toContain('innodb_flush_log_at_trx_commit = 1')
    else expect(found).toMatchObject({ fix: `Set ${fix} on the server.` })
  })
})
