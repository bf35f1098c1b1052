import { Flags } from '@oclif/core'
import { readDuration } from '../command-line/durations.js'
import { allowEvictionFlag } from '../command-line/selection-flags.js'
import { noWaitFlag } from '../command-line/service-command.js'
import { WorkCommand } from '../command-line/work-command.js'
import { usageError } from '../errors.js'

const batches = { min: 1, max: 1000 }

export default class Work extends WorkCommand {
  static override summary = 'Take orders through stock, payment and settlement'
  static override description =
    'Runs until it is stopped; the first Ctrl-C or SIGTERM finishes the batches in progress. Any number of workers may ' +
    'run at once: no two process the same order, and orders of one that died are claimed by another when its lease ' +
    'ends. The number of batches in progress follows the backlog. Waits for a server that is away, and for space on a ' +
    'full disk; at the start not under --no-wait or --drain, which end with exit code 4.'
  static override examples = [
    'orderctl work',
    'orderctl work --drain',
    'orderctl work --concurrency 10 --max-runtime 1h',
  ]
  static override flags = {
    concurrency: Flags.integer({
      description: 'fixed number of batches in progress at a time',
      ...batches,
      exclusive: ['min-concurrency', 'max-concurrency'],
    }),
    'min-concurrency': Flags.integer({
      description: 'batches in progress with little to do [default: 5, or --max-concurrency if that is less]',
      ...batches,
    }),
    'max-concurrency': Flags.integer({
      description: 'batches in progress with much to do [default: 20, or --min-concurrency if that is more]',
      ...batches,
    }),
    drain: Flags.boolean({ description: 'end when nothing is due or in progress' }),
    'max-runtime': Flags.string({
      description: 'end after this long, waiting included: 90s, 15m, 8h; a plain number is seconds',
    }),
    'no-wait': noWaitFlag,
    'allow-eviction': allowEvictionFlag,
    'max-orders': Flags.integer({ description: 'end after about this many orders', min: 1 }),
  }

  async run() {
    const { flags } = await this.parse(Work)
    const { concurrency, 'min-concurrency': min, 'max-concurrency': max, 'max-runtime': maxRuntime } = flags
    return this.work({
      concurrency: limitsOf(concurrency ?? min, concurrency ?? max),
      drain: flags.drain,
      maxRuntime: maxRuntime === undefined ? undefined : readDuration('max-runtime', maxRuntime),
      maxOrders: flags['max-orders'],
      // Drains are often started by cron: if they waited, they would pile up.
      wait: !flags['no-wait'] && !flags.drain,
      allowEviction: flags['allow-eviction'],
    })
  }
}

function limitsOf(min: number | undefined, max: number | undefined) {
  const limits = { min: min ?? Math.min(5, max ?? 5), max: max ?? Math.max(20, min ?? 20) }
  if (limits.min <= limits.max) return limits
  throw usageError({
    code: 'bad_concurrency',
    message: `--min-concurrency ${limits.min} is more than --max-concurrency ${limits.max}.`,
    fix: 'Swap them, or give one --concurrency.',
  })
}
