import { FAILURE_ARGS, FAILURE_CHANGE_FLAGS, FailedCommand } from '../../command-line/failed-command.js'
import { clearFailures } from '../../workflow/failures.js'

export default class FailedClear extends FailedCommand {
  static override summary = 'Clear failed orders from the list'
  static override description =
    'The orders keep their status and history. Orders whose payment outcome is unknown cannot be cleared; run ' +
    '"failed retry" first.'
  static override examples = ['orderctl failed clear 1001', 'orderctl failed clear --reason declined --yes']
  static override args = FAILURE_ARGS
  static override flags = FAILURE_CHANGE_FLAGS

  async run() {
    const { args, flags } = await this.parse(FailedClear)
    return this.changeFailures(args.id ?? [], flags, {
      action: 'clear',
      apply: ({ db }, ids) => clearFailures(db, ids),
      outcome: 'cleared from the list of failures.',
    })
  }
}
