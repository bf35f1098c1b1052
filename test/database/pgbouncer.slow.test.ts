// A pooler in front of PostgreSQL, which shares its sessions among clients.

import { expect } from 'vitest'
import { refused } from '../queue/refused.js'
import { makeDatabase } from '../support/database-servers.js'
import { EngineShop } from '../support/engine-shop.js'
import { csv, line } from '../support/lines.js'
import { hasPgBouncer, type PoolMode, startPgBouncer } from '../support/pgbouncer.js'
import { askPostgres, newSchema, postgresUrl } from '../support/postgres.js'
import { describeUnless } from '../support/servers.js'
import { test } from '../support/shop.js'

const isMissing = postgresUrl === undefined || !hasPgBouncer()

const ORDERS = 300

const SETTINGS =
  "select current_setting('default_transaction_isolation') as isolation, current_setting('idle_in_transaction_session_timeout') as idle"

describeUnless(
  isMissing ? 'there is no PostgreSQL server, or no pgbouncer on the PATH' : undefined,
  'PgBouncer',
  () => {
    const modes: readonly [PoolMode, number, carries: string][] = [
      // Fewer sessions than the clients have connections, so sessions change clients.
      ['transaction', 3, 'the database'],
      ['session', 40, 'the database and the queue'],
    ]
    test.for(modes)(
      'in %s mode with %i sessions carries %s, and its sessions keep none of our settings',
      async ([mode, sessions, carries], { onTestFinished }) => {
        const direct = await makeDatabase('postgres')
        await askPostgres(
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
        const kept = await Promise.all(Array.from({ length: sessions }, () => askPostgres(SETTINGS, pooler.url)))
        for (const row of kept.flat()) expect(row).toEqual({ isolation: 'repeatable read', idle: '0' })
      },
    )

    test('that refuses a parameter of the URL: the error names PgBouncer’s setting for it', async ({
      shop,
      onTestFinished,
    }) => {
      const pooler = await startPgBouncer(`${postgresUrl}`, 'transaction', 3)
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
  },
  { concurrent: false },
)
