import { Flags } from '@oclif/core'
import { asError } from '../../background.js'
import { BaseCommand } from '../../command-line/base-command.js'
import { RowWriter, send, startOf, writeCursorFile } from '../../command-line/order-export.js'
import { limitFlag, sourceFlag } from '../../command-line/selection-flags.js'
import { ALL_ROWS } from '../../domain/batches.js'
import { EXIT } from '../../errors.js'
import { archivesAfter } from '../../reports/archives.js'
import { cursorText, type ExportedOrder, exportSettled, readCursor } from '../../reports/export.js'
import { cleanText, countOf } from '../../terminal/text.js'

export default class OrdersExport extends BaseCommand {
  static override summary = 'Export settled orders'
  static override description =
    'Prints the orders in the order in which they were settled, with the outcome, the reason, the amounts and the ' +
    'payment reference. Each row has a cursor. An export that starts after the cursor of the last row misses no order: ' +
    'an order that is retried and settled again appears again, as it is then. With --cursor-file, the next export ' +
    'continues by itself. If an export is interrupted, its file keeps the old cursor, so rows may come twice. ' +
    'Exit code 3 if orders after the cursor are archived. ' +
    '--json holds all rows in memory.'
  static override examples = [
    'orderctl orders export --settled-since yesterday > settled.csv',
    'orderctl orders export --settled-since 1767225600000.42 --format json',
    'orderctl orders export --cursor-file /var/lib/orderctl/exported --format json >> settled.jsonl',
  ]
  static override flags = {
    'settled-since': Flags.string({
      description: 'start: a cursor, a day, or an age such as 24h [default: the first settled order]',
      helpValue: 'CURSOR|DAY|TIME',
    }),
    'cursor-file': Flags.string({
      description: 'file with the cursor: the export starts there, in place of --settled-since, and stores its end',
      helpValue: 'FILE',
    }),
    format: Flags.option({ options: ['csv', 'json'] as const })({
      description: 'csv, or json: one JSON object per line',
      default: 'csv',
    }),
    source: sourceFlag,
    limit: limitFlag({ description: 'maximum number of orders', default: ALL_ROWS }),
  }

  #storeCursor: (() => void) | undefined

  /** Stores the cursor once all rows were written, which --json does after `run`. */
  protected override async _run<Result>(): Promise<Result> {
    const result = await super._run<Result>()
    if (!this.#storeCursor) return result
    await send(this.host.stdout, '')
    try {
      this.#storeCursor()
    } catch (error) {
      await this.catch(asError(error))
    }
    return result
  }

  async run() {
    const { flags } = await this.parse(OrdersExport)
    const { source, limit } = flags
    const file = flags['cursor-file'] === undefined ? undefined : this.path(flags['cursor-file'])
    const after = startOf(flags['settled-since'], file, this.settings.timeZone)
    const isCursor = file !== undefined || readCursor(flags['settled-since'] ?? '') !== undefined
    const writer = new RowWriter(this.host.stdout, flags.format)
    const orders: ExportedOrder[] = []
    let count = 0
    const { end, archives } = await this.withDatabase(async (db) => {
      const pages = exportSettled(db, { after, source, limit })
      let next = await pages.next()
      for (; !next.done; next = await pages.next()) {
        count += next.value.length
        if (this.jsonEnabled()) orders.push(...next.value)
        else await writer.write(next.value)
      }
      return { end: next.value, archives: await archivesAfter(db, after, source) }
    })
    if (!this.jsonEnabled()) await writer.write([])
    if (file !== undefined) this.#storeCursor = () => writeCursorFile(file, end)
    const cursor = cursorText(end)
    const next = file === undefined ? ` Next: orderctl orders export --settled-since ${cursor}` : ''
    this.note(`${countOf(count, 'order')} exported.${next}`, { event: 'ended', fields: { orders: count, cursor } })
    if (archives.length > 0) {
      const files = archives.map((archive) => cleanText(archive.file)).join(', ')
      this.note(`Orders that were settled after the start are archived, so they are not in this export: ${files}`)
      if (isCursor) this.setExitCode(EXIT.partly)
    }
    return { cursor, orders, archives }
  }
}
