// A shop's server that receives webhooks. It checks each signature with the reference library of Standard Webhooks.
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Webhook } from 'standardwebhooks'
import { until } from './until.js'

export const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo='

export interface Received {
  readonly id: string
  readonly type: string
  readonly timestamp: string
  readonly data: Readonly<Record<string, unknown>> & { readonly order_id: string }
}

export class Receiver {
  /** Everything that arrived with a valid signature, also if it was refused. */
  readonly received: Received[] = []
  readonly invalid: string[] = []
  mostInFlight = 0
  /** Decides on the answer: a status, or `never` for none. */
  answer: (event: Received) => number | 'never' | Promise<number | 'never'> = () => 204
  headers: Record<string, string> = {}
  #server: Server | undefined
  #port = 0
  #inFlight = 0

  static async open(): Promise<Receiver> {
    const receiver = new Receiver()
    await receiver.up()
    return receiver
  }

  get environment(): Record<string, string> {
    return { ORDERCTL_NOTIFY_URL: `http://127.0.0.1:${this.#port}/orders`, ORDERCTL_NOTIFY_SECRET: SECRET }
  }

  /** The orders of the events, in the order of their arrival. */
  get orders(): string[] {
    return this.received.map(({ data }) => data.order_id)
  }

  /** Listens, at the same port as before. */
  async up(): Promise<void> {
    const server = createServer(async (request, response) => {
      this.mostInFlight = Math.max(this.mostInFlight, ++this.#inFlight)
      const answer = await this.#receive(request, await bodyOf(request))
      this.#inFlight -= 1
      if (answer !== 'never') response.writeHead(answer, this.headers).end()
    })
    this.#server = server
    await new Promise<void>((resolve) => server.listen(this.#port, '127.0.0.1', resolve))
    this.#port = (server.address() as AddressInfo).port
  }

  /** Refuses connections from now on. */
  async down(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    if (!server) return
    const closed = new Promise((resolve) => server.close(resolve))
    server.closeAllConnections()
    await closed
  }

  close(): Promise<void> {
    return this.down()
  }

  async has(count: number): Promise<void> {
    await until(() => this.received.length >= count)
  }

  async #receive({ headers }: IncomingMessage, body: string): Promise<number | 'never'> {
    try {
      const event = new Webhook(SECRET).verify(body, headers as Record<string, string>) as Received
      if (event.id !== headers['webhook-id']) throw new Error('the ids of header and body differ')
      this.received.push(event)
      return await this.answer(event)
    } catch (error) {
      this.invalid.push(String(error))
      return 400
    }
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = ''
  for await (const chunk of request) body += chunk
  return body
}
