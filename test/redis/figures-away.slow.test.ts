// A Redis or a database that is away: publishing says which, and makes up for it later.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { connect } from '../../src/database/connection.js'
import { readDatabaseAddress } from '../../src/servers/addresses.js'
import { FiguresShop, SPENDING } from '../support/figures-shop.js'
import { freePort } from '../support/private-process.js'
import type { PrivateRedis } from '../support/private-redis.js'
import { describeWithPrivateRedis, startPrivateRedis } from '../support/redis.js'

describeWithPrivateRedis('publishing to a Redis that is away', () => {
  let server: PrivateRedis
  let at: FiguresShop
  beforeEach(async () => {
    server = await startPrivateRedis()
    at = await FiguresShop.open(server.url)
    await at.sell('1', 'ann', 1000)
  })
  afterEach(async () => {
    await at.close()
    await server.close()
  })

  test('stopped: every call says so, and one that is back and empty is filled again', async () => {
    await at.figures.publish()
    await server.stop()
    const unreachable = { code: 'redis_unreachable', exit: 4, retryable: true }
    for (const act of ['publish', 'rebuild', 'check'] as const) {
      await expect(at.figures[act]()).rejects.toMatchObject(unreachable)
    }
    await server.start()
    await at.figures.publish()
    await expect.poll(() => at.board(SPENDING)).toEqual({ ann: 1000 })
  })

  test('hanging: a publication waits a few seconds and no longer', async () => {
    await at.figures.publish()
    server.hang()
    await expect(at.figures.publish()).rejects.toMatchObject({ code: 'redis_unreachable' })
    server.goOn()
  })

  test.each([
    ['full', 'has used all memory that maxmemory allows', ['CONFIG', 'SET', 'maxmemory', '1']],
    ['a replica since a failover', 'is a replica and takes no writes', ['REPLICAOF', '127.0.0.1', '1']],
  ])('%s: that is the error', async (_, told, [command = '', ...args]) => {
    await at.figures.publish()
    await at.redis.call(command, ...args)
    await at.sell('2', 'ann', 500, { at: '2025-01-16T10:00:00' })
    const unavailable = { code: 'redis_unavailable', exit: 4, retryable: true, message: expect.stringContaining(told) }
    await expect(at.figures.publish()).rejects.toMatchObject(unavailable)
    await expect(at.figures.rebuild()).rejects.toMatchObject(unavailable)
  })

  test.each(['postgres', 'mysql'])('there, and %s away: that is not reported as a failure of Redis', async (engine) => {
    await at.figures.publish()
    const db = await connect(readDatabaseAddress(`${engine}://user@127.0.0.1:${await freePort()}/shop`))
    const refused = expect.objectContaining({ name: 'Error', code: 'ECONNREFUSED' })
    await expect(at.figuresOf(db).publish()).rejects.toEqual(refused)
    await expect(at.figuresOf(db).rebuild()).rejects.toEqual(refused)
    await db.destroy()
  })
})
