// doctor on a database that a server holds. What is wrong is wrong in a database of the test's own, never on the server.
import { createConnection } from 'mysql2/promise'
import pg from 'pg'
import { describe, expect, test as plainTest } from 'vitest'
import { connect } from '../../src/database/connection.js'
import { checkTransactions, isOlder, judgeDurability } from '../../src/doctor/database-server.js'
import { durabilityOf } from '../../src/doctor/mysql-facts.js'
import { POSTGRES_FACTS } from '../../src/doctor/postgres-facts.js'
import { readDatabaseAddress } from '../../src/servers/addresses.js'
import { describeOnServer, describeOnServers, makeDatabase } from '../support/database-servers.js'
import { done, type ServerDatabase, testOn } from '../support/move-scene.js'
import type { Workplace } from '../support/workplace.js'

interface Check {
  readonly name: string
  readonly ok: boolean
  readonly detail: string
  readonly fix: string | null
}

async function checksOf(place: Workplace, environment: Record<string, string>): Promise<Check[]> {
  return ((await place.jsonWith(environment, 'doctor')).result as { checks: Check[] }).checks
}

/** Others use the server, too, so how many connections it has left is not ours to say. */
async function failuresOf(place: Workplace, { environment }: ServerDatabase, more = {}): Promise<Check[]> {
  const checks = await checksOf(place, { ...environment, ...more })
  return checks.filter(
    (check) => !check.ok && !(check.name === 'connections' && check.fix?.includes('max_connections')),
  )
}

function failure(name: string, detail: RegExp, fix: RegExp) {
  return { name, ok: false, detail: expect.stringMatching(detail), fix: expect.stringMatching(fix) }
}

/** Reads something and says nothing more. @returns what ends it */
async function beginTransaction({ engine, url }: ServerDatabase): Promise<() => Promise<void>> {
  if (engine === 'postgres') {
    const client = new pg.Client({ connectionString: url, application_name: 'somebody' })
    await client.connect()
    await client.query('begin; select * from settings')
    return () => client.end()
  }
  const connection = await createConnection(url)
  await connection.query('begin')
  await connection.query('select * from settings')
  return () => connection.end()
}

describeOnServers('doctor', (engine) => {
  const test = testOn(engine)

  test('is content, and looks at nothing that only a file has', async ({ place, database }) => {
    await done(place, database.environment, ['migrate'])
    const checks = await checksOf(place, database.environment)
    const details = new Map(checks.map(({ name, detail }) => [name, detail]))
    expect([...details.keys()]).toEqual([
      ...['node', 'sqlite', 'clock', 'configuration', 'database', 'database server', 'connections', 'durability'],
      ...['encoding', 'transactions', 'copy', 'migrations', 'time zone', 'clock of the database', 'queue'],
      ...['stuck orders', 'expired reservations', 'imports', 'waiting for a person', 'schedule', 'alarms'],
    ])
    expect(await failuresOf(place, database)).toEqual([])
    expect(details.get('database server')).toMatch(/^(PostgreSQL|MySQL|MariaDB) \d+\.[\d.]+, round trip \d+\.\d ms$/)
    expect(details.get('connections')).toMatch(/^[1-9]\d* of \d+ that the server takes/)
    expect(details.get('durability')).toMatch(
      engine === 'postgres'
        ? /^fsync = on, full_page_writes = on, synchronous_commit = on$/
        : /^innodb_flush_log_at_trx_commit = 1, innodb_doublewrite = (1|ON)/,
    )
  })

  test('says what there is to do where there is no database yet', async ({ place, database }) => {
    expect(await failuresOf(place, database)).toEqual([
      failure('database', new RegExp(`there is none at .*${database.name} yet`), /orderctl migrate/),
    ])
  })

  test('finds a copy that was cut short', async ({ place, database }) => {
    await done(place, database.environment, ['migrate'])
    await database.ask("insert into settings (name, value) values ('copying_from', '/data/old.sqlite')")
    expect(await failuresOf(place, database)).toEqual([
      failure('copy', /copy of \/data\/old.sqlite/, /migrate --from sqlite:\/data\/old.sqlite$/),
    ])
  })

  test('finds that its own clock is another than that of the server', async ({ place, database }) => {
    await done(place, database.environment, ['migrate'])
    const shifted = (ms: number) => {
      const code = `const now = Date.now; Date.now = () => now() + ${ms}`
      return { NODE_OPTIONS: `--import=${place.file(`shift${ms}.mjs`, code)}` }
    }
    for (const [ms, said] of [
      [600_000, /(599|600)\.\d s behind this clock/],
      [-600_000, /(599|600)\.\d s ahead of this clock/],
    ] as const) {
      expect(await failuresOf(place, database, shifted(ms))).toEqual([
        failure('clock of the database', said, /timedatectl/),
      ])
    }
  })

  test('finds a transaction in which nobody says anything', async ({ place, database, onTestFinished }) => {
    await done(place, database.environment, ['migrate'])
    const db = await connect(readDatabaseAddress(database.url))
    onTestFinished(() => db.destroy())
    expect(await checkTransactions(db, 0)).toEqual({ detail: expect.stringMatching(/^none/) })

    const letGo = await beginTransaction(database)
    try {
      // InnoDB tells the same until nobody has asked for a tenth of a second.
      const found = expect.poll(() => checkTransactions(db, 0), { interval: 300, timeout: 240_000 })
      await found.toEqual({
        detail: expect.stringMatching(
          engine === 'postgres' ? /^process \d+ \(somebody\) began one/ : /^connection \d+ \(\w+ from .*\) began one/,
        ),
        fix: expect.stringMatching(engine === 'postgres' ? /pg_terminate_backend\(\d+\)/ : /kill \d+/),
      })
      // A moment is nothing.
      expect(await failuresOf(place, database)).toEqual([])
    } finally {
      await letGo()
    }
  })
})

describeOnServer('postgres', 'doctor', () => {
  const test = testOn('postgres')

  test('finds what weakens the database', async ({ place, database }) => {
    await done(place, database.environment, ['migrate'])
    await database.ask(`alter database ${database.name} set synchronous_commit = off`)
    await database.ask(`alter database ${database.name} connection limit 5`)
    expect(await failuresOf(place, database)).toEqual([
      failure('connections', /\d of 5 that this database takes/, /connection limit -1/),
      failure(
        'durability',
        /synchronous_commit = off \(a crash loses what was committed last/,
        /synchronous_commit = on/,
      ),
    ])
    await database.ask(`alter database ${database.name} reset synchronous_commit`)
    await database.ask(`alter database ${database.name} connection limit -1`)
    await database.ask(`alter database ${database.name} set default_transaction_read_only = on`)
    expect(await failuresOf(place, database)).toEqual([
      failure('database server', /PostgreSQL .* takes no changes/, /ORDERCTL_DATABASE_URL/),
    ])
  })

  plainTest('finds an encoding in which letters are missing', async ({ onTestFinished }) => {
    const how = "encoding LATIN1 lc_collate 'C' lc_ctype 'C' template template0"
    const db = await connect(readDatabaseAddress(await makeDatabase('postgres', { how })), { connections: 1 })
    onTestFinished(() => db.destroy())
    expect(await POSTGRES_FACTS.encoding(db)).toEqual({
      detail: expect.stringMatching(/^LATIN1: letters/),
      fix: expect.stringMatching(/encoding UTF8/),
    })
  })
})

describeOnServer('mysql', 'doctor', () => {
  const test = testOn('mysql')

  test('finds tables that were converted', async ({ place, database }) => {
    await done(place, database.environment, ['migrate'])
    await database.ask('alter table customers convert to character set latin1')
    await database.ask('alter table products convert to character set utf8mb4 collate utf8mb4_general_ci')
    expect(await failuresOf(place, database)).toEqual([
      failure('encoding', /customers is latin1_\w+, products is utf8mb4_general_ci/, /alter table customers convert/),
    ])
  })

  test('finds a user who may have only few connections', async ({ place, database }) => {
    await done(place, database.environment, ['migrate'])
    const user = database.name.slice(-20)
    await database.ask(`create user ${user} identified by 'geheim' with max_user_connections 8`)
    try {
      await database.ask(`grant all on ${database.name}.* to ${user}`)
      const url = Object.assign(new URL(database.url), { username: user, password: 'geheim' }).href
      // Transactions of others are none of this user's business, which is no failure.
      expect(await failuresOf(place, database, { ORDERCTL_DATABASE_URL: url })).toEqual([
        failure('connections', /[1-8] of 8 that this user takes/, /max_user_connections 0/),
      ])
    } finally {
      await database.ask(`drop user ${user}`)
    }
  })
})

describe('what doctor makes of a server', () => {
  plainTest.for([
    ['12.22', '13', true],
    ['13.0', '13', false],
    ['9.6.24', '13', true],
    ['10.6.18', '10.11', true],
    ['10.11.6', '10.11', false],
    ['11.4.2', '10.11', false],
    ['5.7.44', '8.0', true],
    ['8.0.36', '8.0', false],
    ['9.1.0', '8.0', false],
    ['17beta1', '13', false],
  ] as const)('version %s where %s is needed', ([version, least, older]) => {
    expect(isOlder(version, least)).toBe(older)
  })

  const SAFE = { flushed: 1, doublewrite: 'ON', log_bin: 0, sync_binlog: 0 }
  plainTest.for([
    [{}, undefined],
    [{ doublewrite: 1 }, undefined],
    [{ doublewrite: 'DETECT_AND_RECOVER' }, undefined],
    [{ log_bin: 1, sync_binlog: 1 }, undefined],
    [{ log_bin: 1 }, /^Set sync_binlog = 1 on the server\.$/],
    [{ flushed: 2 }, /^Set innodb_flush_log_at_trx_commit = 1 on the server\.$/],
    [{ flushed: 0, doublewrite: 'DETECT_ONLY' }, /innodb_flush_log_at_trx_commit = 1 .*innodb_doublewrite = ON/],
    [{ doublewrite: 0 }, /^Set innodb_doublewrite = ON/],
  ] as const)('durability on MySQL with %o', ([settings, fix]) => {
    const found = judgeDurability(durabilityOf({ ...SAFE, ...settings }))
    expect(found.fix).toEqual(fix === undefined ? undefined : expect.stringMatching(fix))
  })
})
