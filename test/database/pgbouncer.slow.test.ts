// A pooler in front of PostgreSQL, which shares its sessions among clients.

import { spawnSync } from 'node:child_process'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { expect } from 'vitest'
import { refused } from '../queue/refused.js'
import { askServer } from '../support/ask-server.js'
import { EngineShop } from '../support/engine-shop.js'
import { csv, line } from '../support/lines.js'
import { newSchema } from '../support/postgres.js'
import { freePort, PrivateProcess } from '../support/private-process.js'
import { describeUnless, describeWith, makeDatabase, serverUrl } from '../support/servers.js'
import { test } from '../support/shop.js'

const ORDERS = 300

/** Without the settings of a connection of ours. */
async function settingsAt(url: string): Promise<unknown[]> {
  const client = new pg.Client(url)
  await client.connect()
  const { rows } = await client.query(`select current_setting('default_transaction_isolation') as isolation,
    current_setting('idle_in_transaction_session_timeout') as idle`)
  await client.end()
  return rows
}

type PoolMode = 'transaction' | 'session'

/** @param sessions number of sessions on the server, which the clients share */
async function startPgBouncer(databaseUrl: string, mode: PoolMode, sessions: number) {
  const port = await freePort()
  const server = new PrivateProcess('listening on 127.0.0.1', (folder) => ['pgbouncer', join(folder, 'settings.ini')])
  chmodSync(server.folder, 0o755)
  const settings = settingsOf(new URL(databaseUrl), port, mode, sessions)
  writeFileSync(join(server.folder, 'settings.ini'), settings, { mode: 0o644 })
  await server.start()
  const url = Object.assign(new URL(databaseUrl), { hostname: '127.0.0.1', port: String(port) }).href
  return { url, close: () => server.close() }
}

function settingsOf(server: URL, own: number, mode: PoolMode, sessions: number): string {
  const { hostname, port, username, password } = server
  const user = `user=${username}${password && ` password=${decodeURIComponent(password)}`}`
  return `[databases]
* = host=${hostname} port=${port || 5432} ${user}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${own}
unix_socket_dir =
auth_type = any
pool_mode = ${mode}
default_pool_size = ${sessions}
${process.getuid?.() === 0 ? 'user = nobody' : ''}
`
}

const missing = spawnSync('pgbouncer', ['--version']).status === 0 ? undefined : 'there is no pgbouncer on the PATH'

describeWith('postgres', 'a pooler', () => {
  describeUnless(missing, 'PgBouncer', () => {
    const modes: readonly [PoolMode, number, carries: string][] = [
      // Fewer sessions than the clients have connections, so sessions change clients.
      ['transaction', 3, 'the database'],
      ['session', 40, 'the database and the queue'],
    ]
    test.for(modes)(
      'in %s mode with %i sessions carries %s, and its sessions keep none of our settings',
      async ([mode, sessions, carries], { onTestFinished }) => {
        const direct = await makeDatabase('postgres')
        await askServer(
          serverUrl('postgres'),
          `alter database "${new URL(direct).pathname.slice(1)}" set default_transaction_isolation = 'repeatable read'`,
        )
        const pooler = await startPgBouncer(direct, mode, sessions)
        onTestFinished(pooler.close)
        const shop = await EngineShop.at('postgres', pooler.url)
        onTestFinished(() => shop.close())
        const queue = carries.includes('queue') ? newSchema(pooler.url).environment : {}
        const selling = { ORDERCTL_PAYMENT_SUCCESS_RATE: '1', ORDERCTL_BATCH_SIZE: '20', ...queue }
        const orders = Array.from({ length: ORDERS }, (_, index) => line({ order: `A-${index}` }))
        await shop.importing(csv(...orders), selling)
        const workers = await Promise.all([1, 2].map(() => shop.runWith(selling, 'work', '--drain')))
        for (const { code, stderr } of workers) expect(code, stderr).toBe(0)
        expect(await shop.statuses()).toEqual({ completed: ORDERS })
        await shop.expectAuditClean()
        expect((await shop.run('status')).code).toBe(0)
        const kept = await Promise.all(Array.from({ length: sessions }, () => settingsAt(pooler.url)))
        for (const rows of kept) expect(rows).toEqual([{ isolation: 'repeatable read', idle: '0' }])
      },
    )

    test('that refuses a parameter of the URL: the error names PgBouncer’s setting for it', async ({
      shop,
      onTestFinished,
    }) => {
      const pooler = await startPgBouncer(serverUrl('postgres'), 'transaction', 3)
      onTestFinished(pooler.close)
      const environment = { ORDERCTL_DATABASE_URL: `${pooler.url}?statement_timeout=60000` }
      const { codes, error } = await refused(shop, environment, 'status')
      expect(codes).toEqual([2, 2])
      expect(error).toMatchObject({
        code: 'database_parameter_refused',
        message: expect.stringContaining('unsupported startup parameter: statement_timeout'),
        fix: expect.stringContaining('ignore_startup_parameters'),
      })
    })
  })
})
