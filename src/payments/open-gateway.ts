// Opens the gateway that the configuration names.
import type { Config } from '../config/config.js'
import { readSecretFile } from '../config/secret-file.js'
import { readToken } from '../config/values.js'
import { usageError } from '../errors.js'
import { isLocalHost } from '../servers/addresses.js'
import type { Gateway, OpenGateway } from './gateway.js'
import { SimulatedGateway } from './simulated.js'

export type PaymentConfig = Pick<Config, Extract<keyof Config, `payments.${string}`>>

/** Whether answers take time. If so, the gateway is shared by all threads of a process, with one budget of calls. */
function isShared(config: PaymentConfig): boolean {
  return config['payments.gateway'] !== 'simulated' || config['payments.latencyMs'] > 0
}

/** The gateway of a thread, if it needs not be shared: answers cost no message to another thread. */
export function ownGateway(config: PaymentConfig): Gateway | undefined {
  return isShared(config) ? undefined : simulated(config)
}

/** Opens the gateway that all threads of this process share; undefined if each has its own. */
export async function openSharedGateway(config: PaymentConfig): Promise<OpenGateway | undefined> {
  return isShared(config) ? openGateway(config) : undefined
}

/**
 * Opens the gateway of this process. Its calls never reject.
 *
 * @throws UserError (exit 2) if a setting or a file that it names is unfit
 */
export async function openGateway(config: PaymentConfig): Promise<OpenGateway> {
  const limits = { maxInFlight: config['payments.maxInFlight'], perSecond: config['payments.ratePerSecond'] }
  // Loaded only if used: these packages take longer to load than most commands run.
  const { Budget, GuardedGateway } = await import('./guard.js')
  const url = config['payments.gateway']
  if (url === 'simulated') {
    const [gateway, budget] = [simulated(config), new Budget(limits)]
    return {
      trouble: undefined,
      charge: (charge, timeoutMs, options) => budget.run(() => gateway.charge(charge, timeoutMs), options),
      lookUpCharge: (charge, timeoutMs, options) => budget.run(() => gateway.lookUpCharge(charge, timeoutMs), options),
      refund: (refund, timeoutMs, options) => budget.run(() => gateway.refund(refund, timeoutMs), options),
      lookUpRefund: (refund, timeoutMs, options) => budget.run(() => gateway.lookUpRefund(refund, timeoutMs), options),
      check: async () => undefined,
      close: async () => undefined,
    }
  }
  refusePlainHttp(url, config['payments.allowHttp'])
  const { HttpGateway } = await import('./http.js')
  const { 'payments.tokenFile': tokenFile, 'payments.caFile': caFile } = config
  const token = tokenFile
    ? readSecretFile(tokenFile, 'ORDERCTL_PAYMENT_TOKEN_FILE', readToken)
    : config['payments.token']
  const gateway = new HttpGateway({
    url,
    token: token || undefined,
    ca: caFile ? readSecretFile(caFile, 'ORDERCTL_PAYMENT_CA_FILE', String) : undefined,
    connections: limits.maxInFlight,
  })
  return new GuardedGateway(gateway, limits)
}

/**
 * Opens the gateway for one task.
 *
 * @param checks whether to fail before the task begins if the gateway cannot be used
 */
export async function withGateway<Result>(
  config: PaymentConfig,
  use: (gateway: Gateway) => Promise<Result>,
  { checks = false }: { readonly checks?: boolean } = {},
): Promise<Result> {
  const own = ownGateway(config)
  if (own) return use(own)
  const gateway = await openGateway(config)
  try {
    if (checks) await gateway.check()
    return await use(gateway)
  } finally {
    await gateway.close()
  }
}

function simulated(config: PaymentConfig): SimulatedGateway {
  return new SimulatedGateway({
    successRate: config['payments.successRate'],
    latencyMs: config['payments.latencyMs'],
    seed: config['payments.seed'],
  })
}

function refusePlainHttp(url: string, allowed: 'yes' | 'no'): void {
  if (url.startsWith('https:') || isLocalHost(new URL(url).hostname) || allowed === 'yes') return
  throw usageError({
    code: 'gateway_not_encrypted',
    message: `The payment gateway ${url} uses HTTP, so others on the network could read and change charges.`,
    fix: 'Use https:// in ORDERCTL_PAYMENT_GATEWAY. On a network that only you use, set ORDERCTL_PAYMENT_ALLOW_HTTP=yes.',
  })
}
