// Redis servers that refuse us, or that are unfit: what users are told, within seconds and without passwords.

import { describe, expect, test as plainTest } from 'vitest'
import { explainUnreachable } from '../../src/servers/explain.js'
import { unavailableReply } from '../../src/servers/recognise.js'
import { refuseUnfit } from '../../src/servers/redis-connection.js'
import { type Environment, expectSoldOnce, importing, SLOW, singles } from '../support/drain.js'
import { hasTls, type PrivateRedisOptions, startPrivateRedis } from '../support/private-redis.js'
import { addressOf, describeWithPrivateRedis } from '../support/redis.js'
import { test } from '../support/shop.js'
import { PASSWORD, refused } from './refused.js'

const at = (url: string): Environment => ({ ...SLOW, ORDERCTL_QUEUE_URL: url })

/** A server of the test's own, gone when the test is over. */
async function withRedis(options: PrivateRedisOptions, use: (url: string, certificate: string) => Promise<void>) {
  const server = await startPrivateRedis(options)
  try {
    await use(server.url, server.certificate)
  } finally {
    await server.close()
  }
}

describe('an error reply', () => {
  const reply = (text: string) => Object.assign(new Error(text), { name: 'ReplyError' })

  plainTest.each([
    ["READONLY You can't write against a read only replica.", /is a replica/],
    ["READONLY You can't write against a read only replica. script: 6a4b, on @user_script:236.", /is a replica/],
    [
      "ERR Error running script (call to f_6a4b): @user_script:236: @user_script: 236: -READONLY You can't write against a read only replica.",
      /is a replica/,
    ],
    [
      'UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)',
      /became a replica/,
    ],
    ["MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", /lost its primary/],
    ['LOADING Redis is loading the dataset in memory', /is still loading its data/],
    ['CLUSTERDOWN The cluster is down', /belongs to a cluster that is down/],
    ['TRYAGAIN Multiple keys request during rehashing of slot', /is moving keys/],
    ['NOREPLICAS Not enough good replicas to write.', /has too few replicas/],
    ['MISCONF Redis is configured to save RDB snapshots, but cannot.', /cannot save its data/],
    ["OOM command not allowed when used memory > 'maxmemory'.", /maxmemory/],
    ['BUSY Redis is busy running a script.', /is busy with a script/],
  ])('%s counts as away', (text, says) => {
    const problem = explainUnreachable(reply(text), addressOf('redis://shop:6379'))
    expect(problem).toMatchObject({ code: 'redis_unavailable', exit: 4, retryable: true })
    expect(problem.message).toMatch(says)
  })

  plainTest.each([
    'BUSYGROUP Consumer Group name already exists',
    'WRONGTYPE Operation against a key holding the wrong kind of value',
    "NOPERM this user has no permissions to run the 'setrange' command",
    "ERR unknown command 'READONLY '",
  ])('%s does not', (text) => {
    expect(unavailableReply(reply(text))).toBeUndefined()
  })
})

describe('a Redis', () => {
  const check = (version: string) => () => {
    const facts = { product: `Redis ${version}`, version, evictionPolicy: 'noeviction' }
    refuseUnfit(facts, addressOf('redis://127.0.0.1:6379'), { allowEviction: false })
  }

  plainTest.each(['5.0.14', '6.0.16'])('%s is refused as too old', (version) => {
    expect(check(version)).toThrow(expect.objectContaining({ code: 'redis_too_old', exit: 2 }))
    expect(check(version)).toThrow(`Redis ${version} at 127.0.0.1:6379 is too old`)
  })

  plainTest.each(['6.2.0', '7.0.15', '7.2.4', '8.0.1', '10.1.0'])('%s is taken', (version) => {
    expect(check(version)).not.toThrow()
  })
})

describeWithPrivateRedis(
  'a Redis with a say in who comes',
  () => {
    test('lets us in with its password, and tells us that another is wrong', async ({ shop }) => {
      await withRedis({ password: PASSWORD }, async (url) => {
        await importing(shop, 40, at(url))
        const without = await refused(shop, at(url.replace(`:${PASSWORD}@`, '')), 'work', '--drain')
        const wrong = await refused(shop, at(url.replace(PASSWORD, `not-${PASSWORD}`)), 'work', '--drain')
        for (const { codes, stderr, error } of [without, wrong]) {
          expect(codes).toEqual([4, 4])
          expect(stderr).toContain('refused the login')
          expect(error).toMatchObject({ code: 'redis_refused', retryable: false })
          expect(error['fix']).toContain('redis://USER:PASSWORD@HOST')
        }
        expect(await shop.runWith(at(url), 'work', '--drain')).toMatchObject({ code: 0 })
        await expectSoldOnce(shop, 40)
      })
    })

    test('lets us in over TLS', async ({ shop, skip }) => {
      skip(!hasTls(), 'there is no openssl, or redis-server was built without TLS')
      await withRedis({ tls: true, password: PASSWORD }, async (url, certificate) => {
        const trusting = { ...at(url), NODE_EXTRA_CA_CERTS: certificate }
        await importing(shop, 40, trusting)
        expect(await shop.runWith(trusting, 'work', '--drain')).toMatchObject({ code: 0 })
        await expectSoldOnce(shop, 40)

        const { codes, error } = await refused(shop, at(url), 'work', '--drain')
        expect(codes).toEqual([4, 4])
        expect(error['message']).toContain('certificate')
      })
    })

    test('is refused where it evicts, unless that is allowed', async ({ shop }) => {
      await withRedis({ maxmemoryPolicy: 'allkeys-lru' }, async (url) => {
        const file = shop.file('orders.csv', singles(40))
        const { codes, error } = await refused(shop, at(url), 'import', file)
        expect(codes).toEqual([2, 2])
        expect(error).toMatchObject({ code: 'redis_evicts' })
        expect(error['message']).toContain('maxmemory-policy allkeys-lru')
        expect(error['fix']).toContain('config set maxmemory-policy noeviction')
        expect(error['fix']).toContain('--allow-eviction')

        expect(await shop.runWith(at(url), 'import', file, '--allow-eviction')).toMatchObject({ code: 0 })
        expect(await shop.runWith(at(url), 'work', '--drain')).toMatchObject({ code: 2 })
        expect(await shop.runWith(at(url), 'work', '--drain', '--allow-eviction')).toMatchObject({ code: 0 })
        await expectSoldOnce(shop, 40)
      })
    })
  },
  { concurrent: true },
)
