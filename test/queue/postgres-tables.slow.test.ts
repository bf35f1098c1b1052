// PostgreSQL servers that are unfit, and how the queue's tables come to be on one that is fit.

import { describe, expect, test as plainTest } from 'vitest'
import { bullMqOnPostgres } from '../../src/queue/bullmq/on-postgres.js'
import { ServerQueue } from '../../src/queue/server-queue.js'
import { type PostgresFacts, refuseUnfit } from '../../src/servers/postgres-pool.js'
import { urlWith } from '../support/database-servers.js'
import { expectSoldOnce, SLOW, singles } from '../support/drain.js'
import {
  addressOf,
  askPostgres,
  describeWithPostgres,
  newSchema,
  postgresUrl,
  randomName,
} from '../support/postgres.js'
import { Shop, test } from '../support/shop.js'
import { PASSWORD, refused } from './refused.js'

describe('a PostgreSQL', () => {
  const address = addressOf('postgres://127.0.0.1/orders')
  const facts: PostgresFacts = {
    version: '15.4',
    major: 15,
    user: 'shop',
    database: 'orders',
    standby: false,
  }

  plainTest('that is too old is refused with what to do, and the oldest that will do is not', () => {
    const old = () => refuseUnfit({ ...facts, version: '12.22', major: 12 }, address)
    expect(old).toThrow(expect.objectContaining({ code: 'postgres_too_old', exit: 2 }))
    expect(old).toThrow('PostgreSQL 12.22 at 127.0.0.1:5432/orders is too old')
    expect(() => refuseUnfit({ ...facts, version: '13.0', major: 13 }, address)).not.toThrow()
  })

  plainTest('that follows another one is refused', () => {
    const follow = () => refuseUnfit({ ...facts, standby: true }, address)
    expect(follow).toThrow(expect.objectContaining({ code: 'postgres_read_only', exit: 4 }))
  })
})

describeWithPostgres(
  'a PostgreSQL with rights',
  () => {
    test('lets a user make the tables once that is granted', async ({ shop, onTestFinished, skip }) => {
      const [rights] = await askPostgres('select rolcreaterole as fit from pg_roles where rolname = current_user')
      skip(rights?.['fit'] !== true, 'the user of the tests may not make users')
      const user = randomName()
      const database = new URL(`${postgresUrl}`).pathname.slice(1)
      await askPostgres(`create role ${user} login password '${PASSWORD}'`)
      onTestFinished(async () => {
        await askPostgres(`drop owned by ${user} cascade; drop role ${user}`)
      })
      const { environment } = newSchema(urlWith('postgres', { username: user, password: PASSWORD }))
      const file = shop.file('orders.csv', singles(40))

      const { codes, error } = await refused(shop, environment, 'import', file)
      expect(codes).toEqual([2, 2])
      expect(error).toMatchObject({ code: 'postgres_not_allowed' })
      const grant = `grant create on database "${database}" to "${user}"`
      expect(error['fix']).toContain(grant)

      await askPostgres(grant)
      expect(await shop.runWith(environment, 'migrate')).toMatchObject({ code: 0 })
      await askPostgres(`revoke create on database "${database}" from "${user}"`)
      const selling = { ...SLOW, ...environment }
      expect(await shop.runWith(selling, 'import', file)).toMatchObject({ code: 0 })
      expect(await shop.runWith(selling, 'work', '--drain')).toMatchObject({ code: 0 })
      await expectSoldOnce(shop, 40)
    })
  },
  { concurrent: true },
)

describeWithPostgres(
  'the tables of the queue',
  () => {
    test('are made by migrate, which tells of them, and doctor looks at them', async ({ shop, onTestFinished }) => {
      const { environment, ask, drop, schema } = newSchema()
      onTestFinished(drop)
      const migrate = async (...flags: string[]) => (await shop.jsonWith(environment, 'migrate', ...flags)).result
      expect(await migrate('--status')).toMatchObject({ queue: { before: 0, current: 0 } })
      expect(await ask(`select from pg_namespace where nspname = '${schema}'`)).toHaveLength(0)

      const made = (await migrate()) as { queue: { current: number } }
      const { current } = made.queue
      expect(made).toMatchObject({ queue: { before: 0, place: expect.stringContaining(`schema ${schema}`) } })
      expect(await ask('select count(*)::int as applied from migration')).toEqual([{ applied: current }])
      expect(await migrate()).toMatchObject({ queue: { before: current, current } })
      expect(await migrate('--status')).toMatchObject({ queue: { before: current, current } })

      const { result } = await shop.jsonWith(environment, 'doctor')
      const check = (result as { checks: { name: string }[] }).checks.find(({ name }) => name === 'queue server')
      expect(check).toMatchObject({ ok: true, fix: null })
      expect(JSON.stringify(check)).toMatch(new RegExp(`PostgreSQL at .*${current} of ${current} migrations`))
    })

    test('are made once by many who come at the same time', async ({ onTestFinished }) => {
      const { address, ask, drop, schema } = newSchema()
      onTestFinished(drop)
      const shop = await Shop.open()
      onTestFinished(() => shop.close())
      const settings = { batchSize: 5, leaseMs: 1000 }
      const queues = Array.from(
        { length: 6 },
        () => new ServerQueue(shop.db, bullMqOnPostgres(address, schema, 1000), settings),
      )
      await Promise.all(queues.map((queue) => queue.connect()))
      for (const queue of queues) await queue.close()
      expect(await ask('select count(*)::int as made, max(version) as latest from migration')).toEqual([
        { made: 11, latest: 11 },
      ])
    })

    test('are left alone where a newer release has made them', async ({ shop, onTestFinished }) => {
      const { environment, ask, drop } = newSchema()
      onTestFinished(drop)
      await shop.runWith(environment, 'migrate')
      await ask("insert into migration (version, name, min_client_version) values (99, 'later', 7)")
      const { codes, error } = await refused(shop, environment, 'import', shop.file('orders.csv', singles(3)))
      expect(codes).toEqual([2, 2])
      expect(error).toMatchObject({ code: 'queue_too_new' })
      expect(error['fix']).toContain('Update orderctl')
    })
  },
  { concurrent: true },
)
