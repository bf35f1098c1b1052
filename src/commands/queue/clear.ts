import { Flags } from '@oclif/core'
import { BaseCommand } from '../../command-line/base-command.js'
import { confirm, demandTerminal } from '../../command-line/confirmation.js'
import { countDue } from '../../queue/due-orders.js'
import { countOf } from '../../terminal/text.js'

export default class QueueClear extends BaseCommand {
  static override summary = 'Empty the queue; the orders stay pending'
  static override description = 'Nothing is lost: "rebuild queue" queues the orders again.'
  static override examples = ['orderctl queue clear', 'orderctl queue clear --yes']
  static override flags = { yes: Flags.boolean({ char: 'y', description: 'skip the confirmation' }) }

  async run() {
    const { flags } = await this.parse(QueueClear)
    if (!flags.yes) demandTerminal(this.host, 'Emptying the queue', this.jsonEnabled())
    return this.withApp(async ({ db, queue }) => {
      if (!flags.yes) {
        const { waiting, delayed } = await countDue(db)
        await confirm(this.host, `Take ${countOf(waiting + delayed, 'waiting order')} out of the queue?`)
      }
      const cleared = await queue.clear()
      this.print(
        `${countOf(cleared, 'order')} taken out of the queue. They stay pending; queue them again with: orderctl rebuild queue`,
      )
      return { cleared }
    })
  }
}
