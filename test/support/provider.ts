// The example provider (examples/gateway.mjs) as a process of a test's own, with its ledger.
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect } from 'vitest'
import { freePort, PrivateProcess } from './private-process.js'
import { until } from './until.js'

const PROGRAM = resolve(import.meta.dirname, '../../examples/gateway.mjs')

/** A line of the provider's ledger. */
export interface LedgerEntry {
  readonly type: 'charge' | 'refund'
  readonly key: string
  readonly amount: number
  readonly currency: string
  readonly status: 'captured' | 'declined' | 'refunded'
  readonly reference?: string
  readonly source?: string
  readonly order?: string
  readonly customer?: string
  /** The key of the charge that is refunded. */
  readonly charge?: string
}

export class Provider {
  readonly port: number
  readonly #process: PrivateProcess
  #options: readonly string[] = []

  private constructor(port: number) {
    this.port = port
    const command = (folder: string) => [
      ...[process.execPath, PROGRAM, '--port', String(port), '--ledger', join(folder, 'ledger.jsonl')],
      ...this.#options,
    ]
    this.#process = new PrivateProcess('Listening', command)
  }

  /** Starts a provider that captures everything at once, unless the options say otherwise. */
  static async start(...options: string[]): Promise<Provider> {
    const provider = await Provider.reserve()
    await provider.restart(...options)
    return provider
  }

  /** A provider that is not started. */
  static async reserve(): Promise<Provider> {
    return new Provider(await freePort())
  }

  /** Starts it again with other options; the ledger stays. */
  async restart(...options: string[]): Promise<void> {
    await this.stop()
    this.#options = options
    await this.#process.start()
  }

  async stop(): Promise<void> {
    await this.#process.stop()
  }

  /** Like a crash; the ledger stays. */
  async kill(): Promise<void> {
    await this.#process.stop(['SIGKILL'])
  }

  async close(): Promise<void> {
    await this.#process.close()
  }

  get url(): string {
    return `${this.#options.includes('--tls-cert') ? 'https' : 'http'}://127.0.0.1:${this.port}`
  }

  /** Makes a command charge here. */
  get environment(): Record<string, string> {
    return { ORDERCTL_PAYMENT_GATEWAY: this.url }
  }

  /** Resolves once it has had this many calls open at a time. */
  async opened(calls: number): Promise<void> {
    const health = async () => (await fetch(`${this.url}/health`)).json() as Promise<{ most_open: number }>
    await until(async () => (await health()).most_open >= calls)
  }

  get ledger(): string {
    return join(this.#process.folder, 'ledger.jsonl')
  }

  get entries(): LedgerEntry[] {
    const text = existsSync(this.ledger) ? readFileSync(this.ledger, 'utf8') : ''
    return text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as LedgerEntry)
  }

  /** Expects that the provider captured what our payments say, and each key once. */
  async expectLedgerEqualsPayments(shop: { rows(statement: string): unknown }): Promise<void> {
    const captured = (await shop.rows(
      `select idempotency_key, amount, currency, gateway_reference from payments
       where status = 'captured' and amount > 0`,
    )) as Record<string, unknown>[]
    const ours = captured.map((row) => Object.values(row).map(String))
    const theirs = this.entries
      .filter(({ status }) => status === 'captured')
      .map(({ key, amount, currency, reference }) => [key, amount, currency, reference].map(String))
    expect(theirs.sort()).toEqual(ours.sort())
    expect(new Set(theirs.map(([key]) => key)).size).toBe(theirs.length)
  }
}
