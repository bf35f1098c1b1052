import { Args, Flags } from '@oclif/core'
import { BaseCommand } from '../../command-line/base-command.js'
import { readId } from '../../command-line/selection-flags.js'
import { usageError } from '../../errors.js'
import { countStranded, retryEvents } from '../../notify/event-list.js'
import { destinationsIn } from '../../notify/events.js'
import { countOf } from '../../terminal/text.js'

export default class NotifyRetry extends BaseCommand {
  static override summary = 'Send events again'
  static override description =
    'Makes events due now. A worker or scheduler sends them, each under the same id as before. A named event is also ' +
    'sent if it was delivered already.'
  static override examples = ['orderctl notify retry --all', 'orderctl notify retry evt_Zm9vYmFyYmF6_42']
  static override args = {
    id: Args.string({ description: 'ids of the events', multiple: true, ignoreStdin: true, parse: readId }),
  }
  static override flags = { all: Flags.boolean({ description: 'all events that wait', default: false }) }

  async run() {
    const { args, flags } = await this.parse(NotifyRetry)
    const ids = args.id ?? []
    if (ids.length > 0 === flags.all) {
      throw usageError({
        code: flags.all ? 'unclear_choice' : 'nothing_chosen',
        message: flags.all ? 'Event ids and --all exclude each other.' : 'No events specified.',
        fix: 'Name events (see `orderctl notify list`), or pass --all.',
      })
    }
    const { changed, stranded } = await this.withDatabase(async (db) => ({
      changed: await retryEvents(db, flags.all ? 'all' : ids),
      stranded: await countStranded(db, destinationsIn(this.settings)),
    }))
    this.print(`${countOf(changed, 'delivery', 'deliveries')} due. Sent by: orderctl work, orderctl schedule`)
    if (stranded > 0) {
      const wait = `${countOf(stranded, 'event waits', 'events wait')} for a destination that is not configured here`
      this.note(`${wait}. Set notify.url or notify.command where orderctl work runs.`)
    }
    return { changed }
  }
}
