// Requests to the gateway and to webhooks reach the configured URL only, and a receiver can verify events.
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Webhook } from 'standardwebhooks'
import { describe, expect } from 'vitest'
import { SECRET } from '../support/receiver.js'
import { test as shopTest } from '../support/shop.js'

class Recorder {
  readonly requests: { readonly headers: IncomingMessage['headers']; readonly body: string }[] = []
  status = 204
  location = ''
  readonly #server: Server

  constructor() {
    this.#server = createServer(async (request, response) => {
      let body = ''
      for await (const chunk of request) body += chunk
      this.requests.push({ headers: request.headers, body })
      response.writeHead(this.status, this.location ? { location: this.location } : {}).end()
    })
  }

  async listen(): Promise<string> {
    await new Promise<void>((done) => this.#server.listen(0, '127.0.0.1', done))
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  close(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }
}

/** Resolves to two servers and their URLs; the first redirects to the second. */
async function redirecting(status: number) {
  const [from, to] = [new Recorder(), new Recorder()]
  const [fromUrl, toUrl] = [await from.listen(), await to.listen()]
  Object.assign(from, { status, location: `${toUrl}/` })
  const close = () => [from, to].map((server) => server.close())
  return { from, to, fromUrl, close }
}

describe.each([302, 308])('a redirect with status %d', (status) => {
  shopTest('is not followed to deliver an event', async ({ shop, onTestFinished }) => {
    const { from, to, fromUrl, close } = await redirecting(status)
    onTestFinished(() => void close())
    const environment = { ORDERCTL_NOTIFY_URL: fromUrl, ORDERCTL_NOTIFY_SECRET: SECRET }
    const { code, stdout } = await shop.runWith(environment, 'notify', 'test', '--json')
    expect({ code, stdout }).toEqual({ code: 1, stdout: expect.stringContaining(`HTTP ${status}`) })
    expect([from.requests.length, to.requests.length]).toEqual([1, 0])
  })

  shopTest('is not followed by a charge, and the token stays', async ({ shop, onTestFinished }) => {
    const { from, to, fromUrl, close } = await redirecting(status)
    onTestFinished(() => void close())
    shop.order('A-1')
    const environment = { ORDERCTL_PAYMENT_GATEWAY: fromUrl, ORDERCTL_PAYMENT_TOKEN: 'hunter2' }
    const { code } = await shop.runWith(environment, 'work', '--drain')
    expect(code).toBe(4)
    expect(from.requests[0]?.headers.authorization).toBe('Bearer hunter2')
    expect(to.requests).toEqual([])
    expect(shop.value("select count(*) from payments where status = 'captured'")).toBe(0)
  })
})

shopTest(
  'a receiver can refuse a changed body, another id, and an event sent again later',
  async ({ shop, onTestFinished }) => {
    const receiver = new Recorder()
    onTestFinished(() => receiver.close())
    const environment = { ORDERCTL_NOTIFY_URL: await receiver.listen(), ORDERCTL_NOTIFY_SECRET: SECRET }
    expect(await shop.runWith(environment, 'notify', 'test')).toMatchObject({ code: 0 })
    const [{ headers, body } = { headers: {}, body: '' }] = receiver.requests
    const library = new Webhook(SECRET)
    const sent = headers as Record<string, string>
    expect(library.verify(body, sent)).toMatchObject({ type: 'orderctl.test', id: sent['webhook-id'] })
    expect(() => library.verify(body.replace('test', 'fake'), sent)).toThrow()
    expect(() => library.verify(body, { ...sent, 'webhook-id': 'evt_other' })).toThrow()
    const later = `${Number(sent['webhook-timestamp']) + 1}`
    expect(() => library.verify(body, { ...sent, 'webhook-timestamp': later })).toThrow()
    const old = `${Number(sent['webhook-timestamp']) - 3600}`
    expect(() => library.verify(body, { ...sent, 'webhook-timestamp': old })).toThrow('too old')
  },
)
