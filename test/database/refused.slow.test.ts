// Database servers that refuse: what is told at once, what to do about it, and never a password.
import { describe, expect, test as plainTest } from 'vitest'
import { connect } from '../../src/database/connection.js'
import { databaseTime } from '../../src/database/engine.js'
import { readDatabaseAddress } from '../../src/servers/addresses.js'
import { problemIn } from '../../src/servers/explain.js'
import { listenDeaf, PASSWORD, refused } from '../queue/refused.js'
import { askServer } from '../support/ask-server.js'
import type { EnginePlace } from '../support/engine-place.js'
import { freePort } from '../support/private-process.js'
import { describeOnPrivateServers } from '../support/private-servers.js'
import { csv, line, test } from '../support/workplace.js'

/** Refused alike for people and for scripts. */
async function expectRefused(
  place: EnginePlace,
  url: string,
  told: { exit: number; code: string; says: RegExp; fix: string },
  ...command: string[]
): Promise<void> {
  const { codes, stderr, error } = await refused(place, { ORDERCTL_DATABASE_URL: url }, ...command)
  expect(codes, stderr).toEqual([told.exit, told.exit])
  expect(error).toMatchObject({ code: told.code, retryable: told.exit !== 2 })
  expect(error['message']).toMatch(told.says)
  expect(error['fix']).toContain(told.fix)
  expect(stderr).toMatch(told.says)
  expect(stderr).toContain(`\n${error['fix']}\n`)
}

describeOnPrivateServers('a server that refuses', (test, engine) => {
  const isPostgres = engine === 'postgres'
  const LOGIN = {
    exit: 2,
    code: 'database_access_denied',
    says: /refused the login/,
    fix: 'Correct user and password in ORDERCTL_DATABASE_URL',
  }
  // MariaDB tells a stranger from a wrong password only in its log.
  const stranger = { ...LOGIN, says: /refused .*stranger/, ...(isPostgres && { fix: 'pg_hba.conf' }) }
  const noTls = { exit: 2, code: 'database_tls', says: /TLS handshake .* failed/, fix: 'to go without TLS' }
  const noDatabase = { exit: 2, code: 'database_missing', says: /no such database/, fix: 'create database nowhere' }
  const noRight = {
    exit: 2,
    code: 'database_rights_missing',
    says: /denied permission/,
    fix: 'create, read and write tables',
  }
  const logins = [
    ['a user without a password', { password: '' }, LOGIN],
    ['a wrong password', { password: 'w7ong' }, LOGIN],
    ['a user it does not know', { username: 'ghost' }, { ...LOGIN, says: /refused the login.*ghost/ }],
    ['a host', { username: 'stranger' }, stranger],
    ['a database it does not have', { pathname: 'nowhere' }, noDatabase],
  ] as const
  for (const [what, parts, told] of logins) {
    test(what, ({ server, place }) => expectRefused(place, server.urlWith(parts), told, 'status'))
  }

  test('TLS, or shows a certificate that nobody has signed', ({ server, place }) =>
    expectRefused(place, `${server.urlWith()}${isPostgres ? '?sslmode=require' : '?ssl={}'}`, noTls, 'status'))

  test('a user who may not create tables', ({ server, place }) => {
    const url = server.urlWith({ username: 'reader', pathname: 'empty' })
    return expectRefused(place, url, noRight, 'import', place.file('orders.csv', csv(line())))
  })

  test('a wrong password: it is shown neither while debugging nor with the settings', async ({ server, place }) => {
    const wrong = { ORDERCTL_DATABASE_URL: server.urlWith({ password: 'w7ong' }) }
    const debugged = await place.runWith({ ...wrong, DEBUG: '*' }, 'status')
    const configured = await place.runWith(wrong, 'config', '--json')
    expect(configured.stdout).toContain(':***@127.0.0.1')
    for (const { stdout, stderr } of [debugged, configured]) expect(stdout + stderr).not.toContain('w7ong')
  })

  test('one more connection', async ({ server, place }) => {
    const url = server.urlWith({ username: 'lonely' })
    const held = await connect(readDatabaseAddress(url), { connections: 1 })
    const limit = {
      exit: 4,
      code: 'database_full_of_clients',
      says: /has reached a limit: .*lonely/,
      fix: 'Run fewer workers, or raise the limit',
    }
    await held.transaction().execute(async (trx) => {
      await databaseTime(trx)
      await expectRefused(place, url, limit, 'status')
    })
    await held.destroy()
  })

  test('changes, as standbys do', async ({ server, place, onTestFinished }) => {
    await place.importing(csv(line()))
    if (!isPostgres) {
      await askServer(server.urlWith(), 'set global read_only = on')
      onTestFinished(async () => {
        await askServer(server.urlWith(), 'set global read_only = off')
      })
    }
    const fix = 'Name the primary in ORDERCTL_DATABASE_URL'
    const told = { exit: 4, code: 'database_read_only', says: /takes no changes/, fix }
    const adjusting = ['products', 'adjust', 'S-1', '1', '--reason', 'found']
    await expectRefused(place, server.urlWith({ username: 'standby' }), told, ...adjusting)
  })

  test('to take so long', async ({ server, place }) => {
    const lines = Array.from({ length: 3000 }, (_, index) => line({ order: `A-${index}`, product: 'ü'.repeat(120) }))
    const fix = isPostgres ? 'statement_timeout' : 'max_statement_time'
    const told = { exit: 1, code: 'database_statement_ended', says: /cancelled a statement/, fix }
    const file = place.file('orders.csv', csv(...lines))
    await expectRefused(place, server.urlWith({ username: 'hasty' }), told, 'import', file)
  })
})

describe.concurrent('a server that is not there', () => {
  for (const kind of ['postgres', 'mysql']) {
    const unreachable = async (place: Parameters<typeof refused>[0], host: string, reason: string) => {
      const url = `${kind}://shop:${PASSWORD}@${host}/orders`
      const { codes, error } = await refused(place, { ORDERCTL_DATABASE_URL: url }, 'status')
      expect(codes).toEqual([4, 4])
      expect(error).toMatchObject({ code: 'database_unreachable', retryable: true })
      expect(error['message']).toMatch(/^Cannot reach (PostgreSQL|MySQL) at /)
      expect(error['message']).toContain(` at ${host}/orders (${reason}`)
    }

    test(`${kind}: neither its port nor its name`, async ({ place }) => {
      await unreachable(place, `127.0.0.1:${await freePort()}`, 'connection refused).')
      await unreachable(place, 'nobody.invalid:4711', '')
    })

    test(`${kind}: it takes connections and never answers`, async ({ place }) => {
      const deaf = await listenDeaf()
      await unreachable(place, `127.0.0.1:${deaf.port}`, 'it does not answer).').finally(deaf.close)
    })
  }

  test('a certificate: the file that the URL names cannot be read', async ({ place }) => {
    const url = `postgres://shop@127.0.0.1:${await freePort()}/orders?sslmode=verify-full&sslrootcert=/nowhere.pem`
    const { codes, error } = await refused(place, { ORDERCTL_DATABASE_URL: url }, 'status')
    expect(codes).toEqual([2, 2])
    expect(error).toMatchObject({ code: 'database_tls', message: expect.stringContaining('/nowhere.pem') })
  })
})

/** What no test can cause on a server that others use: the errors as the drivers throw them. */
describe('an error of', () => {
  const postgres = readDatabaseAddress('postgres://shop@db/orders')
  const mysql = readDatabaseAddress('mysql://shop@db/orders')
  const said = (code: string | undefined, more: object) => Object.assign(new Error('it said so.'), { code }, more)

  plainTest.each([
    ['53100', 'disk_full', 4, true],
    ['53200', 'database_out_of_memory', 4, true],
    ['53400', 'database_full_of_clients', 4, true],
    ['25006', 'database_read_only', 4, true],
    ['57P01', 'database_unreachable', 4, true],
    ['57P02', 'database_unreachable', 4, true],
    ['57P03', 'database_unreachable', 4, true],
    ['08006', 'database_unreachable', 4, true],
    ['XX000', 'database_broken', 1, false],
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
