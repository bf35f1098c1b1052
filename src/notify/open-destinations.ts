// Opens the configured destinations, with the secret that signs webhooks.
import type { Config } from '../config/config.js'
import { readSecretFile } from '../config/secret-file.js'
import { readWebhookSecret } from '../config/values.js'
import { usageError } from '../errors.js'
import { CommandDestination } from './command.js'
import type { Destination } from './destination.js'
import { destinationsIn } from './events.js'

/** Opens the configured destinations without connecting. @throws UserError (exit 2) if the secret is missing */
export async function openDestinations(config: Config, environment: NodeJS.ProcessEnv): Promise<Destination[]> {
  return Promise.all(
    destinationsIn(config).map(async (name) => {
      if (name === 'command') return new CommandDestination(config['notify.command'] ?? '', environment)
      return openWebhook(config)
    }),
  )
}

/** Opens notify.url, which must be set. @throws UserError (exit 2) if the secret is missing */
export async function openWebhook(config: Config) {
  const key = readKey(config)
  // The HTTP client is loaded only if it is used.
  const { Webhook } = await import('./webhook.js')
  return new Webhook(config['notify.url'] ?? '', key, config['notify.maxInFlight'])
}

function readKey(config: Config): Uint8Array {
  const { 'notify.secret': secret, 'notify.secretFile': file } = config
  if (secret && file !== null) {
    const fix = 'Unset one of them.'
    throw usageError({ code: 'unclear_choice', message: 'notify.secret and notify.secretFile are both set.', fix })
  }
  const key = secret ?? (file === null ? null : readSecretFile(file, 'ORDERCTL_NOTIFY_SECRET_FILE', readWebhookSecret))
  if (key) return key
  throw usageError({
    code: 'no_webhook_secret',
    message: 'notify.url is set, but there is no secret that signs the webhooks.',
    fix: 'Make one: (printf whsec_; openssl rand -base64 32) > FILE. Set ORDERCTL_NOTIFY_SECRET_FILE=FILE.',
  })
}
