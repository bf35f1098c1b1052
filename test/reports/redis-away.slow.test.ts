// Without Redis, reports are answered all the same.
import { setTimeout } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readDatabase } from '../../src/config-values.js'
import { connect } from '../../src/database/connection.js'
import type { Day } from '../../src/domain/business-day.js'
import { freePort, type PrivateRedis } from '../private-redis.js'
import { describeWithPrivateRedis, startPrivateRedis } from '../redis.js'
import { EVERYTHING, RedisShop } from './redis-shop.js'

const DAY = '2025-01-15' as Day

describeWithPrivateRedis('Redis away', () => {
  let server: PrivateRedis
  let at: RedisShop
  beforeEach(async () => {
    server = await startPrivateRedis()
    at = await RedisShop.open(server.url)
    await at.sell('1', 'ann', 1000)
  })
  afterEach(async () => {
    await at.close()
    await server.close()
  })

  async function expectAnswers() {
    expect(await at.reports.customers({ ...EVERYTHING, limit: 5 })).toMatchObject({ entries: [{ customer: 'ann' }] })
    expect(await at.reports.daily(DAY)).toMatchObject({ kpis: [{ orders: 1 }] })
  }

  const away = () =>
    expect.stringMatching(`^Redis at 127.0.0.1:${server.port} cannot be reached: .+ The database answers`)

  test('from the start: the database answers, and why is said once', async () => {
    await server.stop()
    await expectAnswers()
    await expect(at.reports.refresh()).rejects.toMatchObject({ code: 'redis_unreachable', exit: 4 })
    expect(at.warnings).toEqual([away()])
  })

  test('between two reports, and back again with nothing in it: it is filled again', async () => {
    await expectAnswers()
    await server.stop()
    await expectAnswers()
    expect(at.warnings).toEqual([away()])
    await server.start()
    await expectAnswers()
    await expect.poll(() => at.board('customers:spending:USD')).toEqual({ ann: 1000 })
  })

  test('hanging: a report waits a few seconds and no longer', async () => {
    await expectAnswers()
    server.hang()
    await expectAnswers()
    server.goOn()
    expect(at.warnings).toEqual([away()])
  })

  test('a connection that was closed between two reports is made anew, and nobody hears of it', async () => {
    await expectAnswers()
    await at.redis.call('CLIENT', 'KILL', 'TYPE', 'normal')
    await setTimeout(50)
    await expectAnswers()
    expect(at.warnings).toEqual([])
  })

  test.each([
    ['full', 'has used all memory that maxmemory allows', ['CONFIG', 'SET', 'maxmemory', '1']],
    ['a replica since a failover', 'is a replica and takes no writes', ['REPLICAOF', '127.0.0.1', '1']],
  ])('%s: the database answers, and a rebuild ends with exit code 4', async (_, told, [command = '', ...args]) => {
    await expectAnswers()
    await at.redis.call(command, ...args)
    await at.sell('2', 'ann', 500, { at: '2025-01-16T10:00:00' })
    await expectAnswers()
    expect(at.warnings).toEqual([expect.stringContaining(`${told}. The database answers instead.`)])
    const unavailable = { code: 'redis_unavailable', exit: 4, retryable: true }
    await expect(at.reports.rebuild()).rejects.toMatchObject(unavailable)
  })

  test.each(['postgres', 'mysql'])('there, and %s away: that is not reported as a failure of Redis', async (engine) => {
    const db = await connect(readDatabase(`${engine}://user@127.0.0.1:${await freePort()}/shop`))
    const reports = at.reportsOn(db)
    const refused = expect.objectContaining({ name: 'Error', code: 'ECONNREFUSED' })
    await expect(reports.refresh()).rejects.toEqual(refused)
    await expect(reports.daily(DAY)).rejects.toEqual(refused)
    await expect(reports.customers({ ...EVERYTHING, limit: 5 })).rejects.toEqual(refused)
    await db.destroy()
    expect(at.warnings).toEqual([])
  })

  test('a rebuild and a check say that they could not be done', async () => {
    await server.stop()
    const unreachable = { code: 'redis_unreachable', exit: 4, retryable: true }
    await expect(at.reports.rebuild()).rejects.toMatchObject(unreachable)
    await expect(at.reports.check()).rejects.toMatchObject(unreachable)
  })
})
