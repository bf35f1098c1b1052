// Opens the gateway that the configuration names.
import type { Config } from '../config/config.js'
import type { Gateway } from './gateway.js'
import { SimulatedGateway } from './simulated.js'

export function createGateway(config: Config): Gateway {
  return new SimulatedGateway({
    successRate: config['payments.successRate'],
    latencyMs: config['payments.latencyMs'],
    seed: config['payments.seed'],
  })
}
