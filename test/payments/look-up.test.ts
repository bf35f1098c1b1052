// What an answer to a look-up says of a charge: only the provider itself can say that there is none.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { idempotencyKey, type ShopId } from '../../src/domain/ids.js'
import type { Currency } from '../../src/domain/money.js'
import type { Charge } from '../../src/payments/gateway.js'
import { HttpGateway } from '../../src/payments/http.js'

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
  const server = createServer((_, response) => response.writeHead(status).end(body)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const options = { url: `http://127.0.0.1:${port}`, token: undefined, ca: undefined, connections: 1 }
  const gateway = new HttpGateway(options)
  onTestFinished(async () => {
    await gateway.close()
    server.close()
    await once(server, 'close')
  })
  expect(await gateway.lookUpCharge(CHARGE, 5000)).toMatchObject(expected)
})
