import { Args, Flags } from '@oclif/core'
import { ConfirmingCommand } from '../../command-line/confirmation.js'
import { readId } from '../../command-line/selection-flags.js'
import type { Database } from '../../database/connection.js'
import { usageError } from '../../errors.js'
import { countStranded, discardStranded, retryEvents } from '../../notify/event-list.js'
import { destinationsIn } from '../../notify/events.js'
import { countOf } from '../../terminal/text.js'

export default class NotifyRetry extends ConfirmingCommand {
  static override summary = 'Send events again'
  static override description =
    'Makes events due now. A worker or scheduler sends them, each under the same id as before. A named event is also ' +
    'sent if it was delivered already. Events for a destination that was removed wait for ever, and keep their orders ' +
    'from being archived: --discard deletes them.'
  static override examples = [
    'orderctl notify retry --all',
    'orderctl notify retry evt_Zm9vYmFyYmF6_42',
    'orderctl notify retry --discard',
  ]
  static override args = {
    id: Args.string({ description: 'ids of the events', multiple: true, ignoreStdin: true, parse: readId }),
  }
  static override flags = {
    all: Flags.boolean({ description: 'all events that wait', default: false }),
    discard: Flags.boolean({
      description: 'delete the events that wait for a destination that is not configured here, and send none',
    }),
    yes: Flags.boolean({ char: 'y', description: 'skip the confirmation', dependsOn: ['discard'] }),
  }

  async run() {
    const { args, flags } = await this.parse(NotifyRetry)
    const ids = args.id ?? []
    const { all, discard, yes } = flags
    const choices = [ids.length > 0, all, discard].filter(Boolean).length
    if (choices !== 1) {
      throw usageError({
        code: choices > 1 ? 'unclear_choice' : 'nothing_chosen',
        message: choices > 1 ? 'Event ids, --all and --discard exclude each other.' : 'No events specified.',
        fix: 'Name events (see `orderctl notify list`), or pass --all.',
      })
    }
    const confirm = this.confirming('Deleting events', !discard || yes)
    return this.withDatabase((db) => (discard ? this.#discard(db, confirm) : this.#retry(db, all ? 'all' : ids)))
  }

  async #retry(db: Database, ids: readonly string[] | 'all') {
    const changed = await retryEvents(db, ids)
    const stranded = await countStranded(db, destinationsIn(this.settings))
    this.print(`${countOf(changed, 'delivery', 'deliveries')} due. Sent by: orderctl work, orderctl schedule`)
    if (stranded > 0) {
      const fix = 'Set notify.url or notify.command where orderctl work runs, or delete them with --discard.'
      this.note(`${strandedText(stranded)}. ${fix}`)
    }
    return { changed }
  }

  async #discard(db: Database, confirm: (question: string) => Promise<boolean>) {
    const destinations = destinationsIn(this.settings)
    const stranded = await countStranded(db, destinations)
    if (stranded > 0) {
      this.note(`${strandedText(stranded)}. A service that has the setting could still send them.`)
      if (!(await confirm('Delete them?'))) return { changed: 0 }
    }
    const changed = await discardStranded(db, destinations)
    this.print(`${countOf(changed, 'event')} deleted.`)
    return { changed }
  }
}

function strandedText(events: number): string {
  return `${countOf(events, 'event waits', 'events wait')} for a destination that is not configured here`
}
