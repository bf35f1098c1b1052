import { BaseCommand } from '../../command-line/base-command.js'

export default class QueueResume extends BaseCommand {
  static override summary = 'Let workers claim orders again'
  static override description = 'Ends a pause. Running workers resume within a second.'
  static override examples = ['orderctl queue resume', 'orderctl queue resume --json']

  async run() {
    await this.parse(QueueResume)
    await this.withApp(({ queue }) => queue.resume())
    this.print('Queue resumed.')
    return { paused: false }
  }
}
