import { randomBytes } from 'node:crypto'
import { BaseCommand } from '../../command-line/base-command.js'
import { EXIT, usageError } from '../../errors.js'
import { testMessage } from '../../notify/message.js'
import { openDestinations } from '../../notify/open-destinations.js'

export default class NotifyTest extends BaseCommand {
  static override summary = 'Send a test notification'
  static override description =
    'Sends an event of type orderctl.test to notify.url and notify.command, signed like any other, and shows whether ' +
    'it was delivered. Nothing is stored. Exits with code 1 if a delivery failed.'
  static override examples = ['orderctl notify test', 'ORDERCTL_NOTIFY_COMMAND=cat orderctl notify test --json']

  async run() {
    const destinations = await openDestinations(this.settings, this.host.environment)
    if (destinations.length === 0) {
      throw usageError({
        code: 'no_destination',
        message: 'No destination of notifications is configured.',
        fix: 'Set ORDERCTL_NOTIFY_URL and ORDERCTL_NOTIFY_SECRET_FILE, or ORDERCTL_NOTIFY_COMMAND.',
      })
    }
    const message = testMessage(randomBytes(9).toString('base64url'), Date.now())
    const deliveries = await Promise.all(
      destinations.map(async (destination) => {
        const delivery = await destination.send(message)
        await destination.close()
        const error = delivery.delivered ? null : delivery.error
        return { destination: destination.name, place: destination.place, delivered: delivery.delivered, error }
      }),
    )
    this.showList(['destination', 'place', 'delivered', { key: 'error', flexible: true }], deliveries)
    if (deliveries.some(({ delivered }) => !delivered)) this.setExitCode(EXIT.failed)
    return { event_id: message.id, deliveries }
  }
}
