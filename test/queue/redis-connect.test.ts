// Redis servers that refuse the login or are unfit: the error comes within seconds and shows no password.

import { execFileSync, spawnSync } from 'node:child_process'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { describe, expect, test as plainTest } from 'vitest'
import { explainUnreachable } from '../../src/servers/explain.js'
import { unavailableReply } from '../../src/servers/recognise.js'
import { refuseUnfit } from '../../src/servers/redis-connection.js'
import { type Environment, expectSoldOnce, importing, SLOW, singles } from '../support/drain.js'
import { freePort } from '../support/private-process.js'
import { startPrivateRedis } from '../support/private-redis.js'
import { type Message, type Pair, TcpProxy } from '../support/proxy.js'
import { describeWithPrivateRedis } from '../support/redis.js'
import { addressOf } from '../support/servers.js'
import { test as placeTest } from '../support/shop.js'
import { PASSWORD, refused } from './refused.js'

const at = (url: string): Environment => ({ ...SLOW, ORDERCTL_QUEUE_URL: url })

describe('an error reply', () => {
  const reply = (text: string) => Object.assign(new Error(text), { name: 'ReplyError' })

  // Replies that a test can provoke are in redis-failover.slow.test.ts.
  plainTest.each([
    ["READONLY You can't write against a read only replica. script: 6a4b, on @user_script:236.", /is a replica/],
    ['ERR Error running script: @user_script: 236: -READONLY You cannot write against a replica.', /is a replica/],
    ['UNBLOCKED force unblock, instance state changed (master -> replica?)', /became a replica/],
    ["MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", /lost its primary/],
    ['LOADING Redis is loading the dataset in memory', /is still loading its data/],
    ['CLUSTERDOWN The cluster is down', /belongs to a cluster that is down/],
    ['TRYAGAIN Multiple keys request during rehashing of slot', /is moving keys/],
  ])('%s means that Redis is unavailable', (text, says) => {
    const problem = explainUnreachable(reply(text), addressOf('redis', 'redis://shop:6379'))
    expect(problem).toMatchObject({ code: 'redis_unavailable', exit: 4, retryable: true })
    expect(problem.message).toMatch(says)
  })

  plainTest.each([
    'BUSYGROUP Consumer Group name already exists',
    'WRONGTYPE Operation against a key holding the wrong kind of value',
    "NOPERM this user has no permissions to run the 'setrange' command",
    "ERR unknown command 'READONLY '",
  ])('%s does not mean that Redis is unavailable', (text) => {
    expect(unavailableReply(reply(text))).toBeUndefined()
  })
})

plainTest('Redis is too old before 6.2', () => {
  const check = (version: string) => () => {
    const facts = { product: `Redis ${version}`, version, evictionPolicy: 'noeviction' }
    refuseUnfit(facts, addressOf('redis', 'redis://127.0.0.1:6379'), { allowEviction: false })
  }
  expect(check('6.0.16')).toThrow(expect.objectContaining({ code: 'redis_too_old', exit: 2 }))
  expect(check('6.0.16')).toThrow('Redis 6.0.16 at 127.0.0.1:6379 is too old')
  expect(check('6.2.0')).not.toThrow()
})

/** Whether there is openssl, and a Redis that was built with TLS. */
function hasTls(): boolean {
  if (spawnSync('openssl', ['version']).status !== 0) return false
  // Redis stops at the first directive that it does not know.
  const { stderr } = spawnSync('redis-server', ['--tls-port', '0', '--no-such-directive', 'yes'], { encoding: 'utf8' })
  return stderr.includes('no-such-directive')
}

/** The certificate is its own authority. */
function makeCertificate(folder: string) {
  const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')]
  const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '2']
  const made = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key]
  execFileSync('openssl', ['req', '-x509', ...made, '-out', certificate, ...subject], { stdio: 'ignore' })
  const settings = ['--tls-auth-clients', 'no', '--tls-cert-file', certificate, '--tls-key-file', key]
  return { certificate, settings }
}

/** Loses a Redis at its second question to it, and every later connection. */
class GoingAway extends TcpProxy {
  protected override pass(data: Buffer, from: Message, pair: Pair, to: Socket): void {
    if (from.side === 'client' && /\binfo\b/i.test(data.toString('latin1'))) this.drop()
    else super.pass(data, from, pair, to)
  }
}

describeWithPrivateRedis(
  'a Redis',
  () => {
    const test = placeTest.extend<{ start: (...settings: string[]) => Promise<number> }>({
      start: ({ onTestFinished }, use) =>
        use(async (...settings) => {
          const server = await startPrivateRedis(...settings)
          onTestFinished(() => server.close())
          return server.port
        }),
    })

    test('refuses a wrong password and none, with a fix', async ({ shop, start }) => {
      const url = `redis://:${PASSWORD}@127.0.0.1:${await start('--requirepass', PASSWORD)}`
      await importing(shop, 40, at(url))
      for (const wrong of [url.replace(`:${PASSWORD}@`, ''), url.replace(PASSWORD, `not-${PASSWORD}`)]) {
        const { codes, stderr, error } = await refused(shop, at(wrong), 'work', '--drain')
        expect(codes).toEqual([4, 4])
        expect(stderr).toContain('rejected the login')
        expect(error).toMatchObject({ code: 'redis_refused', retryable: false })
        expect(error['fix']).toContain('redis://USER:PASSWORD@HOST')
      }
      expect(await shop.runWith(at(url), 'work', '--drain')).toMatchObject({ code: 0 })
      await expectSoldOnce(shop, 40)
    })

    test('is used over TLS if its certificate is trusted', async ({ shop, start, skip }) => {
      skip(!hasTls(), 'there is no openssl, or redis-server was built without TLS')
      const port = `${await freePort()}`
      const { certificate, settings } = makeCertificate(shop.folder)
      await start('--requirepass', PASSWORD, '--port', '0', '--tls-port', port, ...settings)
      const url = `rediss://:${PASSWORD}@127.0.0.1:${port}`
      const trusting = { ...at(url), NODE_EXTRA_CA_CERTS: certificate }
      await importing(shop, 40, trusting)
      expect(await shop.runWith(trusting, 'work', '--drain')).toMatchObject({ code: 0 })
      await expectSoldOnce(shop, 40)

      const { codes, error } = await refused(shop, at(url), 'work', '--drain')
      expect(codes).toEqual([4, 4])
      expect(error['message']).toContain('certificate')
    })

    test('that goes away while the queue is opened is named as unreachable', async ({ shop, start }) => {
      const proxy = await GoingAway.open(`redis://127.0.0.1:${await start()}`)
      const file = shop.file('orders.csv', singles(40))
      const importing = shop.runWith(at(proxy.url), 'import', file, '--json')
      const { code, stderr } = await importing.finally(() => proxy.close())
      expect(code).toBe(4)
      const { error } = JSON.parse(stderr) as { error: Record<string, unknown> }
      expect(error).toMatchObject({ code: 'redis_unreachable', retryable: true })
      expect(error['message']).toContain(`127.0.0.1:${proxy.port}`)
    })

    test('that evicts keys is refused, unless that is allowed', async ({ shop, start }) => {
      const url = `redis://127.0.0.1:${await start('--maxmemory-policy', 'allkeys-lru')}`
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
  },
  { concurrent: true },
)
