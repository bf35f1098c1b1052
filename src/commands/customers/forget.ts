import { Args, Flags } from '@oclif/core'
import type { App } from '../../app.js'
import { CONFIRMED_FLAGS, ConfirmingCommand } from '../../command-line/confirmation.js'
import { ORDER_CHANGE_FLAGS } from '../../command-line/order-change-command.js'
import { readId } from '../../command-line/selection-flags.js'
import { eraseDeleted } from '../../database/erase.js'
import { EXIT, UserError } from '../../errors.js'
import { type Forgettable, findForgettable, forgetCustomer } from '../../retention/forget-customer.js'
import { cleanText, countOf } from '../../terminal/text.js'

export default class CustomersForget extends ConfirmingCommand {
  static override summary = 'Forget a customer'
  static override description =
    'Replaces id and name by a placeholder in customers, messages, the audit log and the figures in Redis. Orders and ' +
    'figures stay. The file that named the customer can be imported again: known orders stay as they are, and a new ' +
    'order makes a new customer. Files, backups, receivers of events and the payment provider are not reached; the ' +
    'command lists the files. Exit code 3 if a copy of the name may be left in the database file or in Redis.'
  static override examples = [
    'orderctl customers forget jane@example.com --reason "request of 3 May" --dry-run',
    'orderctl customers forget C-1001 --source shop-b --yes',
  ]
  static override args = {
    id: Args.string({
      description: 'customer_id from the order file',
      required: true,
      ignoreStdin: true,
      parse: readId,
    }),
  }
  static override flags = {
    source: Flags.string({ description: "the customer's source", helpValue: 'NAME', parse: readId }),
    reason: ORDER_CHANGE_FLAGS.reason,
    ...CONFIRMED_FLAGS,
  }

  async run() {
    const { args, flags } = await this.parse(CustomersForget)
    const isDry = flags['dry-run']
    const confirm = this.confirming('Forgetting a customer', flags.yes || isDry)
    return this.withApp(async (app) => {
      const person = await findForgettable(app.db, args.id, flags.source)
      const { source, orders, files } = person
      const what = `customer ${cleanText(person.customer_id)} of ${source}, with ${countOf(orders, 'order')}`
      this.#noteFiles(files)
      const unchanged = { source, placeholder: null, orders, texts: 0, files, erased: null }
      if (isDry) this.print(`Would forget ${what}. Nothing was changed.`)
      if (isDry || !(await confirm(`Forget ${what}? This cannot be undone.`))) return unchanged
      return this.#forget(app, person, flags.reason)
    })
  }

  async #forget({ db, figures }: App, person: Forgettable, reason: string | undefined) {
    const { source, orders, files } = person
    const { placeholder, texts } = await forgetCustomer(db, person, reason)
    const erased = (await eraseDeleted(db)) ?? null
    const published = figures === undefined || (await this.#publish(() => figures.rebuild()))
    this.print(`Forgotten: ${countOf(orders, 'order')} of ${source} now belong to ${placeholder}.`)
    if (erased === false)
      this.note(
        'Another process uses the database file, so free parts of it may still have the name. When nothing runs: ' +
          `sqlite3 FILE 'vacuum; pragma wal_checkpoint(truncate)'`,
      )
    if (erased === false || !published) this.setExitCode(EXIT.partly)
    return { source, placeholder, orders, texts, files, erased }
  }

  async #publish(rebuild: () => Promise<void>): Promise<boolean> {
    try {
      await rebuild()
      return true
    } catch (error) {
      if (!(error instanceof UserError)) throw error
      this.note(`${error.message} The leaderboards in Redis still have the id; the next publication replaces them.`)
      return false
    }
  }

  #noteFiles(files: readonly string[]): void {
    if (files.length > 0)
      this.note(`These files may still name the customer:\n${files.map((file) => `  ${cleanText(file)}`).join('\n')}`)
    this.note('Backups, exports, receivers of events and the payment provider may, too.')
  }
}
