// Opens the gateway that the configuration names, for a process that has none open.
import type { Config } from '../config/config.js'
import type { Gateway } from './gateway.js'
import { SimulatedGateway } from './simulated.js'

export async function withGateway<Result>(config: Config, use: (gateway: Gateway) => Promise<Result>): Promise<Result> {
  return use(
    new SimulatedGateway({
      successRate: config['payments.successRate'],
      latencyMs: config['payments.latencyMs'],
      seed: config['payments.seed'],
    }),
  )
}
