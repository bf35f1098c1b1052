import { BaseCommand } from '../../command-line/base-command.js'

export default class QueueResume extends BaseCommand {
  static override summary = 'Let workers take orders again'
  static override description = 'Ends a pause. Running workers notice within a second.'
  static override examples = ['orderctl queue resume']

  async run() {
    await this.parse(QueueResume)
    await this.withApp(({ queue }) => queue.resume())
    this.print('The queue is open: workers take orders again.')
    return { paused: false }
  }
}
