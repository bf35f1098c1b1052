import { BaseCommand } from '../../command-line/base-command.js'

export default class QueuePause extends BaseCommand {
  static override summary = 'Stop every worker from taking more orders'
  static override description =
    'Batches in progress are finished. The pause lasts until "queue resume", also across restarts.'
  static override examples = ['orderctl queue pause']

  async run() {
    await this.parse(QueuePause)
    await this.withApp(({ queue }) => queue.pause())
    this.print('The queue is paused: no worker takes more orders. Go on with: orderctl queue resume')
    return { paused: true }
  }
}
