// Refuses servers on other hosts that would be used without TLS. PostgreSQL and MySQL use it by default
// (servers/addresses.ts), and payments/open-gateway.ts has the rule of the gateway.
import { usageError } from '../errors.js'
import { isLocalHost, type QueueAddress, type RedisAddress } from '../servers/addresses.js'

const WITH_TLS: Readonly<Record<string, string>> = { 'redis:': 'rediss:', 'amqp:': 'amqps:', 'http:': 'https:' }

interface Destinations {
  readonly queue: QueueAddress
  readonly redis: RedisAddress | undefined
  readonly 'notify.url': string | null
  readonly allowUnencrypted: 'yes' | 'no'
}

/** @throws UserError (exit 2) before anything is sent */
export function refuseUnencrypted({ queue, redis, 'notify.url': webhook, allowUnencrypted }: Destinations): void {
  if (allowUnencrypted === 'yes') return
  const addresses = [
    ...[redis, queue].flatMap((address) => (address && 'url' in address ? [address] : [])),
    ...(webhook ? [{ url: webhook, setting: 'ORDERCTL_NOTIFY_URL' }] : []),
  ]
  for (const { url, setting } of addresses) {
    const { protocol, hostname, host } = new URL(url)
    const secure = WITH_TLS[protocol]
    if (!secure || isLocalHost(hostname)) continue
    throw usageError({
      code: 'not_encrypted',
      message: `${setting} names ${protocol}//${host} without TLS, so others on the network could read and change what is sent.`,
      fix: `Use ${secure}// there. On a network that only you use, set ORDERCTL_ALLOW_UNENCRYPTED=yes.`,
    })
  }
}
