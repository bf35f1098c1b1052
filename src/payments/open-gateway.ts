// Opens the gateway that the configuration names.
import type { Config } from '../config/config.js'
import { usageError } from '../errors.js'
import type { Charge, ChargingGateway, Gateway, OpenGateway, Refund } from './gateway.js'
import { SimulatedGateway } from './simulated.js'

export type PaymentConfig = Pick<Config, Extract<keyof Config, `payments.${string}`>>

/** Whether answers take time. If so, the gateway is shared by all threads of a process, with one budget of calls. */
export function isShared(config: PaymentConfig): boolean {
  return config['payments.gateway'] !== 'simulated' || config['payments.latencyMs'] > 0
}

/** The gateway of a thread, if it needs not be shared: answers cost no message to another thread. */
export function ownGateway(config: PaymentConfig): ChargingGateway | undefined {
  return isShared(config) ? undefined : simulated(config)
}

/**
 * Opens the gateway of this process. Its calls never reject.
 *
 * @throws UserError (exit 2) if a setting or a file that it names is unfit
 */
export async function openGateway(config: PaymentConfig): Promise<OpenGateway> {
  const limits = { maxInFlight: config['payments.maxInFlight'], perSecond: config['payments.ratePerSecond'] }
  const url = config['payments.gateway']
  if (!isShared(config)) return new AlwaysOpen(simulated(config), (call) => call())
  // Loaded only if used: these packages take longer to load than most commands run.
  const { Budget, GuardedGateway } = await import('./guard.js')
  if (url === 'simulated') {
    const budget = new Budget(limits)
    return new AlwaysOpen(simulated(config), (call) => budget.run(call))
  }
  refusePlainHttp(url, config['payments.allowHttp'])
  const { HttpGateway, readSecretFile } = await import('./http.js')
  const { 'payments.tokenFile': tokenFile, 'payments.caFile': caFile } = config
  const token = tokenFile ? readSecretFile(tokenFile, 'ORDERCTL_PAYMENT_TOKEN_FILE') : config['payments.token']
  const gateway = new HttpGateway({
    url,
    token: token || undefined,
    ca: caFile ? readSecretFile(caFile, 'ORDERCTL_PAYMENT_CA_FILE') : undefined,
    connections: limits.maxInFlight,
  })
  return new GuardedGateway(gateway, limits)
}

/** A gateway in this process, which is never in trouble. */
class AlwaysOpen implements OpenGateway {
  readonly trouble = undefined
  readonly #gateway: Gateway
  readonly #limited: <Result>(call: () => Promise<Result>) => Promise<Result>

  constructor(gateway: Gateway, limited: <Result>(call: () => Promise<Result>) => Promise<Result>) {
    this.#gateway = gateway
    this.#limited = limited
  }

  charge(charge: Charge, timeoutMs: number) {
    return this.#limited(() => this.#gateway.charge(charge, timeoutMs))
  }

  lookUpCharge(charge: Charge, timeoutMs: number) {
    return this.#limited(() => this.#gateway.lookUpCharge(charge, timeoutMs))
  }

  refund(refund: Refund, timeoutMs: number) {
    return this.#limited(() => this.#gateway.refund(refund, timeoutMs))
  }

  lookUpRefund(refund: Refund, timeoutMs: number) {
    return this.#limited(() => this.#gateway.lookUpRefund(refund, timeoutMs))
  }

  async check(): Promise<void> {}

  async close(): Promise<void> {}
}

function simulated(config: PaymentConfig): SimulatedGateway {
  return new SimulatedGateway({
    successRate: config['payments.successRate'],
    latencyMs: config['payments.latencyMs'],
    seed: config['payments.seed'],
  })
}

const LOOPBACK = /^http:\/\/(localhost|127(\.\d+){3}|\[::1\])(:|\/|$)/

function refusePlainHttp(url: string, allowed: 'yes' | 'no'): void {
  if (url.startsWith('https:') || LOOPBACK.test(url) || allowed === 'yes') return
  throw usageError({
    code: 'gateway_not_encrypted',
    message: `The payment gateway ${url} uses HTTP, so others on the network could read and change charges.`,
    fix: 'Use https:// in ORDERCTL_PAYMENT_GATEWAY. On a network that only you use, set ORDERCTL_PAYMENT_ALLOW_HTTP=yes.',
  })
}
