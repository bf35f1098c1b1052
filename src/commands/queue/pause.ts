import { BaseCommand } from '../../command-line/base-command.js'

export default class QueuePause extends BaseCommand {
  static override summary = 'Stop workers from claiming orders'
  static override description =
    'Workers finish the batches in progress. The queue stays paused until "queue resume", even after a restart.'
  static override examples = ['orderctl queue pause', 'orderctl queue pause --json']

  async run() {
    await this.parse(QueuePause)
    await this.withApp(({ queue }) => queue.pause())
    this.print('Queue paused. Resume it with: orderctl queue resume')
    return { paused: true }
  }
}
