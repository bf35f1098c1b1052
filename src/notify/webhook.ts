// Sends events to a URL, signed as Standard Webhooks specifies (https://www.standardwebhooks.com).
import { createHmac } from 'node:crypto'
import { Agent, buildConnector, type Dispatcher, request } from 'undici'
import { asError } from '../background.js'
import { LONGEST_WAIT_MS, readRetryAfter } from '../domain/retry-after.js'
import { errorCode } from '../errors.js'
import { cleanText, cutText } from '../terminal/text.js'
import { type Delivery, type Destination, SEND_MS } from './destination.js'
import type { Message } from './message.js'

/** How much of an answer is read, in characters. */
const MOST_READ = 1000

export class Webhook implements Destination {
  readonly name = 'url'
  readonly place: string
  readonly #url: string
  readonly #key: Uint8Array
  readonly #agent: Agent

  constructor(url: string, key: Uint8Array, connections: number) {
    this.place = new URL(url).host
    this.#url = url
    this.#key = key
    this.#agent = new Agent({ connections, pipelining: 1 })
  }

  async send({ id, body }: Message): Promise<Delivery> {
    const timestamp = Math.floor(Date.now() / 1000)
    try {
      const answer = await request(this.#url, {
        dispatcher: this.#agent,
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'user-agent': 'orderctl',
          'webhook-id': id,
          'webhook-timestamp': String(timestamp),
          'webhook-signature': sign(this.#key, id, timestamp, body),
        },
        body,
        signal: AbortSignal.timeout(SEND_MS),
      })
      return await deliveryOf(answer)
    } catch (error) {
      const { message, name } = asError(error)
      const isTimeout = name === 'TimeoutError'
      return { delivered: false, error: isTimeout ? `no answer within ${SEND_MS / 1000} s` : reasonOf(error, message) }
    }
  }

  /** Connects as a delivery does, and sends no request. Returns the problem, or undefined if there is none. */
  connect(): Promise<string | undefined> {
    const { host, hostname, protocol, port } = new URL(this.#url)
    const connector = buildConnector({ timeout: SEND_MS })
    return new Promise((resolve) => {
      // IPv6 addresses are in brackets only in a URL.
      connector({ host, hostname: hostname.replace(/^\[|\]$/g, ''), protocol, port }, (error, socket) => {
        socket?.destroy()
        resolve(error ? reasonOf(error, error.message) : undefined)
      })
    })
  }

  async close(): Promise<void> {
    await this.#agent.close()
  }
}

/** Returns the signature, with its version. */
function sign(key: Uint8Array, id: string, timestamp: number, body: string): string {
  return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`
}

/** Delivered if the status is 2xx. A redirect is an error: a webhook names its final address. */
async function deliveryOf({ statusCode, headers, body }: Dispatcher.ResponseData): Promise<Delivery> {
  if (statusCode >= 200 && statusCode < 300) {
    await body.dump({ limit: 65_536 })
    return { delivered: true }
  }
  let text = ''
  for await (const chunk of body) {
    text += chunk
    if (text.length > MOST_READ) break
  }
  const said = cutText(cleanText(text).trim(), 200)
  const meaning = statusCode === 410 ? ' (gone: the receiver wants no more events)' : ''
  const error = `HTTP ${statusCode}${meaning}${said && `: ${said}`}`
  const retryAfterMs = statusCode === 410 ? LONGEST_WAIT_MS : readRetryAfter(headers['retry-after'], Date.now())
  return { delivered: false, error, refused: REFUSALS.includes(statusCode), retryAfterMs }
}

/** Statuses that are about the content of a request. Others may concern all requests, as a wrong address does. */
const REFUSALS = [400, 409, 413, 415, 422]

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ENOTFOUND: 'unknown host',
  EAI_AGAIN: 'the host name cannot be resolved now',
  ECONNRESET: 'connection lost',
  UND_ERR_SOCKET: 'connection lost',
  UND_ERR_CONNECT_TIMEOUT: 'no connection in time',
}

function reasonOf(error: unknown, message: string): string {
  return REASONS[errorCode(error) ?? ''] ?? cutText(cleanText(message), 200)
}
