// `failed clear`: failed orders that nobody needs to see any more.
import { Args } from '@oclif/core'
import { FAILURE_CHANGE_FLAGS, type FailedChangeResult, FailedCommand } from '../../command-line/failed-command.js'
import { readId } from '../../command-line/selection-flags.js'
import { clearFailures } from '../../workflow/failures.js'

export default class FailedClear extends FailedCommand {
  static override summary = 'Take failed orders off the list'
  static override description =
    'The orders, their status and their history stay; they are only not listed any more. Orders whose charge has no known ' +
    'outcome cannot be cleared, since somebody has to find out: see "failed retry".'

  static override examples = [
    '<%= config.bin %> failed clear 1001',
    '<%= config.bin %> failed clear --reason declined --yes',
    '<%= config.bin %> failed clear --all --dry-run',
  ]

  static override args = {
    id: Args.string({ description: 'orders by their id', multiple: true, ignoreStdin: true, parse: readId }),
  }

  static override flags = FAILURE_CHANGE_FLAGS

  async run(): Promise<FailedChangeResult> {
    const { args, flags } = await this.parse(FailedClear)
    return this.changeFailures(args.id ?? [], flags, {
      action: 'clear',
      apply: ({ db }, ids) => clearFailures(db, ids),
      outcome: 'taken off the list of failures.',
    })
  }
}
