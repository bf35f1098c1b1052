import { BaseCommand, csvFlag } from '../../command-line/base-command.js'
import { FAILURE_FILTER_FLAGS, failureFilter } from '../../command-line/failed-command.js'
import { limitFlag } from '../../command-line/selection-flags.js'
import { statusPart } from '../../command-line/status-words.js'
import { listFailures } from '../../workflow/failures.js'

export default class FailedList extends BaseCommand {
  static override summary = 'List failed and rolled-back orders, newest first'
  static override description =
    'Shows the reason, time and number of attempts. Includes orders that need review: payment_unknown and poison.'
  static override examples = [
    'orderctl failed list',
    'orderctl failed list --reason out_of_stock --since 24h',
    'orderctl failed list --sku WIDGET-1 --limit all --csv > failed.csv',
  ]
  static override flags = { ...FAILURE_FILTER_FLAGS, limit: limitFlag({ default: 30 }), csv: csvFlag }

  async run() {
    const { flags } = await this.parse(FailedList)
    const filter = failureFilter(flags, this.settings.timeZone)
    const { total, orders } = await this.withDatabase((db) => listFailures(db, filter, flags.limit))
    this.showList(
      [
        { key: 'order_id', heading: 'order' },
        { key: 'source', varies: true },
        { key: 'status', shown: statusPart },
        'reason',
        { key: 'attempts', varies: true },
        'failed_at',
        { key: 'message', flexible: true },
      ],
      orders,
      { csv: flags.csv, total, empty: 'No failed orders match. See all orders with: orderctl orders list' },
    )
    return { total, orders }
  }
}
