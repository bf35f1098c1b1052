// A pooler before PostgreSQL, which lends its sessions to several clients.
import { expect } from 'vitest'
import { refused } from '../queue/refused.js'
import { makeDatabase } from '../support/database-servers.js'
import { EnginePlace } from '../support/engine-place.js'
import { hasPgBouncer, type PoolMode, startPgBouncer } from '../support/pgbouncer.js'
import { askPostgres, newSchema, postgresUrl } from '../support/postgres.js'
import { describeUnless } from '../support/servers.js'
import { csv, line, test } from '../support/workplace.js'

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
        const place = await EnginePlace.at('postgres', pooler.url)
        onTestFinished(() => place.close())
        const selling = { ORDERCTL_PAYMENT_SUCCESS_RATE: '1', ORDERCTL_BATCH_SIZE: '20' }
        await place.importing(orders(), selling)
        const workers = await Promise.all([1, 2].map(() => place.runWith(selling, 'work', '--drain')))
        expect(
          workers.map(({ code }) => code),
          workers.map(({ stderr }) => stderr).join(),
        ).toEqual([0, 0])
        expect(await place.statuses()).toEqual({ completed: ORDERS })
        await place.expectAuditClean()
        expect((await place.run('status')).code).toBe(0)
        const kept = await Promise.all(Array.from({ length: sessions }, () => askPostgres(SETTINGS, pooler.url)))
        expect(new Set(kept.flat().map((row) => JSON.stringify(row)))).toEqual(
          new Set([JSON.stringify({ isolation: 'repeatable read', idle: '0' })]),
        )
      },
    )

    test('in session mode carries the queue', async ({ place, onTestFinished }) => {
      const pooler = await startPgBouncer(`${postgresUrl}`, 'session', 40)
      onTestFinished(pooler.close)
      const queue = newSchema(pooler.url)
      const selling = { ...queue.environment, ORDERCTL_PAYMENT_SUCCESS_RATE: '1', ORDERCTL_BATCH_SIZE: '20' }
      try {
        expect(await place.runWith(selling, 'import', place.file('orders.csv', orders()))).toMatchObject({ code: 0 })
        expect(await place.runWith(selling, 'work', '--drain')).toMatchObject({ code: 0 })
        expect(place.value("select count(*) from orders where status = 'completed'")).toBe(ORDERS)
      } finally {
        await queue.drop()
      }
    })

    test('that refuses a setting of the URL is told so, with the setting to change', async ({
      place,
      onTestFinished,
    }) => {
      const pooler = await startPgBouncer(`${postgresUrl}`, 'transaction', 3)
      onTestFinished(pooler.close)
      const environment = { ORDERCTL_DATABASE_URL: `${pooler.url}?statement_timeout=60000` }
      const { codes, error } = await refused(place, environment, 'status')
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
