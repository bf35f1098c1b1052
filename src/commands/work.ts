import { Flags } from '@oclif/core'
import { readDuration } from '../command-line/durations.js'
import { pairs } from '../command-line/list.js'
import { allowEvictionFlag, integerFlag } from '../command-line/selection-flags.js'
import { noWaitFlag, ServiceCommand } from '../command-line/service-command.js'
import type { ServiceManager } from '../command-line/service-manager.js'
import { CLOCK_TOLERANCE_MS, newestEntry } from '../database/clocks.js'
import type { Database } from '../database/connection.js'
import { databaseTime } from '../database/engine.js'
import { groupThousands } from '../domain/money.js'
import { EXIT, UserError, usageError } from '../errors.js'
import type { Queue } from '../queue/queue.js'
import type { Progress } from '../terminal/progress.js'
import { countOf, duration } from '../terminal/text.js'
import { NO_OUTCOMES, type Outcomes } from '../workflow/batch.js'
import { processedOf, Worker } from '../workflow/worker.js'
import type { Limits, WorkerEvent } from '../workflow/worker-events.js'

const batches = { min: 1, max: 1000 }

export default class Work extends ServiceCommand {
  static override summary = 'Process orders: reserve stock, charge and settle'
  static override description =
    'Runs until stopped. The first Ctrl-C or SIGTERM finishes the batches in progress. Any number of workers can run at ' +
    'once: an order is processed by one worker at a time, and if that worker dies, another claims the order when the ' +
    'lease ends. The number of concurrent batches follows the backlog. Waits for unreachable servers and for space on ' +
    'a full disk; with --no-wait or --drain, exits with code 4 if a server is unreachable at the start.'
  static override examples = [
    'orderctl work',
    'orderctl work --drain',
    'orderctl work --concurrency 10 --max-runtime 1h',
  ]
  static override flags = {
    concurrency: integerFlag({
      description: 'fixed number of concurrent batches',
      helpValue: 'N',
      ...batches,
      exclusive: ['min-concurrency', 'max-concurrency'],
    }),
    'min-concurrency': integerFlag({
      description: 'minimum number of concurrent batches [default: 5, or --max-concurrency if lower]',
      helpValue: 'N',
      ...batches,
    }),
    'max-concurrency': integerFlag({
      description: 'maximum number of concurrent batches [default: 20, or --min-concurrency if higher]',
      helpValue: 'N',
      ...batches,
    }),
    drain: Flags.boolean({ description: 'exit when no orders are due or in progress' }),
    'max-runtime': Flags.string({
      description: 'exit after this time, including waits: 90s, 15m, 8h, or a number of seconds',
      helpValue: 'TIME',
    }),
    'no-wait': noWaitFlag,
    'allow-eviction': allowEvictionFlag,
    'max-orders': integerFlag({ description: 'exit after about this many orders', helpValue: 'N', min: 1 }),
  }

  async run() {
    const { flags } = await this.parse(Work)
    const { drain, 'max-orders': maxOrders, 'max-runtime': maxRuntime } = flags
    const concurrency = limitsOf(flags)
    const began = performance.now()
    const deadline = maxRuntime === undefined ? undefined : began + readDuration('max-runtime', maxRuntime)
    // Cron often starts drains, so waiting ones would pile up.
    const waitsForServers = !flags['no-wait'] && !drain
    const service = { finishes: 'the batches in progress', waitsForServers, deadline }
    const { signal, systemd, waiting, open } = this.startService(service)
    const progress = await this.startProgress()
    const seconds = () => (performance.now() - began) / 1000
    const emit = (event: WorkerEvent) => this.#follow(event, progress, systemd, seconds())
    const options = { concurrency, drain, deadline, maxOrders, signal, waiting, emit }
    try {
      const result = await open(
        async (app) => {
          await this.#noteIfBehind(app.db)
          const totals = await new Worker(app, options).run()
          progress.stop()
          if (!signal.aborted) await this.#noteIfPaused(app.queue, drain)
          return this.#show(totals, seconds())
        },
        { allowEviction: flags['allow-eviction'], agreeOnClock: true, connectQueue: true },
      )
      if (signal.aborted) this.setExitCode(EXIT.interrupted)
      return result ?? this.#show(NO_OUTCOMES, seconds())
    } finally {
      progress.stop()
      await systemd.flush()
    }
  }

  #follow(event: WorkerEvent, progress: Progress, systemd: ServiceManager, seconds: number) {
    switch (event.event) {
      case 'started':
        this.#logStart(event)
        return systemd.ready('no orders processed yet')
      case 'progress': {
        const done = event.processed
        return progress.update({ doing: 'Working', unit: 'orders', done, perSecond: done / seconds })
      }
      case 'scaled': {
        const { from, to } = event
        return this.logEvent(`Concurrent batches: ${from} -> ${to}.`, { event: 'scaled', fields: { from, to } })
      }
      case 'alive': {
        const [orders, batches] = [countOf(event.processed, 'order'), countOf(event.concurrency, 'batch', 'batches')]
        return systemd.alive(`${orders} processed (${event.ordersPerSecond}/s), up to ${batches} at a time`)
      }
      case 'stopping':
        return systemd.stopping()
      default:
        return this.note(event.text, { event: event.event })
    }
  }

  #logStart({ min, max }: Limits): void {
    const batches = min === max ? countOf(max, 'batch', 'batches') : `${min} to ${max} batches`
    const [database, queue] = [this.shownSetting('database'), this.shownSetting('queue')]
    this.logEvent(`Worker started: ${batches} at a time, database ${database}, queue ${queue}.`, {
      event: 'started',
      fields: { min_concurrency: min, max_concurrency: max, queue, database, pid: process.pid },
    })
  }

  /** If the clock was ahead when orders were stored, they are not due yet. */
  async #noteIfBehind(db: Database): Promise<void> {
    const behind = (await newestEntry(db)) - (await databaseTime(db))
    if (behind <= CLOCK_TOLERANCE_MS) return
    const late = duration(behind / 1000)
    this.noteWarning(
      `The clock is ${late} behind the newest entry in the database, so orders may start that late. Set the clock, then run \`orderctl doctor\`.`,
    )
  }

  async #noteIfPaused(queue: Queue, drain: boolean): Promise<void> {
    // The work is done, so an unreachable server is not a failure here.
    const paused = await queue.isPaused().catch((error: unknown) => {
      if (error instanceof UserError) return false
      throw error
    })
    if (!paused) return
    this.noteWarning(`The queue is paused. Resume it with: orderctl queue resume`)
    if (drain) this.setExitCode(EXIT.failed)
  }

  #show(totals: Outcomes, seconds: number) {
    const { completed, failed, rolledBack, postponed, setAside, repeated } = totals
    const processed = processedOf(totals)
    const result = {
      ...{ processed, completed, failed, rolled_back: rolledBack, postponed, set_aside: setAside },
      repeated_transactions: repeated,
      seconds: Math.round(seconds * 1000) / 1000,
      orders_per_second: Math.round(processed / seconds),
    }
    this.showList(pairs('Orders', 'Count'), [
      ['Completed', completed],
      ['Failed (out of stock)', failed],
      ['Rolled back (declined)', rolledBack],
      ['Processed', processed],
    ])
    const rate = groupThousands(result.orders_per_second)
    this.note(`Finished in ${duration(seconds)} (${rate} orders/s).`, { event: 'ended', fields: result })
    if (postponed > 0) {
      const charges = countOf(postponed, 'charge')
      this.noteWarning(`The gateway did not answer ${charges}. See: orderctl failed list --reason payment_unknown`)
    }
    if (setAside > 0) {
      const orders = countOf(setAside, 'order')
      this.noteWarning(`${orders} set aside: workers died or hung 5 times. See: orderctl failed list --reason poison`)
      this.setExitCode(EXIT.partly)
    }
    if (failed + rolledBack > 0) this.note('See the failures: orderctl failed list')
    return result
  }
}

function limitsOf(flags: Record<'concurrency' | 'min-concurrency' | 'max-concurrency', number | undefined>): Limits {
  const { concurrency, 'min-concurrency': min = concurrency, 'max-concurrency': max = concurrency } = flags
  const limits = { min: min ?? Math.min(5, max ?? 5), max: max ?? Math.max(20, min ?? 20) }
  if (limits.min <= limits.max) return limits
  const message = `--min-concurrency ${limits.min} is more than --max-concurrency ${limits.max}.`
  throw usageError({ code: 'bad_concurrency', message, fix: 'Swap them, or use --concurrency.' })
}
