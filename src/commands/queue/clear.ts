import { CONFIRMED_FLAGS, ConfirmingCommand } from '../../command-line/confirmation.js'
import { countDue } from '../../queue/due-orders.js'
import { countOf } from '../../terminal/text.js'

export default class QueueClear extends ConfirmingCommand {
  static override summary = 'Remove all orders from the queue; they stay pending'
  static override description = 'No order is lost: "rebuild queue" returns them to the queue.'
  static override examples = ['orderctl queue clear', 'orderctl queue clear --yes']
  static override flags = { yes: CONFIRMED_FLAGS.yes }

  async run() {
    const { flags } = await this.parse(QueueClear)
    const confirm = this.confirming('Clearing the queue', flags.yes)
    return this.withApp(async ({ db, queue }) => {
      const { waiting, delayed } = await countDue(db)
      const question = `Remove ${countOf(waiting + delayed, 'waiting order')} from the queue?`
      if (!(await confirm(question))) return { cleared: 0 }
      const cleared = await queue.clear()
      this.print(
        `${countOf(cleared, 'order')} removed from the queue. They stay pending; to return them: orderctl rebuild queue`,
      )
      return { cleared }
    })
  }
}
