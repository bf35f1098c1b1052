// When a charge is looked up before it is asked for, and what the answer says: only the provider itself can say that
// there is no charge.
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, type TestContext } from 'vitest'
import { idempotencyKey, type ShopId } from '../../src/domain/ids.js'
import type { Currency } from '../../src/domain/money.js'
import type { Charge } from '../../src/payments/gateway.js'
import { HttpGateway } from '../../src/payments/http.js'
import { csv, line } from '../support/lines.js'
import { shiftedClock } from '../support/shifted-clock.js'
import { test } from '../support/shop.js'

const CHARGE: Charge = {
  key: idempotencyKey('0123456789ab' as ShopId, 'default', 'A-1', 1),
  amount: { minor: 1250, currency: 'USD' as Currency },
}

test.for([
  [404, '{"status":"none"}', { status: 'none' }],
  [404, '<h1>Not Found</h1>', { status: 'unknown', message: 'the gateway answered HTTP 404' }],
  [404, '{"error":"no such route"}', { status: 'unknown', message: 'the gateway answered HTTP 404' }],
  [200, '{"status":"none"}', { status: 'unknown' }],
  [501, '', { status: 'unsupported' }],
] as const)('HTTP %i with %s', async ([status, body, expected], { onTestFinished }) => {
  const url = await serve((_, response) => response.writeHead(status).end(body), onTestFinished)
  const gateway = new HttpGateway({ url, token: undefined, ca: undefined, connections: 1 })
  onTestFinished(() => gateway.close())
  expect(await gateway.lookUpCharge(CHARGE, 5000)).toMatchObject(expected)
})

/** A gateway that knows no charge and fails all, with the methods of the calls that it got. */
async function failingGateway(onTestFinished: TestContext['onTestFinished']) {
  const asked: (string | undefined)[] = []
  const url = await serve(({ method, url: path }, response) => {
    if (path === '/health') return response.end()
    asked.push(method)
    return method === 'GET' ? response.writeHead(404).end('{"status":"none"}') : response.writeHead(500).end()
  }, onTestFinished)
  return { asked, gateway: { ORDERCTL_PAYMENT_GATEWAY: url, ORDERCTL_ATTEMPTS: '1' } }
}

test('looks up a key that a clock ahead has dated, also once that time has come', async ({ shop, onTestFinished }) => {
  const { asked, gateway } = await failingGateway(onTestFinished)
  const twoDaysAhead = { ...gateway, ...shiftedClock(2880) }
  await shop.importing(csv(line()))
  await shop.runWith(twoDaysAhead, 'work', '--drain')
  expect(asked).toEqual(['POST'])
  // Nothing is due, but the worker sees the time of the charge.
  await shop.runWith(gateway, 'work', '--drain')
  await shop.runWith({ ...gateway, ...shiftedClock(2885) }, 'failed', 'retry', '--all', '--yes')
  await shop.runWith({ ...gateway, ...shiftedClock(2890) }, 'work', '--drain')
  expect(asked).toEqual(['POST', 'GET', 'POST'])
})

// The call may wait for thousands of others, for as long as these take.
test('looks up a key that the gateway may forget before it is asked', async ({ shop, onTestFinished }) => {
  const { asked, gateway } = await failingGateway(onTestFinished)
  await shop.importing(csv(line()))
  // 23 hours old, then 23 hours and 45 minutes.
  for (const ageMs of [82_800_000, 85_500_000]) {
    await shop.runWith(gateway, 'work', '--drain')
    shop.sqlite.prepare('update payments set created_at = ?').run(Date.now() - ageMs)
    await shop.runWith(gateway, 'failed', 'retry', '--all', '--yes')
  }
  await shop.runWith(gateway, 'work', '--drain')
  expect(asked).toEqual(['POST', 'POST', 'GET', 'POST'])
})

/** Starts a server that is closed after the test. Returns its URL. */
async function serve(answer: RequestListener, onTestFinished: TestContext['onTestFinished']): Promise<string> {
  const server = createServer(answer).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(async () => {
    server.close()
    await once(server, 'close')
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
