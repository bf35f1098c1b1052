import { Flags } from '@oclif/core'
import { readDuration } from '../../command-line/durations.js'
import { FAILURE_ARGS, FAILURE_CHANGE_FLAGS, FailedCommand } from '../../command-line/failed-command.js'
import { duration } from '../../terminal/text.js'
import { retryFailures } from '../../workflow/failures.js'

export default class FailedRetry extends FailedCommand {
  static override summary = 'Retry failed orders'
  static override description =
    'Returns the orders to the queue. A retry is a new attempt with a new idempotency key. If the outcome of the last ' +
    'charge is unknown, the same key is used again, so no order is charged twice. Use --stagger to limit the load on a ' +
    'gateway that has just recovered.'
  static override examples = [
    'orderctl failed retry 1001 1002',
    'orderctl failed retry --reason out_of_stock --dry-run',
    'orderctl failed retry --all --yes',
    'orderctl failed retry --reason payment_unknown --stagger 10m --yes',
  ]
  static override args = FAILURE_ARGS
  static override flags = {
    ...FAILURE_CHANGE_FLAGS,
    stagger: Flags.string({
      description: 'spread the orders evenly over this time: 30s, 10m, 2h, or a number of seconds',
      helpValue: 'TIME',
    }),
  }

  async run() {
    const { args, flags } = await this.parse(FailedRetry)
    const staggerMs = flags.stagger === undefined ? 0 : readDuration('stagger', flags.stagger)
    const manner = staggerMs === 0 ? '' : `, spread over ${duration(staggerMs / 1000)}`
    return this.changeFailures(args.id ?? [], flags, {
      action: 'retry',
      manner,
      apply: ({ db, queue }, ids) => retryFailures(db, queue, ids, staggerMs),
      outcome: `returned to the queue${manner}. Next: orderctl work`,
    })
  }
}
