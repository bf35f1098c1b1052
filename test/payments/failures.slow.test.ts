// Bad settings and bad answers of a provider over HTTP. After each, the provider's ledger equals our payments.
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { opened } from '../support/cli.js'
import { singles } from '../support/drain.js'
import { Provider } from '../support/provider.js'
import { shiftedClock } from '../support/shifted-clock.js'
import { type Shop, test as shopTest } from '../support/shop.js'

const test = shopTest.extend<{ provider: Provider }>({ provider: opened(() => Provider.reserve()) })

/** Retries often enough for any luck. */
const PATIENT = { ORDERCTL_ATTEMPTS: '100' }

async function expectNothingCharged(shop: Shop, provider: Provider): Promise<void> {
  expect(provider.entries).toEqual([])
  expect(shop.rows("select reference from orders where status in ('completed', 'failed', 'rolled_back')")).toEqual([])
  expect(shop.value('select sum(unanswered) from payments') ?? 0).toBe(0)
}

/** Drains with a provider that works, after which everything agrees. */
async function expectRecovery(shop: Shop, provider: Provider, orders: number): Promise<void> {
  await provider.restart()
  const drain = await shop.jsonWith({ ...provider.environment, ...PATIENT }, 'work', '--drain', '--wait')
  expect(drain).toMatchObject({ code: 0, result: { needs_review: 0 } })
  expect(shop.value("select count(*) from orders where status = 'completed'")).toBe(orders)
  await provider.expectLedgerEqualsPayments(shop)
  await shop.expectAuditClean()
}

describe('a wrong setting stops a drain before it claims anything:', () => {
  test('no server at the URL', async ({ shop, provider }) => {
    await shop.importing(singles(3))
    const { code, result } = await shop.jsonWith(provider.environment, 'work', '--drain')
    expect({ code, result }).toMatchObject({ code: 4, result: { error: { code: 'gateway_unreachable' } } })
    expect(result).toMatchObject({ error: { message: expect.stringContaining('ECONNREFUSED'), retryable: true } })
    expect(shop.value('select count(*) from payments')).toBe(0)
    await expectRecovery(shop, provider, 3)
  })

  test('an unknown host', async ({ shop }) => {
    const environment = { ORDERCTL_PAYMENT_GATEWAY: 'https://no-such-host.invalid' }
    const { code, result } = await shop.jsonWith(environment, 'work', '--drain')
    expect({ code, result }).toMatchObject({ code: 4, result: { error: { code: 'gateway_unreachable' } } })
  })

  test('another path', async ({ shop, provider }) => {
    await provider.restart()
    const environment = { ORDERCTL_PAYMENT_GATEWAY: `${provider.url}/shop/` }
    const { code, result } = await shop.jsonWith(environment, 'work', '--drain')
    expect({ code, result }).toMatchObject({ code: 2, result: { error: { code: 'gateway_wrong_url' } } })
  })

  test('plain HTTP to another host, unless it is allowed', async ({ shop }) => {
    const environment = { ORDERCTL_PAYMENT_GATEWAY: 'http://payments.invalid' }
    const refused = await shop.jsonWith(environment, 'work', '--drain')
    expect(refused).toMatchObject({ code: 2, result: { error: { code: 'gateway_not_encrypted' } } })
    const allowed = await shop.jsonWith({ ...environment, ORDERCTL_PAYMENT_ALLOW_HTTP: 'yes' }, 'work', '--drain')
    expect(allowed).toMatchObject({ code: 4, result: { error: { code: 'gateway_unreachable' } } })
  })

  test.for(['ftp://host', 'https://user:secret@host', 'https://host/?a=1', 'simulate', '127.0.0.1:80'])(
    '%s',
    async (url, { shop }) => {
      const { code, stderr } = await shop.runWith({ ORDERCTL_PAYMENT_GATEWAY: url }, 'work', '--drain')
      expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('ORDERCTL_PAYMENT_GATEWAY') })
      expect(stderr).not.toContain('secret')
    },
  )
})

test('a certificate must be trusted, by the system or by payments.caFile', async ({ shop, provider }) => {
  await shop.importing(singles(3))
  const [cert, key] = [join(shop.folder, 'cert.pem'), join(shop.folder, 'key.pem')]
  const subject = ['-subj', '/CN=gateway', '-addext', 'subjectAltName=IP:127.0.0.1']
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-out', cert, '-keyout', key, ...subject], {
    stdio: 'ignore',
  })
  await provider.restart('--tls-cert', cert, '--tls-key', key)
  const refused = await shop.jsonWith(provider.environment, 'work', '--drain')
  expect(refused).toMatchObject({ code: 4, result: { error: { code: 'gateway_unreachable' } } })
  expect(refused.result).toMatchObject({ error: { fix: expect.stringContaining('ORDERCTL_PAYMENT_CA_FILE') } })
  await expectNothingCharged(shop, provider)
  const trusting = { ...provider.environment, ORDERCTL_PAYMENT_CA_FILE: cert }
  expect(await shop.jsonWith(trusting, 'work', '--drain')).toMatchObject({ code: 0, result: { completed: 3 } })
  await provider.expectLedgerEqualsPayments(shop)
})

describe('credentials', () => {
  test('that are wrong stop the worker, and fail no order', async ({ shop, provider }) => {
    await shop.importing(singles(30))
    await provider.restart('--token', 'right')
    const wrong = { ...provider.environment, ORDERCTL_PAYMENT_TOKEN: 'wrong' }
    for (const args of [['work', '--drain'], ['work']]) {
      const { code, result } = await shop.jsonWith(wrong, ...args)
      expect({ code, result }).toMatchObject({ code: 2, result: { error: { code: 'gateway_refused' } } })
      expect(JSON.stringify(result)).not.toContain('wrong"')
    }
    await expectNothingCharged(shop, provider)
    const file = shop.file('token', 'right\n')
    const right = { ...wrong, ORDERCTL_PAYMENT_TOKEN_FILE: file }
    expect(await shop.jsonWith(right, 'work', '--drain')).toMatchObject({ code: 0, result: { completed: 30 } })
    await provider.expectLedgerEqualsPayments(shop)
  })

  test('that are revoked while a worker charges stop it', async ({ shop, provider }) => {
    await shop.importing(singles(200))
    await provider.restart('--token', 'old', '--latency', '100')
    const environment = { ...provider.environment, ORDERCTL_PAYMENT_TOKEN: 'old', ORDERCTL_PAYMENT_MAX_IN_FLIGHT: '5' }
    const worker = shop.start({ ...environment, ORDERCTL_BATCH_SIZE: '20' }, 'work')
    await expect.poll(() => provider.entries.length).toBeGreaterThan(20)
    await provider.restart('--token', 'new')
    const { code, stderr } = await worker.ended
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('rejected the credentials') })
    expect(shop.value("select count(*) from orders where status in ('failed', 'rolled_back')")).toBe(0)
    await expectRecovery(shop, provider, 200)
  })

  test('are never shown', async ({ shop }) => {
    const { stdout } = await shop.runWith({ ORDERCTL_PAYMENT_TOKEN: 'sk_live_1' }, 'config', '--json')
    expect(stdout).toContain('"***"')
    expect(stdout).not.toContain('sk_live_1')
    const { code, stderr } = await shop.runWith({ ORDERCTL_PAYMENT_TOKEN: 'sk live 1' }, 'config')
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.not.stringContaining('sk live 1') })
  })
})

describe('an answer that is not to what was asked leaves the outcome unknown:', () => {
  test.for([
    ['no-json', /no valid answer \(no JSON\)$/],
    ['amount', /in place of \d+ USD/],
    ['currency', /answered for \d+ XTS/],
    ['key', /answered for the key/],
    ['no-reference', /reference/],
  ] as const)('%s', async ([wrong, message], { shop, provider }) => {
    await shop.importing(singles(3))
    await provider.restart('--wrong', wrong)
    const { code, result } = await shop.jsonWith(provider.environment, 'work', '--drain')
    expect({ code, result }).toMatchObject({ code: 3, result: { completed: 0, postponed: 3 } })
    const payments = shop.rows('select status, unanswered, message from payments')
    expect(payments).toEqual(
      Array(3).fill({ status: 'unknown', unanswered: 1, message: expect.stringMatching(message) }),
    )
    await expectRecovery(shop, provider, 3)
  })

  test('a reference that another order has', async ({ shop, provider }) => {
    await shop.importing(singles(3))
    await provider.restart('--wrong', 'reference')
    const { code, result } = await shop.jsonWith(provider.environment, 'work', '--drain')
    expect({ code, result }).toMatchObject({ code: 3, result: { completed: 1, needs_review: 2 } })
    await provider.restart()
    await shop.runWith(provider.environment, 'failed', 'retry', '--reason', 'payment_unknown', '--yes')
    expect(await shop.jsonWith(provider.environment, 'work', '--drain')).toMatchObject({ result: { completed: 2 } })
    const captured = provider.entries.map(({ key, amount }) => ({ key, amount }))
    expect(shop.rows("select idempotency_key as key, amount from payments where status = 'captured'")).toEqual(captured)
    await shop.expectAuditClean()
  })
})

test('a provider that captures after our timeout is asked again under the same key', async ({ shop, provider }) => {
  await shop.importing(singles(10))
  await provider.restart('--latency', '400')
  const hasty = { ...provider.environment, ORDERCTL_PAYMENT_TIMEOUT_MS: '50' }
  const { result } = await shop.jsonWith(hasty, 'work', '--drain')
  expect(result).toMatchObject({ completed: 0, postponed: 10 })
  await expect.poll(() => provider.entries.length).toBe(10)
  await expectRecovery(shop, provider, 10)
  expect(provider.entries.length).toBe(10)
})

test('Retry-After counts by the clock of the provider', async ({ shop, provider }) => {
  await shop.importing(singles(1), shiftedClock(-60))
  const inAMinute = new Date(Date.now() + 60_000).toUTCString()
  await provider.restart('--error', '1', '--retry-after', inAMinute)
  await shop.runWith({ ...provider.environment, ...shiftedClock(-60) }, 'work', '--drain')
  const waitMs = shop.value('select due_at - answered_at from due_orders join payments using (order_id)')
  expect(waitMs).toBeGreaterThan(5000)
  expect(waitMs).toBeLessThanOrEqual(60_000)
})

test('declines, lost connections, errors and rate limits at once end in agreement', async ({ shop, provider }) => {
  await shop.importing(singles(300))
  const shares = ['decline', 'drop', 'drop-after', 'error', 'limit'].flatMap((name) => [`--${name}`, '0.08'])
  await provider.restart(...shares, '--latency', '5')
  const drain = await shop.jsonWith({ ...provider.environment, ...PATIENT }, 'work', '--drain', '--wait')
  expect(drain).toMatchObject({ code: 0, result: { processed: 300, needs_review: 0 } })
  const declined = provider.entries.filter(({ status }) => status === 'declined').length
  expect(drain.result).toMatchObject({ rolled_back: declined, completed: 300 - declined })
  expect(declined).toBeGreaterThan(5)
  await provider.expectLedgerEqualsPayments(shop)
  await shop.expectAuditClean()
})
