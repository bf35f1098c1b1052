// Database servers with unusual settings, and servers that refuse: the error says what to do, and never shows a
// password.

import { describe, expect } from 'vitest'
import { connect } from '../../src/database/connection.js'
import { databaseTime } from '../../src/database/engine.js'
import { readDatabaseAddress } from '../../src/servers/addresses.js'
import { listenDeaf, PASSWORD, refused } from '../queue/refused.js'
import { askServer } from '../support/ask-server.js'
import type { EngineShop } from '../support/engine-shop.js'
import { expectKeptApart } from '../support/foreign-ids.js'
import { csv, line } from '../support/lines.js'
import { freePort } from '../support/private-process.js'
import { describeOnPrivateServers } from '../support/private-servers.js'
import { type Shop, test } from '../support/shop.js'

type Refusal = readonly [exit: number, code: string, says: RegExp, fix: string]

/** Refused alike with and without --json. */
async function expectRefused(shop: EngineShop, url: string, refusal: Refusal, ...command: string[]): Promise<void> {
  const [exit, code, says, fix] = refusal
  const { codes, stderr, error } = await refused(shop, { ORDERCTL_DATABASE_URL: url }, ...command)
  expect(codes, stderr).toEqual([exit, exit])
  const texts = { message: expect.stringMatching(says), fix: expect.stringContaining(fix) }
  expect(error).toMatchObject({ code, retryable: exit !== 2, ...texts })
  expect(stderr).toMatch(says)
  expect(stderr).toContain(`\n${error['fix']}\n`)
}

describeOnPrivateServers('a server with unusual defaults', (test) => {
  test('stores text in every script', async ({ shop }) => {
    await expectKeptApart(shop)
  })
})

const LOGIN = 'database_access_denied'
const LOGIN_FIX = 'Correct user and password in ORDERCTL_DATABASE_URL'

describeOnPrivateServers('a server refuses', (test, engine) => {
  const isPostgres = engine === 'postgres'
  // MariaDB tells a host that it does not accept from a wrong password only in its log.
  const hostFix = isPostgres ? 'pg_hba.conf' : LOGIN_FIX
  const tls = { search: isPostgres ? '?sslmode=require' : '?ssl={}' }

  const refusals: readonly [what: string, parts: Partial<URL>, refusal: Refusal][] = [
    ['a user without a password', { password: '' }, [2, LOGIN, /rejected the login/, LOGIN_FIX]],
    ['a wrong password', { password: 'w7ong' }, [2, LOGIN, /rejected the login/, LOGIN_FIX]],
    ['an unknown user', { username: 'ghost' }, [2, LOGIN, /rejected the login.*ghost/, LOGIN_FIX]],
    ['a login from this host', { username: 'stranger' }, [2, LOGIN, /rejected .*stranger/, hostFix]],
    ['a missing database', { pathname: 'none' }, [2, 'database_missing', /no such database/, 'create database none']],
    ['TLS, or has no trusted certificate', tls, [2, 'database_tls', /TLS handshake .* failed/, 'connect without TLS']],
  ]
  for (const [what, parts, refusal] of refusals) {
    test(what, ({ server, shop }) => expectRefused(shop, server.urlWith(parts), refusal, 'status'))
  }

  test('to create tables', ({ server, shop }) => {
    const url = server.urlWith({ username: 'reader', pathname: 'empty' })
    const refusal: Refusal = [2, 'database_rights_missing', /denied permission/, 'create, read and write tables']
    return expectRefused(shop, url, refusal, 'import', shop.file('orders.csv', csv(line())))
  })

  test('a wrong password, which neither DEBUG nor the settings show', async ({ server, shop }) => {
    const wrong = { ORDERCTL_DATABASE_URL: server.urlWith({ password: 'w7ong' }) }
    const debugged = await shop.runWith({ ...wrong, DEBUG: '*' }, 'status')
    const configured = await shop.runWith(wrong, 'config', '--json')
    expect(configured.stdout).toContain(':***@127.0.0.1')
    for (const { stdout, stderr } of [debugged, configured]) expect(stdout + stderr).not.toContain('w7ong')
  })

  test('one more connection', async ({ server, shop }) => {
    const url = server.urlWith({ username: 'lonely' })
    const held = await connect(readDatabaseAddress(url), { connections: 1 })
    await held.transaction().execute(async (trx) => {
      await databaseTime(trx)
      const limit: Refusal = [4, 'database_full_of_clients', /reached a limit: .*lonely/, 'or raise the limit']
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
    const readOnly: Refusal = [4, 'database_read_only', /is read-only/, 'the primary in ORDERCTL_DATABASE_URL']
    const adjusting = ['products', 'adjust', 'S-1', '1', '--reason', 'found']
    await expectRefused(shop, server.urlWith({ username: 'standby' }), readOnly, ...adjusting)
  })

  test('a long statement', async ({ server, shop }) => {
    const lines = Array.from({ length: 3000 }, (_, index) => line({ order: `A-${index}`, product: 'ü'.repeat(120) }))
    const fix = isPostgres ? 'statement_timeout' : 'max_statement_time'
    const ended: Refusal = [1, 'database_statement_ended', /cancelled a statement/, fix]
    const file = shop.file('orders.csv', csv(...lines))
    await expectRefused(shop, server.urlWith({ username: 'hasty' }), ended, 'import', file)
  })
})

describe.concurrent.each(['postgres', 'mysql'])('on %s, status exits with 4', (kind) => {
  const expectUnreachable = async (shop: Shop, host: string, reason: string) => {
    const url = `${kind}://shop:${PASSWORD}@${host}/orders`
    const { codes, error } = await refused(shop, { ORDERCTL_DATABASE_URL: url }, 'status')
    expect(codes).toEqual([4, 4])
    expect(error).toMatchObject({ code: 'database_unreachable', retryable: true })
    expect(error['message']).toMatch(/^Cannot reach (PostgreSQL|MySQL) at /)
    expect(error['message']).toContain(` at ${host}/orders (${reason}`)
  }

  test('if the port or the name does not exist', async ({ shop }) => {
    await expectUnreachable(shop, `127.0.0.1:${await freePort()}`, 'connection refused).')
    await expectUnreachable(shop, 'nobody.invalid:4711', '')
  })

  test('if the server accepts connections and never answers', async ({ shop }) => {
    const deaf = await listenDeaf()
    await expectUnreachable(shop, `127.0.0.1:${deaf.port}`, 'timed out).').finally(deaf.close)
  })
})

test('a certificate file that cannot be read is named', async ({ shop }) => {
  const url = `postgres://shop@127.0.0.1:${await freePort()}/orders?sslmode=verify-full&sslrootcert=/nowhere.pem`
  const { codes, error } = await refused(shop, { ORDERCTL_DATABASE_URL: url }, 'status')
  expect(codes).toEqual([2, 2])
  expect(error).toMatchObject({ code: 'database_tls', message: expect.stringContaining('/nowhere.pem') })
})
