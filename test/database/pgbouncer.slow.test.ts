// A pooler before PostgreSQL, which lends its sessions to several clients.

import { expect } from 'vitest'
import { refused } from '../queue/refused.js'
import { makeDatabase } from '../support/database-servers.js'
import { EngineShop } from '../support/engine-shop.js'
import { csv, line } from '../support/lines.js'
import { hasPgBouncer, type PoolMode, startPgBouncer } from '../support/pgbouncer.js'
import { askPostgres, newSchema, postgresUrl } from '../support/postgres.js'
import { describeUnless } from '../support/servers.js'
import { test } from '../support/shop.js'

const missing = hasPgBouncer() ? undefined : 'there is no pgbouncer on the PATH'
const reason = postgresUrl === undefined ? 'no PostgreSQL server was found' : missing

const ORDERS = 300

const orders = () => csv(...Array.from({ length: ORDERS }, (_, index) => line({ order: `A-${index}` })))

const SETTINGS =
  "select current_setting('default_transaction_isolation') as isolation, current_setting('idle_in_transaction_session_timeout') as idle"

describeUnless(
  reason,
  'PgBouncer',
  () => {
    const modes: readonly [PoolMode, number][] = [
      // Fewer than the clients have connections, so each session goes from hand to hand.
      ['transaction', 3],
      ['session', 40],
    ]
    test.for(modes)(
      'in %s mode carries the database, and its sessions keep nothing of ours',
      async ([mode, sessions], { onTestFinished }) => {
        const direct = await makeDatabase('postgres')
        await askPostgres(
          `alter database "${new URL(direct).pathname.slice(1)}" set default_transaction_isolation = 'repeatable read'`,
        )
        const pooler = await startPgBouncer(direct, mode, sessions)
        onTestFinished(pooler.close)
        const shop = await EngineShop.at('postgres', pooler.url)
        onTestFinished(() => shop.close())
        const selling = { ORDERCTL_PAYMENT_SUCCESS_RATE: '1', ORDERCTL_BATCH_SIZE: '20' }
        await shop.importing(orders(), selling)
        const workers = await Promise.all([1, 2].map(() => shop.runWith(selling, 'work', '--drain')))
        expect(
          workers.map(({ code }) => code),
          workers.map(({ stderr }) => stderr).join(),
        ).toEqual([0, 0])
        expect(await shop.statuses()).toEqual({ completed: ORDERS })
        await shop.expectAuditClean()
        expect((await shop.run('status')).code).toBe(0)
        const kept = await Promise.all(Array.from({ length: sessions }, () => askPostgres(SETTINGS, pooler.url)))
        expect(new Set(kept.flat().map((row) => JSON.stringify(row)))).toEqual(
          new Set([JSON.stringify({ isolation: 'repeatable read', idle: '0' })]),
        )
      },
    )

    test('in session mode carries the queue', async ({ shop, onTestFinished }) => {
      const pooler = await startPgBouncer(`${postgresUrl}`, 'session', 40)
      onTestFinished(pooler.close)
      const queue = newSchema(pooler.url)
      const selling = { ...queue.environment, ORDERCTL_PAYMENT_SUCCESS_RATE: '1', ORDERCTL_BATCH_SIZE: '20' }
      try {
        expect(await shop.runWith(selling, 'import', shop.file('orders.csv', orders()))).toMatchObject({ code: 0 })
        expect(await shop.runWith(selling, 'work', '--drain')).toMatchObject({ code: 0 })
        expect(shop.value("select count(*) from orders where status = 'completed'")).toBe(ORDERS)
      } finally {
        await queue.drop()
      }
    })

    test('that refuses a setting of the URL is told so, with the setting to change', async ({
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
