import { Flags } from '@oclif/core'
import { CONFIRMED_FLAGS, ConfirmingCommand } from '../../command-line/confirmation.js'
import { readId } from '../../command-line/selection-flags.js'
import { dayNamed, dayStart } from '../../domain/business-day.js'
import { EXIT, usageError } from '../../errors.js'
import { countArchivable } from '../../retention/archivable.js'
import { fileExists, isTaken } from '../../retention/archive-file.js'
import { archiveOrders, findUnfinished } from '../../retention/archive-orders.js'
import { ARCHIVE_FORMATS } from '../../retention/records.js'
import { cleanText, countOf } from '../../terminal/text.js'

export default class OrdersArchive extends ConfirmingCommand {
  static override summary = 'Move settled orders to a file'
  static override description =
    'Writes the orders that were settled before a day to a file, with their lines, payments and refunds, then removes ' +
    'them from the database. KPIs, leaderboards and stock stay the same, and an archived order that is imported again ' +
    'is a duplicate. Orders with a refund of unknown outcome or an undelivered event stay. If the command is ' +
    'interrupted, run it again: it continues.'
  static override examples = [
    'orderctl orders archive --before 2025-01-01 --to 2024.jsonl --dry-run',
    'orderctl orders archive --before 2025-01-01 --to /srv/archive/2024.csv --yes',
  ]
  static override flags = {
    before: Flags.string({
      description: 'first day that stays, by the time of settlement in the business time zone; at most today',
      helpValue: 'DAY',
      required: true,
    }),
    to: Flags.string({ description: 'file to create; it must not exist', helpValue: 'FILE', required: true }),
    format: Flags.option({ options: ARCHIVE_FORMATS })({
      description: 'csv, or jsonl: one JSON object per line [default: by the name of the file, else jsonl]',
    }),
    source: Flags.string({ description: 'only orders of this source', helpValue: 'NAME', parse: readId }),
    ...CONFIRMED_FLAGS,
  }

  async run() {
    const { flags } = await this.parse(OrdersArchive)
    const { yes, source = null } = flags
    const isDry = flags['dry-run']
    const before = this.#readBefore(flags.before)
    const file = this.path(flags.to)
    const format = flags.format ?? (file.toLowerCase().endsWith('.csv') ? 'csv' : 'jsonl')
    const confirm = this.confirming('Archiving orders', yes || isDry)
    const signal = this.listenForInterruption(() => 'Stopping after this transaction.')
    return this.withDatabase(async (db) => {
      const unfinished = await findUnfinished(db)
      const isContinued = unfinished?.file === file && isTaken(file)
      if (isTaken(file) && !isContinued) throw fileExists(file)
      if (unfinished && !isContinued) this.note(unfinishedNote(unfinished.file))
      const { orders, waiting } = await countArchivable(db, { settled_before: before, source })
      const what = `${countOf(orders, 'order')} settled before ${flags.before}`
      const result = { file, format, orders, removed: 0, changed: 0, waiting }
      if (isContinued) this.note(`Continues the archive ${cleanText(file)}.`)
      else if (orders === 0) this.note(`No orders settled before ${flags.before} can be archived.`)
      if (isDry && orders > 0) this.print(`Would archive ${what}. Nothing was changed.`)
      if (waiting > 0)
        this.note(`${countOf(waiting, 'order stays', 'orders stay')}: a refund or an event is not finished.`)
      if (isDry || (orders === 0 && !isContinued)) return result
      const question = `Move ${what} to ${cleanText(file)}? They are removed from the database.`
      if (!(await confirm(question))) return result
      const progress = await this.startProgress()
      const done = await archiveOrders(db, {
        ...{ file, format: isContinued ? unfinished.format : format, source, before, signal },
        onProgress: (doing, count) => progress.update(`${countOf(count, 'order')} ${doing}`),
        onWaiting: () => this.note('Waiting for an import to end.'),
      }).finally(() => progress.stop())
      this.print(`${countOf(done.removed, 'order')} archived in ${cleanText(file)}.`)
      if (done.changed > 0) {
        this.note(`${countOf(done.changed, 'order')} in the file changed meanwhile and stayed. Archive them later.`)
        this.setExitCode(EXIT.partly)
      }
      return { ...result, orders: done.written ?? orders, removed: done.removed, changed: done.changed }
    })
  }

  /** @throws UserError (exit 2) */
  #readBefore(text: string): number {
    const day = dayNamed(text, this.today)
    // Orders that were settled today are in the realtime KPIs.
    if (day && day <= this.today) return dayStart(day, this.settings.timeZone)
    throw usageError({
      code: 'bad_date',
      message: day ? `--before ${day} is after today.` : `--before "${text}" is invalid; expected a day.`,
      fix: 'Use a day up to today, such as 2025-01-01, yesterday or monday.',
    })
  }
}

function unfinishedNote(file: string): string {
  const state = 'has not ended: it was interrupted, or another command is at work on it'
  return `The archive ${cleanText(file)} ${state}. Its orders that are still stored are written to the new file too.`
}
