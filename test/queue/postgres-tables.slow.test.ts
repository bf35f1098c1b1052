// Which PostgreSQL is unfit for the queue, and how the queue's tables are created on one that is fit.

import { expect, test as plainTest } from 'vitest'
import { bullMqOnPostgres } from '../../src/queue/bullmq/on-postgres.js'
import { ServerQueue } from '../../src/queue/server-queue.js'
import { type PostgresFacts, refuseUnfit } from '../../src/servers/postgres-pool.js'
import { askServer } from '../support/ask-server.js'
import { expectSoldOnce, SLOW, singles } from '../support/drain.js'
import { newSchema } from '../support/postgres.js'
import { addressOf, describeWith, randomName, serverUrl } from '../support/servers.js'
import { Shop, test } from '../support/shop.js'
import { PASSWORD, refused } from './refused.js'

plainTest('PostgreSQL is unfit if it is older than 13 or a standby', () => {
  const fit: PostgresFacts = { version: '13.0', major: 13, user: 'shop', database: 'orders', standby: false }
  const check = (facts: Partial<PostgresFacts>) => () =>
    refuseUnfit({ ...fit, ...facts }, addressOf('postgres', 'postgres://127.0.0.1/orders'))
  expect(check({})).not.toThrow()
  expect(check({ version: '12.22', major: 12 })).toThrow('PostgreSQL 12.22 at 127.0.0.1:5432/orders is too old')
  expect(check({ version: '12.22', major: 12 })).toThrow(expect.objectContaining({ code: 'postgres_too_old', exit: 2 }))
  expect(check({ standby: true })).toThrow(expect.objectContaining({ code: 'postgres_read_only', exit: 4 }))
})

describeWith(
  'postgres',
  'the tables of the queue',
  () => {
    test('are created by migrate, and checked by doctor', async ({ shop, onTestFinished }) => {
      const { environment, ask, drop, schema } = newSchema()
      onTestFinished(drop)
      const migrate = async (...flags: string[]) => (await shop.jsonWith(environment, 'migrate', ...flags)).result
      expect(await migrate('--status')).toMatchObject({ queue: { before: 0, current: 0 } })
      expect(await ask(`select from pg_namespace where nspname = '${schema}'`)).toHaveLength(0)

      const { queue } = (await migrate()) as { queue: { current: number } }
      const { current } = queue
      expect(queue).toMatchObject({ before: 0, place: expect.stringContaining(`schema ${schema}`) })
      expect(await ask('select count(*)::int as applied from migration')).toEqual([{ applied: current }])
      expect(await migrate()).toMatchObject({ queue: { before: current, current } })
      expect(await migrate('--status')).toMatchObject({ queue: { before: current, current } })

      const detail = expect.stringMatching(new RegExp(`PostgreSQL at .*${current} of ${current} migrations`))
      const check = expect.objectContaining({ name: 'queue server', ok: true, fix: null, detail })
      const { result } = await shop.jsonWith(environment, 'doctor')
      expect(result).toMatchObject({ checks: expect.arrayContaining([check]) })
    })

    test('are created by a user who may create a schema, and used without that right', async ({
      shop,
      onTestFinished,
      skip,
    }) => {
      const [rights] = await askServer(
        serverUrl('postgres'),
        'select rolcreaterole as fit from pg_roles where rolname = current_user',
      )
      skip(rights?.['fit'] !== true, 'the user of the tests may not create users')
      const user = randomName()
      const database = new URL(serverUrl('postgres')).pathname.slice(1)
      await askServer(serverUrl('postgres'), `create role ${user} login password '${PASSWORD}'`)
      onTestFinished(async () => {
        await askServer(serverUrl('postgres'), `drop owned by ${user} cascade`, `drop role ${user}`)
      })
      const { environment } = newSchema(serverUrl('postgres', { username: user, password: PASSWORD }))
      const file = shop.file('orders.csv', singles(40))

      const { codes, error } = await refused(shop, environment, 'import', file)
      expect(codes).toEqual([2, 2])
      expect(error).toMatchObject({ code: 'postgres_not_allowed' })
      const grant = `grant create on database "${database}" to "${user}"`
      expect(error['fix']).toContain(grant)

      await askServer(serverUrl('postgres'), grant)
      expect(await shop.runWith(environment, 'migrate')).toMatchObject({ code: 0 })
      await askServer(serverUrl('postgres'), `revoke create on database "${database}" from "${user}"`)
      const selling = { ...SLOW, ...environment }
      expect(await shop.runWith(selling, 'import', file)).toMatchObject({ code: 0 })
      expect(await shop.runWith(selling, 'work', '--drain')).toMatchObject({ code: 0 })
      await expectSoldOnce(shop, 40)
    })

    test('are created once by six processes that connect at the same time', async ({ onTestFinished }) => {
      const { address, ask, drop, schema } = newSchema()
      onTestFinished(drop)
      const shop = await Shop.open()
      onTestFinished(() => shop.close())
      const open = () =>
        new ServerQueue(shop.db, bullMqOnPostgres(address, schema, 1000), { batchSize: 5, leaseMs: 1000 })
      const queues = Array.from({ length: 6 }, open)
      await Promise.all(queues.map((queue) => queue.connect()))
      for (const queue of queues) await queue.close()
      const [made] = await ask('select count(*)::int as made, max(version) as latest from migration')
      expect(made).toEqual({ made: 11, latest: 11 })
    })

    test('are left alone if a newer release has changed them', async ({ shop, onTestFinished }) => {
      const { environment, ask, drop } = newSchema()
      onTestFinished(drop)
      await shop.runWith(environment, 'migrate')
      await ask("insert into migration (version, name, min_client_version) values (99, 'later', 7)")
      const { codes, error } = await refused(shop, environment, 'import', shop.file('orders.csv', singles(3)))
      expect(codes).toEqual([2, 2])
      expect(error).toMatchObject({ code: 'queue_too_new', fix: expect.stringContaining('Update orderctl') })
    })
  },
  { concurrent: true },
)
