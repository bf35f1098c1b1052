// `failed retry`: failed orders go back into the queue.
import { Args } from '@oclif/core'
import { FAILURE_CHANGE_FLAGS, type FailedChangeResult, FailedCommand } from '../../command-line/failed-command.js'
import { retryFailures } from '../../workflow/failures.js'

export default class FailedRetry extends FailedCommand {
  static override summary = 'Put failed orders back into the queue'
  static override description =
    'A retry is a new attempt with a new payment key. An order whose last charge has no known outcome is asked for again ' +
    'under the same key, so that it is never charged twice.'

  static override examples = [
    '<%= config.bin %> failed retry 1001 1002',
    '<%= config.bin %> failed retry --reason out_of_stock --dry-run',
    '<%= config.bin %> failed retry --all --yes',
  ]

  static override args = {
    id: Args.string({ description: 'orders by their id', multiple: true, ignoreStdin: true }),
  }

  static override flags = FAILURE_CHANGE_FLAGS

  async run(): Promise<FailedChangeResult> {
    const { args, flags } = await this.parse(FailedRetry)
    return this.changeFailures(args.id ?? [], flags, {
      action: 'retry',
      apply: ({ db, queue }, ids) => retryFailures(db, queue, ids),
      outcome: 'will be tried again by the next worker (orderctl work).',
    })
  }
}
