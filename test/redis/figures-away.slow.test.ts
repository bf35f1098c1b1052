// Publishing figures while Redis or the database is unreachable.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { connect } from '../../src/database/connection.js'
import { readDatabaseAddress } from '../../src/servers/addresses.js'
import { FiguresShop, SPENDING } from '../support/figures-shop.js'
import { freePort } from '../support/private-process.js'
import { type PrivateRedis, startPrivateRedis } from '../support/private-redis.js'
import { describeWithPrivateRedis } from '../support/redis.js'

describeWithPrivateRedis('publishing during an outage', () => {
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

  test('fails for each outage with its reason, and fills a Redis that is empty after it', async () => {
    await at.figures.publish()
    server.signal('SIGSTOP')
    const unreachable = { code: 'redis_unreachable', exit: 4, retryable: true }
    await expect(at.figures.publish()).rejects.toMatchObject(unreachable)
    server.signal('SIGCONT')
    await server.stop()
    for (const act of ['publish', 'rebuild', 'check'] as const) {
      await expect(at.figures[act]()).rejects.toMatchObject(unreachable)
    }
    await server.start()
    await at.figures.publish()
    await expect.poll(() => at.board(SPENDING)).toEqual({ ann: 1000 })
  })

  test.each([
    ['has reached its maxmemory limit', ['CONFIG', 'SET', 'maxmemory', '1']],
    ['is a replica and rejects writes', ['REPLICAOF', '127.0.0.1', '1']],
  ])('fails if Redis %s', async (reason, [command = '', ...args]) => {
    await at.figures.publish()
    await at.redis.call(command, ...args)
    await at.sell('2', 'ann', 500, { at: '2025-01-16T10:00:00' })
    const unavailable = { code: 'redis_unavailable', exit: 4, message: expect.stringContaining(reason) }
    await expect(at.figures.publish()).rejects.toMatchObject(unavailable)
    await expect(at.figures.rebuild()).rejects.toMatchObject(unavailable)
  })

  test.each(['postgres', 'mysql'])('an unreachable %s is not reported as a failure of Redis', async (engine) => {
    await at.figures.publish()
    const db = await connect(readDatabaseAddress(`${engine}://user@127.0.0.1:${await freePort()}/shop`))
    const refused = expect.objectContaining({ name: 'Error', code: 'ECONNREFUSED' })
    await expect(at.figuresOf(db).publish()).rejects.toEqual(refused)
    await expect(at.figuresOf(db).rebuild()).rejects.toEqual(refused)
    await db.destroy()
  })
})
