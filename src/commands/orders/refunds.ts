import { Flags } from '@oclif/core'
import { BaseCommand, csvFlag } from '../../command-line/base-command.js'
import { REFUND_COLUMNS } from '../../command-line/order-view.js'
import { limitFlag, PERIOD_FLAGS, sourceFlag } from '../../command-line/selection-flags.js'
import { readPeriod } from '../../reports/read-query.js'
import { listRefunds, REFUND_STATES } from '../../reports/refunds.js'

export default class OrdersRefunds extends BaseCommand {
  static override summary = 'List refunds, newest first'
  static override description =
    'A period selects the days on which amounts were refunded. Refunds in "review" have an unknown outcome and are not ' +
    'asked for again until a person runs "orders refund".'
  static override examples = [
    'orderctl orders refunds --month 2026-03 --csv > refunds.csv',
    'orderctl orders refunds --status review',
  ]
  static override flags = {
    status: Flags.option({ options: REFUND_STATES, description: 'only refunds in this state' })(),
    ...PERIOD_FLAGS,
    source: sourceFlag,
    limit: limitFlag({ default: 30 }),
    csv: csvFlag,
  }

  async run() {
    const { flags } = await this.parse(OrdersRefunds)
    const { limit, csv, status, source } = flags
    const filter = { status, source, ...readPeriod(flags, this.today) }
    const { total, refunds } = await this.withDatabase((db) => listRefunds(db, filter, limit))
    this.showList(
      [
        { key: 'order_id', heading: 'order' },
        { key: 'source', varies: true },
        { key: 'refund', varies: true },
        'status',
        'day',
        'amount',
        { key: 'currency', csvOnly: true },
        { key: 'idempotency_key', csvOnly: true },
        ...REFUND_COLUMNS,
      ],
      refunds,
      { csv, total, empty: 'No refunds match. Refund an order with: orderctl orders refund ID' },
    )
    return { total, refunds }
  }
}
