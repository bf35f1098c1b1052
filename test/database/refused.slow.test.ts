// Database servers that refuse: what is told at once, what to do about it, and never a password.

import { describe, expect } from 'vitest'
import { connect } from '../../src/database/connection.js'
import { databaseTime } from '../../src/database/engine.js'
import { readDatabaseAddress } from '../../src/servers/addresses.js'
import { listenDeaf, PASSWORD, refused } from '../queue/refused.js'
import { askServer } from '../support/ask-server.js'
import type { EngineShop } from '../support/engine-shop.js'
import { csv, line } from '../support/lines.js'
import { freePort } from '../support/private-process.js'
import { describeOnPrivateServers } from '../support/private-servers.js'
import { test } from '../support/shop.js'

/** Refused alike for people and for scripts. */
async function expectRefused(
  shop: EngineShop,
  url: string,
  told: { exit: number; code: string; says: RegExp; fix: string },
  ...command: string[]
): Promise<void> {
  const { codes, stderr, error } = await refused(shop, { ORDERCTL_DATABASE_URL: url }, ...command)
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
    test(what, ({ server, shop }) => expectRefused(shop, server.urlWith(parts), told, 'status'))
  }

  test('TLS, or shows a certificate that nobody has signed', ({ server, shop }) =>
    expectRefused(shop, `${server.urlWith()}${isPostgres ? '?sslmode=require' : '?ssl={}'}`, noTls, 'status'))

  test('a user who may not create tables', ({ server, shop }) => {
    const url = server.urlWith({ username: 'reader', pathname: 'empty' })
    return expectRefused(shop, url, noRight, 'import', shop.file('orders.csv', csv(line())))
  })

  test('a wrong password: it is shown neither while debugging nor with the settings', async ({ server, shop }) => {
    const wrong = { ORDERCTL_DATABASE_URL: server.urlWith({ password: 'w7ong' }) }
    const debugged = await shop.runWith({ ...wrong, DEBUG: '*' }, 'status')
    const configured = await shop.runWith(wrong, 'config', '--json')
    expect(configured.stdout).toContain(':***@127.0.0.1')
    for (const { stdout, stderr } of [debugged, configured]) expect(stdout + stderr).not.toContain('w7ong')
  })

  test('one more connection', async ({ server, shop }) => {
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
      await expectRefused(shop, url, limit, 'status')
    })
    await held.destroy()
  })

  test('changes, as standbys do', async ({ server, shop, onTestFinished }) => {
    await shop.importing(csv(line()))
    if (!isPostgres) {
      await askServer(server.urlWith(), 'set global read_only = on')
      onTestFinished(async () => {
        await askServer(server.urlWith(), 'set global read_only = off')
      })
    }
    const fix = 'Name the primary in ORDERCTL_DATABASE_URL'
    const told = { exit: 4, code: 'database_read_only', says: /takes no changes/, fix }
    const adjusting = ['products', 'adjust', 'S-1', '1', '--reason', 'found']
    await expectRefused(shop, server.urlWith({ username: 'standby' }), told, ...adjusting)
  })

  test('to take so long', async ({ server, shop }) => {
    const lines = Array.from({ length: 3000 }, (_, index) => line({ order: `A-${index}`, product: 'ü'.repeat(120) }))
    const fix = isPostgres ? 'statement_timeout' : 'max_statement_time'
    const told = { exit: 1, code: 'database_statement_ended', says: /cancelled a statement/, fix }
    const file = shop.file('orders.csv', csv(...lines))
    await expectRefused(shop, server.urlWith({ username: 'hasty' }), told, 'import', file)
  })
})

describe.concurrent('a server that is not there', () => {
  for (const kind of ['postgres', 'mysql']) {
    const unreachable = async (shop: Parameters<typeof refused>[0], host: string, reason: string) => {
      const url = `${kind}://shop:${PASSWORD}@${host}/orders`
      const { codes, error } = await refused(shop, { ORDERCTL_DATABASE_URL: url }, 'status')
      expect(codes).toEqual([4, 4])
      expect(error).toMatchObject({ code: 'database_unreachable', retryable: true })
      expect(error['message']).toMatch(/^Cannot reach (PostgreSQL|MySQL) at /)
      expect(error['message']).toContain(` at ${host}/orders (${reason}`)
    }

    test(`${kind}: neither its port nor its name`, async ({ shop }) => {
      await unreachable(shop, `127.0.0.1:${await freePort()}`, 'connection refused).')
      await unreachable(shop, 'nobody.invalid:4711', '')
    })

    test(`${kind}: it takes connections and never answers`, async ({ shop }) => {
      const deaf = await listenDeaf()
      await unreachable(shop, `127.0.0.1:${deaf.port}`, 'it does not answer).').finally(deaf.close)
    })
  }

  test('a certificate: the file that the URL names cannot be read', async ({ shop }) => {
    const url = `postgres://shop@127.0.0.1:${await freePort()}/orders?sslmode=verify-full&sslrootcert=/nowhere.pem`
    const { codes, error } = await refused(shop, { ORDERCTL_DATABASE_URL: url }, 'status')
    expect(codes).toEqual([2, 2])
    expect(error).toMatchObject({ code: 'database_tls', message: expect.stringContaining('/nowhere.pem') })
  })
})
