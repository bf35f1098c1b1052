import { Flags } from '@oclif/core'
import { BaseCommand, csvFlag } from '../../command-line/base-command.js'
import { limitFlag, readId, sourceFlag } from '../../command-line/selection-flags.js'
import { EVENT_STATES, listEvents } from '../../notify/event-list.js'

export default class NotifyList extends BaseCommand {
  static override summary = 'List notifications, newest first'
  static override description =
    'Events are recorded while notify.url or notify.command is set. Delivered events are kept for notify.keepDays.'
  static override examples = ['orderctl notify list --state waiting', 'orderctl notify list --order 1001']
  static override flags = {
    state: Flags.option({ options: EVENT_STATES, description: 'only events in this state' })(),
    order: Flags.string({ description: 'only events of this order', helpValue: 'ID', parse: readId }),
    source: sourceFlag,
    limit: limitFlag({ default: 30 }),
    csv: csvFlag,
  }

  async run() {
    const { flags } = await this.parse(NotifyList)
    const { limit, csv, ...filter } = flags
    const { total, events } = await this.withDatabase((db) => listEvents(db, filter, limit))
    this.showList(
      [
        { key: 'event_id', heading: 'event' },
        'type',
        { key: 'order_id', heading: 'order' },
        { key: 'source', varies: true },
        { key: 'destination', varies: true },
        { key: 'occurred_at', heading: 'occurred' },
        { key: 'amount', csvOnly: true },
        { key: 'currency', csvOnly: true },
        'state',
        'deliveries',
        { key: 'next_at', heading: 'next', varies: true },
        { key: 'delivered_at', heading: 'delivered', varies: true },
        { key: 'error', flexible: true, varies: true },
      ],
      events,
      { csv, total, empty: 'No events match. Events are recorded while notify.url or notify.command is set.' },
    )
    return { total, events }
  }
}
