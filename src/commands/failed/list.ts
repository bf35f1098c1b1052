// `failed list`: what was not sold, and why.
import { BaseCommand, csvFlag } from '../../command-line/base-command.js'
import { FAILURE_FILTER_FLAGS, failureFilter } from '../../command-line/failed-command.js'
import { limitFlag, restNote, screenful } from '../../command-line/selection-flags.js'
import type { Table } from '../../terminal/table.js'
import { type Failure, listFailures } from '../../workflow/failures.js'

export interface FailedListResult {
  /** All that match, also those beyond the limit. */
  total: number
  orders: {
    order_id: string
    source: string
    status: string
    reason: string | null
    message: string | null
    attempts: number
    failed_at: string
  }[]
}

export default class FailedList extends BaseCommand {
  static override summary = 'List orders that failed or were rolled back, the newest first'
  static override description =
    'Lists why, when and how often tried. Orders whose charge has no known outcome wait for a person and are listed too.'

  static override examples = [
    '<%= config.bin %> failed list',
    '<%= config.bin %> failed list --reason out_of_stock --since 24h',
    '<%= config.bin %> failed list --sku WIDGET-1 --csv > failed.csv',
  ]

  static override flags = { ...FAILURE_FILTER_FLAGS, limit: limitFlag, csv: csvFlag }

  async run(): Promise<FailedListResult> {
    const { flags } = await this.parse(FailedList)
    const filter = failureFilter(flags, this.settings.timeZone)
    const limit = flags.limit ?? screenful(this.host.stdout, flags.csv || this.jsonEnabled())
    const { total, failures } = await this.withApp(({ db }) => listFailures(db, filter, limit))
    if (failures.length > 0 || flags.csv) this.showTable(failureTable(failures), flags)
    const rest = restNote(failures.length, total)
    if (rest) this.note(rest)
    if (total === 0) this.note('No failed orders match. See all orders with: orderctl orders list')
    return { total, orders: failures.map(failureJson) }
  }
}

function failureTable(failures: readonly Failure[]): Table {
  return {
    columns: [
      { heading: 'order' },
      { heading: 'source' },
      { heading: 'status' },
      { heading: 'reason' },
      { heading: 'attempts', align: 'right' },
      { heading: 'failed at' },
      { heading: 'message', flexible: true },
    ],
    rows: failures.map((failure) => [
      failure.reference,
      failure.source,
      failure.status,
      failure.reason,
      failure.attempts,
      new Date(failure.failedAt).toISOString(),
      failure.message,
    ]),
  }
}

function failureJson({ reference, failedAt, ...failure }: Failure): FailedListResult['orders'][number] {
  return { order_id: reference, ...failure, failed_at: new Date(failedAt).toISOString() }
}
