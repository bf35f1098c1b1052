// Checks of the payment gateway and of the webhook. Nothing is charged, and no event is sent.
import type { Config } from '../config/config.js'
import { openWebhook } from '../notify/open-destinations.js'
import { openGateway } from '../payments/open-gateway.js'
import { type Check, type CheckResult, checkClockOf } from './check.js'

export function serviceChecks(config: Config): Check[] {
  const checks: Check[] = []
  if (config['payments.gateway'] !== 'simulated')
    checks.push({ name: 'payment gateway', run: () => checkGateway(config) })
  if (config['notify.url'] !== null) checks.push({ name: 'webhook', run: () => checkWebhook(config) })
  return checks
}

/** Asks for its health, which needs the address, the certificate and the credentials. */
async function checkGateway(config: Config): Promise<CheckResult> {
  const gateway = await openGateway(config)
  try {
    const asked = Date.now()
    const time = await gateway.check()
    // The header Date has whole seconds.
    const clock = time === undefined ? 'its clock is unknown' : checkClockOf('the payment gateway', time, asked)
    return typeof clock === 'string' ? `${config['payments.gateway']}, ${clock}` : clock
  } finally {
    await gateway.close()
  }
}

async function checkWebhook(config: Config): Promise<CheckResult> {
  const webhook = await openWebhook(config)
  try {
    const problem = await webhook.connect()
    if (problem === undefined) return `${webhook.place} accepts connections, the secret is well formed`
    return {
      message: `Cannot reach ${webhook.place}, which receives events (${problem}).`,
      fix: 'Start the receiver, or correct ORDERCTL_NOTIFY_URL. Events wait until then. `orderctl notify test` sends one.',
    }
  } finally {
    await webhook.close()
  }
}
