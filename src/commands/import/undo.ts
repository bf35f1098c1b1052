import { CONFIRMED_FLAGS, ConfirmingCommand } from '../../command-line/confirmation.js'
import { tableOf } from '../../command-line/list.js'
import { numberArg } from '../../command-line/selection-flags.js'
import { statusPart } from '../../command-line/status-words.js'
import type { ImportId } from '../../domain/ids.js'
import { EXIT } from '../../errors.js'
import { previewUndo, type UndoOutcome, undoImport } from '../../import/undo.js'
import { cleanText, countOf } from '../../terminal/text.js'

export default class ImportUndo extends ConfirmingCommand {
  static override summary = 'Undo an import'
  static override description =
    'Deletes the orders of the import, and the customers and products that only they use. Changes nothing if an order ' +
    'was claimed, settled, retried or archived: lists the first such orders, with exit code 3. An interrupted undo continues ' +
    'when the command is run again.'
  static override examples = [
    'orderctl import undo 3',
    'orderctl import undo 3 --dry-run',
    'orderctl import undo 3 --yes',
  ]
  static override args = {
    id: numberArg({ description: 'id from "orderctl import list"', required: true }),
  }
  static override flags = CONFIRMED_FLAGS

  async run() {
    const { args, flags } = await this.parse(ImportUndo)
    const isDry = flags['dry-run']
    const confirm = this.confirming('Undoing an import', flags.yes || isDry)
    return this.withApp(
      async ({ db, queue }) => {
        const id = args.id as ImportId
        const { run, used } = await previewUndo(db, id)
        if (run.status === 'undone') this.note(`Import ${id} is undone already.`)
        const isFinal = run.status !== 'undoing' || isDry
        if (run.status === 'undone' || (isFinal && used.total > 0))
          return this.#show(run, used, run.status === 'undone')
        const what = `${countOf(run.orders, 'order')} from ${cleanText(run.file)}`
        if (isDry) this.print(`Would delete ${what}. Nothing was changed.`)
        const isAgreed = async () => used.total > 0 || confirm(`Delete ${what}?`)
        if (isDry || !(await isAgreed())) return this.#show(run, used, false)
        const outcome = await undoImport(db, queue, id)
        const isUndone = outcome.used.total === 0
        if (isUndone) this.print(`Import ${id} is undone: deleted ${what}.`)
        return this.#show(run, outcome.used, isUndone)
      },
      { agreeOnClock: true },
    )
  }

  #show({ id, file, source, orders, status }: UndoOutcome['run'], used: UndoOutcome['used'], undone: boolean) {
    if (used.total > 0) {
      this.setExitCode(EXIT.partly)
      const columns = [{ key: 'order_id', heading: 'order' }, { key: 'status', shown: statusPart }, 'attempts'] as const
      if (used.orders.length > 0) this.showTable(tableOf(columns, used.orders))
      const hidden = used.total - used.orders.length
      if (hidden > 0) this.note(`… and ${countOf(hidden, 'more order')}.`)
      const those = countOf(used.total, 'order was', 'orders were')
      const outcome = status === 'undoing' ? 'The others are due again.' : 'Nothing was changed.'
      this.note(`Cannot undo import ${id}: ${those} claimed, settled, retried or archived. ${outcome}`)
    }
    return { import_id: String(id), file, source, orders, undone, used }
  }
}
