import { BaseCommand, csvFlag } from '../../command-line/base-command.js'
import { limitFlag } from '../../command-line/selection-flags.js'
import { listActions } from '../../reports/actions.js'

export default class AuditLog extends BaseCommand {
  static override summary = 'List what people changed, newest first'
  static override description =
    'Shows each change that a person made with a command, such as a retry, a refund or an adjustment of stock: the ' +
    'user, the host and the reason. "orders show" has those of one order.'
  static override examples = ['orderctl audit log', 'orderctl audit log --limit all --csv > audit.csv']
  static override flags = { limit: limitFlag({ default: 30 }), csv: csvFlag }

  async run() {
    const { flags } = await this.parse(AuditLog)
    const { total, actions } = await this.withDatabase((db) => listActions(db, flags.limit))
    this.showList(
      [
        'at',
        'command',
        'subject',
        { key: 'os_user', heading: 'user' },
        { key: 'host', varies: true },
        'reason',
        { key: 'details', flexible: true },
      ],
      actions,
      {
        csv: flags.csv,
        total,
        empty: 'No changes yet. Retries, refunds, adjustments of stock and other changes by people appear here.',
      },
    )
    return { total, actions }
  }
}
