// Database servers that refuse: what is told at once, what to do about it, and never a password.
import { describe, expect, test as plainTest } from 'vitest'
import { connect } from '../../src/database/connection.js'
import { databaseTime } from '../../src/database/engine.js'
import { readDatabaseAddress } from '../../src/servers/addresses.js'
import { problemIn } from '../../src/servers/explain.js'
import { listenDeaf, PASSWORD, refused } from '../queue/refused.js'
import { askServer } from '../support/ask-server.js'
import type { EnginePlace } from '../support/engine-place.js'
import { freePort } from '../support/private-redis.js'
import { describeOnPrivateServers } from '../support/private-servers.js'
import { csv, line, test } from '../support/workplace.js'

/** Refused alike for people and for scripts. */
async function expectRefused(
  place: EnginePlace,
  url: string,
  told: { exit: number; code: string; says: string | RegExp; fix: string },
  ...args: string[]
): Promise<void> {
  const command = args.length > 0 ? args : ['status']
  const { codes, stderr, error } = await refused(place, { ORDERCTL_DATABASE_URL: url }, ...command)
  expect(codes, stderr).toEqual([told.exit, told.exit])
  expect(error).toMatchObject({ code: told.code, retryable: told.exit !== 2 })
  expect(error['message']).toMatch(told.says)
  expect(error['fix']).toContain(told.fix)
  expect(stderr).toMatch(told.says)
  expect(stderr).toContain(`\n${error['fix']}\n`)
}

describeOnPrivateServers('a server that refuses', (test) => {
  const DENIED = { exit: 2, code: 'database_access_denied', fix: 'Correct user and password in ORDERCTL_DATABASE_URL' }

  test('a user without a password, who hears of it at once', async ({ server, place }) => {
    await expectRefused(place, server.urlWith({ password: '' }), { ...DENIED, says: /refused the login/ })
  })

  test('a user it does not know', async ({ server, place }) => {
    await expectRefused(place, server.urlWith({ username: 'ghost' }), {
      ...DENIED,
      says: /refused the login.*ghost/,
    })
  })

  test('a host', async ({ server, place }) => {
    // MariaDB tells a stranger from a wrong password in its log alone.
    const told = server.product === 'PostgreSQL' ? { ...DENIED, fix: 'pg_hba.conf' } : DENIED
    await expectRefused(place, server.urlWith({ username: 'stranger' }), { ...told, says: /stranger/ })
  })

  test('TLS, or shows a certificate that nobody has signed', async ({ server, place }) => {
    const query = server.product === 'PostgreSQL' ? '?sslmode=require' : '?ssl={}'
    await expectRefused(place, `${server.urlWith()}${query}`, {
      exit: 2,
      code: 'database_tls',
      says: /TLS handshake .* failed/,
      fix: 'to go without TLS',
    })
  })

  test('one more connection', async ({ server, place }) => {
    const url = server.urlWith({ username: 'lonely' })
    const held = await connect(readDatabaseAddress(url), { connections: 1 })
    await held.transaction().execute(async (trx) => {
      await databaseTime(trx)
      await expectRefused(place, url, {
        exit: 4,
        code: 'database_full_of_clients',
        says: /has reached a limit: .*lonely/,
        fix: 'Run fewer workers, or raise the limit',
      })
    })
    await held.destroy()
  })

  test('changes, as standbys do', async ({ server, place, onTestFinished }) => {
    await place.importing(csv(line()))
    if (server.product === 'MySQL') {
      await askServer(server.urlWith(), 'set global read_only = on')
      onTestFinished(async () => {
        await askServer(server.urlWith(), 'set global read_only = off')
      })
    }
    await expectRefused(
      place,
      server.urlWith({ username: 'standby' }),
      {
        exit: 4,
        code: 'database_read_only',
        says: /takes no changes/,
        fix: 'Name the primary in ORDERCTL_DATABASE_URL',
      },
      ...['products', 'adjust', 'S-1', '1', '--reason', 'found'],
    )
  })

  test('to take so long', async ({ server, place }) => {
    const lines = Array.from({ length: 3000 }, (_, index) => line({ order: `A-${index}`, product: 'ü'.repeat(120) }))
    const file = place.file('orders.csv', csv(...lines))
    const limit = server.product === 'PostgreSQL' ? 'statement_timeout' : 'max_statement_time'
    await expectRefused(
      place,
      server.urlWith({ username: 'hasty' }),
      { exit: 1, code: 'database_statement_ended', says: /cancelled a statement/, fix: limit },
      ...['import', file],
    )
  })
})

describe.concurrent('a server that is not there', () => {
  for (const kind of ['postgres', 'mysql']) {
    const at = (host: string) => ({ ORDERCTL_DATABASE_URL: `${kind}://shop:${PASSWORD}@${host}/orders` })

    test(`${kind}: neither its port nor its name`, async ({ place }) => {
      for (const host of [`127.0.0.1:${await freePort()}`, 'nobody.invalid:4711']) {
        const { codes, error } = await refused(place, at(host), 'status')
        expect(codes).toEqual([4, 4])
        expect(error).toMatchObject({ code: 'database_unreachable', retryable: true })
        expect(error['message']).toMatch(new RegExp(`^Cannot reach .* at ${host}/orders \\(`))
      }
    })

    test(`${kind}: it takes connections and never answers`, async ({ place }) => {
      const deaf = await listenDeaf()
      const { codes, error } = await refused(place, at(`127.0.0.1:${deaf.port}`), 'status').finally(deaf.close)
      expect(codes).toEqual([4, 4])
      expect(error).toMatchObject({ code: 'database_unreachable', retryable: true })
      expect(error['message']).toContain('(it does not answer).')
    })
  }

  test('a certificate: the file that the URL names cannot be read', async ({ place }) => {
    const url = `postgres://shop@127.0.0.1:${await freePort()}/orders?sslmode=verify-full&sslrootcert=/nowhere.pem`
    const { codes, error } = await refused(place, { ORDERCTL_DATABASE_URL: url }, 'status')
    expect(codes).toEqual([2, 2])
    expect(error).toMatchObject({ code: 'database_tls', message: expect.stringContaining('/nowhere.pem') })
  })
})

/** What no test can bring about on a server that others use: the errors as the drivers hand them on. */
describe('an error of', () => {
  const postgres = readDatabaseAddress('postgres://shop@db/orders')
  const mysql = readDatabaseAddress('mysql://shop@db/orders')
  const said = (code: string | undefined, more: object) => Object.assign(new Error('it said so.'), { code }, more)

  plainTest.each([
    ['53100', 'disk_full', 4, true],
    ['53200', 'database_out_of_memory', 4, true],
    ['53400', 'database_full_of_clients', 4, true],
    ['25006', 'database_read_only', 4, true],
    ['57P02', 'database_unreachable', 4, true],
    ['57P03', 'database_unreachable', 4, true],
    ['XX000', 'database_broken', 1, false],
    ['57P01', 'database_unreachable', 4, true],
    ['08006', 'database_unreachable', 4, true],
    ['40P01', 'database_locked', 1, true],
  ])('PostgreSQL, %s, is %s', (code, name, exit, retryable) => {
    const problem = problemIn(said(code, { severity: 'FATAL' }), postgres)
    expect(problem).toMatchObject({ code: name, exit, retryable })
    expect(problem?.message).toMatch(/PostgreSQL at db:5432\/orders.*(: it said so|\(it said so\))\.$/)
  })

  plainTest.each([
    ['ER_CON_COUNT_ERROR', 1040, 'database_full_of_clients', 4],
    ['ER_DBACCESS_DENIED_ERROR', 1044, 'database_rights_missing', 2],
    ['ER_RECORD_FILE_FULL', 1114, 'disk_full', 4],
    ['ER_OPTION_PREVENTS_STATEMENT', 1290, 'database_read_only', 4],
    ['ER_READ_ONLY_MODE', 1836, 'database_read_only', 4],
    ['ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION', 1792, 'database_read_only', 4],
    ['ER_SERVER_SHUTDOWN', 1053, 'database_unreachable', 4],
    ['ER_QUERY_TIMEOUT', 3024, 'database_statement_ended', 1],
    ['ER_HOST_IS_BLOCKED', 1129, 'database_access_denied', 2],
    ['ER_NET_PACKET_TOO_LARGE', 1153, 'database_packet_too_large', 1],
    ['ER_OUT_OF_RESOURCES', 1041, 'database_out_of_memory', 4],
    [undefined, 1927, 'database_unreachable', 4],
    ['ER_BULK_PARSER_INCOMPLETE_ESCAPE_SEQUENCE', 4151, 'database_access_denied', 2],
  ])('MySQL or MariaDB, %s (%i), is %s', (code, errno, name, exit) => {
    const problem = problemIn(said(code, { errno, sqlState: 'HY000' }), mysql)
    expect(problem).toMatchObject({ code: name, exit })
  })

  plainTest.each(['23505', '42P01', '22P02'])('PostgreSQL, %s, is a mistake of ours', (code) => {
    expect(problemIn(said(code, { severity: 'ERROR' }), postgres)).toBeUndefined()
  })

  plainTest('another place than the server is not the server’s', () => {
    expect(problemIn(said('ENOENT', { syscall: 'open', path: '/orders.csv' }), postgres)).toBeUndefined()
    expect(problemIn(new Error('something else'), mysql)).toBeUndefined()
  })
})
