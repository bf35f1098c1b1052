import { Flags } from '@oclif/core'
import { BaseCommand } from '../command-line/base-command.js'
import { readDuration } from '../command-line/durations.js'
import { allowEvictionFlag } from '../command-line/queue-flags.js'
import { serviceManager } from '../command-line/service-manager.js'
import { noWaitFlag, waitingFor } from '../command-line/waiting.js'
import { CLOCK_TOLERANCE_MS, newestEntry } from '../database/clocks.js'
import type { Database } from '../database/connection.js'
import { databaseTime } from '../database/engine.js'
import { EXIT, UserError, usageError } from '../errors.js'
import type { Queue } from '../queue/queue.js'
import { countOf, duration } from '../terminal/text.js'
import type { Limits } from '../workflow/autoscale.js'
import type { WorkFigures } from '../workflow/heartbeat.js'
import { NO_TOTALS, type WorkTotals, work } from '../workflow/worker.js'

export interface WorkResult {
  /** Orders settled: completed, failed and rolled back. */
  readonly processed: number
  readonly completed: number
  readonly failed: number
  readonly rolled_back: number
  /** Charges that the gateway gave no answer to. */
  readonly postponed: number
  /** Orders set aside for a person: worker after worker died or hung at them. */
  readonly set_aside: number
  /** Transactions that the database gave up for another's sake, a deadlock for instance, and that were done again. */
  readonly repeated_transactions: number
  readonly seconds: number
  readonly orders_per_second: number
}

export default class Work extends BaseCommand {
  static override summary = 'Take orders through stock, payment and settlement'
  static override description =
    `Runs until it is stopped; the first Ctrl-C or SIGTERM finishes the batches in hand. Any number of workers may run at once: an order is in one hand at a time. Orders of a worker that died are taken over when its lease ends. Unless --concurrency holds it, the number of batches in hand follows the backlog. A server that is away when the worker starts is waited for, unless --no-wait or --drain is given: then the worker ends with exit code 4. One that goes away later is always waited for, and so is space on a full disk.`
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --drain',
    '<%= config.bin %> <%= command.id %> --concurrency 10 --max-runtime 1h',
  ]
  static override flags = {
    concurrency: Flags.integer({
      description: 'batches in hand at a time, whatever there is to do',
      min: 1,
      max: 1000,
      exclusive: ['min-concurrency', 'max-concurrency'],
    }),
    'min-concurrency': Flags.integer({
      description: 'batches in hand at a time with little to do [default: 5, or --max-concurrency where that is less]',
      min: 1,
      max: 1000,
    }),
    'max-concurrency': Flags.integer({
      description: 'batches in hand at a time with much to do [default: 20, or --min-concurrency where that is more]',
      min: 1,
      max: 1000,
    }),
    drain: Flags.boolean({ description: 'end when nothing is due or in flight' }),
    'max-runtime': Flags.string({
      description: 'end after this long, waiting included: 90s, 15m, 8h; a plain number is seconds',
    }),
    'no-wait': noWaitFlag,
    'allow-eviction': allowEvictionFlag,
    'max-orders': Flags.integer({ description: 'end after about this many orders', min: 1 }),
  }

  async run(): Promise<WorkResult> {
    const { flags } = await this.parse(Work)
    const began = performance.now()
    const maxRuntime = flags['max-runtime']
    const deadline = maxRuntime === undefined ? undefined : began + readDuration('max-runtime', maxRuntime)
    const systemd = serviceManager(this.host.environment, (text) => this.note(text, { event: 'note', level: 'warn' }))
    let isAtWork = false
    const signal = this.listenForInterruption(() =>
      isAtWork ? 'Finishing the batches in hand; Ctrl-C again leaves at once.' : undefined,
    )
    const note = this.note.bind(this)
    // A drain ends by itself, and whoever starts drains starts the next one: those that wait would pile up.
    const isPatient = !flags['no-wait'] && !flags.drain
    const waiting = isPatient ? waitingFor({ signal, deadline, systemd, note }) : undefined
    const progress = await this.startProgress()
    const perSecond = (processed: number) => processed / ((performance.now() - began) / 1000)
    try {
      const result = await this.withAppOnceReachable(
        async (app) => {
          await this.#noteIfBehind(app.db)
          const totals = await work(app, {
            concurrency: readLimits(flags),
            drain: flags.drain,
            deadline,
            maxOrders: flags['max-orders'],
            signal,
            waiting,
            onNotice: (text, event) =>
              this.note(text, { event, level: event === 'server_away' || event === 'retrying' ? 'warn' : 'info' }),
            onStarted: (limits) => {
              isAtWork = true
              this.#logStart(limits)
              systemd.ready('nothing processed yet')
            },
            onScaled: (from, to) =>
              this.logEvent(`From ${from} to ${to} batches in hand.`, { event: 'scaled', fields: { from, to } }),
            onThreadLost: (text) => this.note(text, { event: 'thread_lost', level: 'warn' }),
            onAlive: (figures) => systemd.alive(statusText(figures)),
            onStopping: () => systemd.stopping(),
            onProgress: ({ processed }) =>
              progress.update({ doing: 'Working', unit: 'orders', done: processed, perSecond: perSecond(processed) }),
          })
          progress.stop()
          if (!signal.aborted) await this.#noteIfPaused(app.queue, flags.drain)
          return this.#show(totals, (performance.now() - began) / 1000)
        },
        { allowEviction: flags['allow-eviction'], agreeOnClock: true, connectQueue: true, waiting },
      )
      if (signal.aborted) this.leaveWith(EXIT.interrupted)
      return result ?? this.#show(NO_TOTALS, (performance.now() - began) / 1000)
    } finally {
      progress.stop()
      await systemd.told()
    }
  }

  #logStart({ min, max }: Limits): void {
    const batches = min === max ? countOf(max, 'batch', 'batches') : `${min} to ${max} batches`
    const [database, queue] = [this.shownSetting('database'), this.shownSetting('queue')]
    this.logEvent(`Working with ${batches} in hand, on ${database}; queue: ${queue}.`, {
      event: 'started',
      fields: { min_concurrency: min, max_concurrency: max, queue, database, pid: process.pid },
    })
  }

  /** What falls due by another clock waits in silence. */
  async #noteIfBehind(db: Database): Promise<void> {
    const behind = (await newestEntry(db)) - (await databaseTime(db))
    if (behind <= CLOCK_TOLERANCE_MS) return
    this.note(
      `The clock is ${duration(behind / 1000)} behind the newest entry in the database, so orders may wait as long. Set the clock; \`${this.config.bin} doctor\` compares again.`,
      { event: 'note', level: 'warn' },
    )
  }

  async #noteIfPaused(queue: Queue, drain: boolean): Promise<void> {
    // The work is done; a server that went away since then changes nothing about it.
    const paused = await queue.isPaused().catch((error: unknown) => {
      if (error instanceof UserError) return false
      throw error
    })
    if (!paused) return
    this.note(`The queue is paused, so orders wait in it. To go on: ${this.config.bin} queue resume`, {
      event: 'note',
      level: 'warn',
    })
    if (drain) this.leaveWith(EXIT.failed)
  }

  #show(totals: WorkTotals, seconds: number): WorkResult {
    const result: WorkResult = {
      processed: totals.processed,
      completed: totals.completed,
      failed: totals.failed,
      rolled_back: totals.rolledBack,
      postponed: totals.postponed,
      set_aside: totals.setAside,
      repeated_transactions: totals.repeated,
      seconds: Math.round(seconds * 1000) / 1000,
      orders_per_second: Math.round(totals.processed / seconds),
    }
    this.showTable({
      columns: [{ heading: 'Orders' }, { heading: 'Count', align: 'right' }],
      rows: [
        ['completed', result.completed],
        ['failed (no stock)', result.failed],
        ['rolled back (declined)', result.rolled_back],
        ['processed', result.processed],
      ],
    })
    this.note(`${duration(seconds)}, ${countOf(result.orders_per_second, 'order')} a second.`, {
      event: 'ended',
      fields: { ...result },
    })
    if (totals.postponed > 0) {
      this.note(
        `The gateway gave no answer to ${countOf(totals.postponed, 'charge')}; ` +
          `\`${this.config.bin} failed list --reason payment_unknown\` shows the orders that wait for you.`,
        { event: 'note', level: 'warn' },
      )
    }
    if (totals.setAside > 0) {
      this.note(
        `Set aside ${countOf(totals.setAside, 'order')} whose workers died or hung 5 times; ` +
          `\`${this.config.bin} failed list --reason poison\` shows them.`,
        { event: 'note', level: 'warn' },
      )
      this.leaveWith(EXIT.partly)
    }
    if (result.failed + result.rolled_back > 0) this.note(`Why some were not sold: ${this.config.bin} failed list`)
    return result
  }
}

/** As `systemctl status` shows it. */
function statusText({ processed, ordersPerSecond, concurrency }: WorkFigures): string {
  const batches = countOf(concurrency, 'batch', 'batches')
  return `${countOf(processed, 'order')} processed, ${ordersPerSecond} a second, up to ${batches} in hand`
}

interface ConcurrencyFlags {
  readonly concurrency: number | undefined
  readonly 'min-concurrency': number | undefined
  readonly 'max-concurrency': number | undefined
}

function readLimits({ concurrency, 'min-concurrency': min, 'max-concurrency': max }: ConcurrencyFlags): Limits {
  if (concurrency !== undefined) return { min: concurrency, max: concurrency }
  const limits = { min: min ?? Math.min(5, max ?? 5), max: max ?? Math.max(20, min ?? 20) }
  if (limits.min <= limits.max) return limits
  throw usageError({
    code: 'bad_concurrency',
    message: `--min-concurrency ${limits.min} is more than --max-concurrency ${limits.max}.`,
    fix: 'Swap them, or give one --concurrency.',
  })
}
