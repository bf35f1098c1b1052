// A gateway over HTTP: docs/gateway.md has the contract. Each call asks once and never retries.
import { Agent, type Dispatcher, request } from 'undici'
import { asError } from '../background.js'
import type { IdempotencyKey } from '../domain/ids.js'
import { readRetryAfter } from '../domain/retry-after.js'
import { SECOND_MS } from '../domain/time.js'
import { EXIT, errorCode, UserError, usageError } from '../errors.js'
import { isUntrusted } from '../servers/recognise.js'
import { readCharge, readRefund } from './answers.js'
import {
  type Charge,
  type ChargeOutcome,
  type Gateway,
  type LookUp,
  type Refund,
  type RefundOutcome,
  type Unknown,
  unknown,
} from './gateway.js'

export interface HttpOptions {
  /** Without a slash at the end. */
  readonly url: string
  readonly token: string | undefined
  /** Certificates to trust in place of the system's, as PEM. */
  readonly ca: string | undefined
  readonly connections: number
}

/** Longest wait for a connection. */
const CONNECT_MS = 5000

/** Longer answers are not read. */
const MOST_BYTES = 65_536

/** Shortest wait after HTTP 429, also without a `Retry-After`. */
const RATE_LIMIT_MS = SECOND_MS

interface Call {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly key?: IdempotencyKey
  readonly body?: object
}

/** Calls reject with a UserError if the gateway is unreachable (exit 4) or rejects the credentials (exit 2). */
export class HttpGateway implements Gateway {
  readonly #url: string
  readonly #headers: Readonly<Record<string, string>>
  readonly #agent: Agent

  constructor({ url, token, ca, connections }: HttpOptions) {
    this.#url = url
    this.#headers = { accept: 'application/json', ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) }
    const connect = { timeout: CONNECT_MS, ...(ca === undefined ? {} : { ca }) }
    this.#agent = new Agent({ connections, connect, maxResponseSize: MOST_BYTES })
  }

  charge(charge: Charge, timeoutMs: number): Promise<ChargeOutcome> {
    const { key, amount, order } = charge
    const body = { order, amount: amount.minor, currency: amount.currency }
    return this.#post({ method: 'POST', path: '/charges', key, body }, timeoutMs, (answer) =>
      readCharge(answer, charge),
    )
  }

  lookUpCharge(charge: Charge, timeoutMs: number): Promise<LookUp<ChargeOutcome>> {
    return this.#lookUp(`/charges/${encodeURIComponent(charge.key)}`, timeoutMs, (answer) => readCharge(answer, charge))
  }

  refund(refund: Refund, timeoutMs: number): Promise<RefundOutcome> {
    const { key, amount, charge } = refund
    const body = { charge, amount: amount.minor, currency: amount.currency }
    return this.#post({ method: 'POST', path: '/refunds', key, body }, timeoutMs, (answer) =>
      readRefund(answer, refund),
    )
  }

  lookUpRefund(refund: Refund, timeoutMs: number): Promise<LookUp<RefundOutcome>> {
    return this.#lookUp(`/refunds/${encodeURIComponent(refund.key)}`, timeoutMs, (answer) => readRefund(answer, refund))
  }

  /** @returns its time, in epoch milliseconds. @throws UserError unless the gateway answers that it is well */
  async health(timeoutMs: number): Promise<number | undefined> {
    const answer = await this.#ask({ method: 'GET', path: '/health' }, timeoutMs)
    if (answer.status === 404) {
      throw usageError({
        code: 'gateway_wrong_url',
        message: `${this.#url} is no payment gateway: GET ${this.#url}/health answered 404.`,
        fix: 'Correct ORDERCTL_PAYMENT_GATEWAY; docs/gateway.md has the contract.',
      })
    }
    if (answer.status !== 200) throw this.unavailable(answer.problem)
    return answer.time
  }

  /** The error while the gateway can be reached but does not work. */
  unavailable(reason: string): UserError {
    return new UserError({
      code: 'gateway_unavailable',
      message: `The payment gateway at ${this.#url} does not work (${reason}).`,
      fix: 'Nothing is charged until GET /health answers 200 again. Ask the provider, or see its logs.',
      retryable: true,
      exit: EXIT.unreachable,
    })
  }

  close(): Promise<void> {
    return this.#agent.close()
  }

  async #post<Outcome>(call: Call, timeoutMs: number, read: (answer: unknown) => Outcome): Promise<Outcome | Unknown> {
    const answer = await this.#ask(call, timeoutMs)
    return answer.status === 200 || answer.status === 201 ? read(answer.body) : unknownFrom(answer)
  }

  async #lookUp<Outcome>(path: string, timeoutMs: number, read: (answer: unknown) => Outcome) {
    const answer = await this.#ask({ method: 'GET', path }, timeoutMs)
    if (answer.status === 200) return read(answer.body)
    // A 404 of a proxy must not lead to a second charge.
    if (answer.status === 404 && isNone(answer.body)) return { status: 'none' } as const
    return answer.status === 501 ? ({ status: 'unsupported' } as const) : unknownFrom(answer)
  }

  async #ask({ method, path, key, body }: Call, timeoutMs: number): Promise<Reply> {
    const headers: Record<string, string> = { ...this.#headers }
    if (key !== undefined) headers['idempotency-key'] = headerText(key)
    if (body !== undefined) headers['content-type'] = 'application/json'
    const options = { method, headers, dispatcher: this.#agent, signal: AbortSignal.timeout(timeoutMs) }
    try {
      const response = await request(`${this.#url}${path}`, { ...options, body: body ? JSON.stringify(body) : null })
      const text = await response.body.text()
      if (response.statusCode === 401 || response.statusCode === 403) throw this.#refused(response.statusCode)
      return replyOf(response, text)
    } catch (error) {
      if (error instanceof UserError) throw error
      if (wasNotSent(error)) throw this.#unreachable(error)
      return { status: 0, body: undefined, problem: withoutAnswer(error, timeoutMs) }
    }
  }

  #unreachable(error: unknown): UserError {
    const { message } = asError(error)
    return new UserError(
      {
        code: 'gateway_unreachable',
        message: `Cannot reach the payment gateway at ${this.#url} (${message || errorCode(error)}).`,
        fix: isTls(error)
          ? 'Name the certificate to trust in ORDERCTL_PAYMENT_CA_FILE, or renew the certificate of the gateway.'
          : 'Start it, or correct ORDERCTL_PAYMENT_GATEWAY. Nothing was charged; run the command again.',
        retryable: true,
        exit: EXIT.unreachable,
      },
      { cause: error },
    )
  }

  #refused(status: number): UserError {
    return usageError({
      code: 'gateway_refused',
      message: `The payment gateway at ${this.#url} rejected the credentials (HTTP ${status}).`,
      fix: 'Correct ORDERCTL_PAYMENT_TOKEN, or the file that ORDERCTL_PAYMENT_TOKEN_FILE names. Nothing was charged.',
    })
  }
}

/** HTTP headers carry visible ASCII only. Different keys stay different, since `%` is encoded as well. */
function headerText(key: IdempotencyKey): string {
  return key.replace(/[^\x21-\x7e]|%/gu, encodeURIComponent)
}

interface Reply {
  /** 0 without an answer. */
  readonly status: number
  /** Undefined if it is no JSON. */
  readonly body: unknown
  /** What to say if this is not the answer that was needed. */
  readonly problem: string
  readonly retryAfterMs?: number | undefined
  /** By the gateway's clock, in epoch milliseconds. */
  readonly time?: number | undefined
}

function replyOf({ statusCode, headers }: Dispatcher.ResponseData, text: string): Reply {
  const time = Date.parse(String(headers['date'] ?? '')) || undefined
  // A date in `Retry-After` is by the gateway's clock.
  const retryAfterMs = readRetryAfter(headers['retry-after'], time ?? Date.now())
  const said = { status: statusCode, problem: `the gateway answered HTTP ${statusCode}`, retryAfterMs, time }
  try {
    return { ...said, body: JSON.parse(text) }
  } catch {
    return { ...said, body: undefined }
  }
}

function unknownFrom({ status, problem, retryAfterMs }: Reply): Unknown {
  if (status !== 429) return { ...unknown(problem), retryAfterMs }
  return { ...unknown(problem), notAsked: true, retryAfterMs: Math.max(retryAfterMs ?? 0, RATE_LIMIT_MS) }
}

function isNone(body: unknown): boolean {
  return typeof body === 'object' && body !== null && 'status' in body && body.status === 'none'
}

function isTls(error: unknown): boolean {
  return isUntrusted(error) || /TLS|SSL|^EPROTO$/.test(errorCode(error) ?? '')
}

/** Why there is no answer to a request that may have been sent. */
function withoutAnswer(error: unknown, timeoutMs: number): string {
  const { name, message } = asError(error)
  if (name === 'TimeoutError') return `the gateway did not answer within ${timeoutMs} ms`
  const isLost = ['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'].includes(errorCode(error) ?? '')
  return isLost || message === '' ? 'the connection was lost before the gateway answered' : message
}

/** Whether the request cannot have been sent, since there was no connection. */
function wasNotSent(error: unknown): boolean {
  const syscall = error instanceof Error && 'syscall' in error ? error.syscall : undefined
  if (syscall === 'connect' || syscall === 'getaddrinfo' || errorCode(error) === 'UND_ERR_CONNECT_TIMEOUT') return true
  return isTls(error) || (error instanceof AggregateError && error.errors.every(wasNotSent))
}
