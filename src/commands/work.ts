import { Flags } from '@oclif/core'
import { readDuration } from '../command-line/durations.js'
import { pairs } from '../command-line/list.js'
import { allowEvictionFlag, integerFlag } from '../command-line/selection-flags.js'
import { noWaitFlag, ServiceCommand } from '../command-line/service-command.js'
import type { ServiceManager } from '../command-line/service-manager.js'
import { type ProgressEvent, WorkProgress } from '../command-line/work-progress.js'
import { CLOCK_TOLERANCE_MS, newestEntry } from '../database/clocks.js'
import type { Database } from '../database/connection.js'
import { databaseTime } from '../database/engine.js'
import { clockAt, dayAt } from '../domain/business-day.js'
import { groupThousands } from '../domain/money.js'
import { EXIT, UserError, usageError } from '../errors.js'
import { openSharedGateway } from '../payments/open-gateway.js'
import { countDueLater } from '../queue/due-orders.js'
import type { Queue } from '../queue/queue.js'
import { countOf, duration, isoTime } from '../terminal/text.js'
import { NO_OUTCOMES, type Outcomes, processedOf } from '../workflow/batch.js'
import { countUnanswered } from '../workflow/failures.js'
import { onceReachable } from '../workflow/outage.js'
import { Worker } from '../workflow/worker.js'
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
    'orderctl work --drain --wait',
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
    wait: Flags.boolean({
      description: 'with --drain, also wait for orders that are due later, such as retries',
      dependsOn: ['drain'],
    }),
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
    const { drain, wait: waitsForLater, 'max-orders': maxOrders, 'max-runtime': maxRuntime } = flags
    const concurrency = limitsOf(flags)
    const began = performance.now()
    const deadline = maxRuntime === undefined ? undefined : began + readDuration('max-runtime', maxRuntime)
    // Cron often starts drains, so waiting ones would pile up.
    const waitsForServers = !flags['no-wait'] && !drain
    let worker: Worker | undefined
    const inProgress = () => worker?.inProgress ?? 0
    const { signal, systemd, waiting, open } = this.startService({
      finishes: () => (inProgress() > 0 ? `${countOf(inProgress(), 'order')} in progress` : undefined),
      leaves: () => this.#leavingText(inProgress()),
      ...{ waitsForServers, deadline },
    })
    const progress = await this.startProgress()
    const reportsBacklog = this.stderrScreen.isTerminal && !this.jsonEnabled()
    const seconds = () => (performance.now() - began) / 1000
    const view = new WorkProgress(drain)
    const emit = (event: WorkerEvent) => {
      if (event.event === 'progress' || event.event === 'backlog')
        progress.update(view.next(event, { seconds: seconds(), inProgress: inProgress() }))
      else this.#follow(event, systemd)
    }
    const limits = { concurrency, deadline, maxOrders }
    const options = { ...limits, drain, waitsForLater, signal, waiting, reportsBacklog, emit }
    try {
      const result = await open(
        async (app) => {
          const start = { database: app.config.database, waiting }
          const since = await onceReachable(() => this.#noteIfBehind(app.db), start)
          if (since === undefined) return undefined
          worker = new Worker({ ...app, gateway: await openSharedGateway(app.config) }, options)
          const totals = await worker.run()
          progress.stop()
          // In an outage, a stopped worker must not wait for the database.
          const left = signal.aborted ? NOTHING_LEFT : await readLeft(app.db, since)
          if (!signal.aborted) await this.#noteIfPaused(app.queue, drain)
          const result = this.#show(totals, left, seconds())
          if (drain && !signal.aborted) this.#noteDueLater(left)
          return result
        },
        {
          ...{ allowEviction: flags['allow-eviction'], agreeOnClock: true, connectQueue: true },
          answerTimeoutMs: this.settings['workflow.answerTimeoutMs'],
        },
      )
      if (signal.aborted) this.setExitCode(EXIT.interrupted)
      return result ?? this.#show(NO_OUTCOMES, NOTHING_LEFT, seconds())
    } finally {
      progress.stop()
      await systemd.flush()
    }
  }

  #leavingText(orders: number): string | undefined {
    if (orders === 0) return undefined
    const count = orders === 1 ? '1 order is retried after its' : `${countOf(orders, 'order')} are retried after their`
    const lease = duration(this.settings['workflow.leaseMs'] / 1000)
    return `Ended. ${count} lease (${lease}) and never charged twice.`
  }

  #follow(event: Exclude<WorkerEvent, ProgressEvent>, systemd: ServiceManager) {
    switch (event.event) {
      case 'started':
        this.#logStart(event)
        return systemd.ready('no orders processed yet')
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

  #noteDueLater({ dueLater, nextDueAt, now }: Left): void {
    if (nextDueAt === null) return
    const { timeZone } = this.settings
    const [day, time] = clockAt(nextDueAt, timeZone).split(' ')
    const at = day === dayAt(now, timeZone) ? time : `${day} ${time}`
    const soon = duration(Math.ceil((nextDueAt - now) / 1000))
    const next =
      dueLater === 1
        ? `1 order is due later, at ${at}`
        : `${countOf(dueLater, 'order')} are due later; the next at ${at}`
    this.note(`${next} (in ${soon}). Wait for ${dueLater === 1 ? 'it' : 'them'}: orderctl work --drain --wait`)
  }

  /** If the clock was ahead when leases and retries were stored, they end too late. @returns the database's time */
  async #noteIfBehind(db: Database): Promise<number> {
    const now = await databaseTime(db)
    const behind = (await newestEntry(db)) - now
    if (behind <= CLOCK_TOLERANCE_MS) return now
    const late = duration(behind / 1000)
    this.noteWarning(
      `The clock is ${late} behind the newest entry in the database, so retries may start that late. Set the clock, then run \`orderctl doctor\`.`,
    )
    return now
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

  #show(totals: Outcomes, { scheduled, needReview, dueLater, nextDueAt }: Left, seconds: number) {
    const { completed, failed, rolledBack, setAside, repeated } = totals
    const processed = processedOf(totals)
    const result = {
      ...{ processed, completed, failed, rolled_back: rolledBack, postponed: scheduled },
      ...{ needs_review: needReview + setAside, set_aside: setAside },
      ...{ due_later: dueLater, next_due_at: isoTime(nextDueAt) },
      repeated_transactions: repeated,
      seconds: Math.round(seconds * 1000) / 1000,
      orders_per_second: Math.round(processed / seconds),
    }
    const unsettled: [string, number][] = [
      ['Scheduled for retry', scheduled],
      ['Needs review', result.needs_review],
    ]
    this.showList(pairs('Orders', 'Count'), [
      ['Completed', completed],
      ['Failed (out of stock)', failed],
      ['Rolled back (declined)', rolledBack],
      ['Processed', processed],
      ...unsettled.filter(([, orders]) => orders > 0),
    ])
    const rate = groupThousands(result.orders_per_second)
    this.note(`Finished in ${duration(seconds)} (${rate} orders/s).`, { event: 'ended', fields: result })
    this.#noteUnsettled(scheduled, needReview, setAside)
    if (failed + rolledBack > 0) this.note('See the failures: orderctl failed list')
    return result
  }

  #noteUnsettled(scheduled: number, needReview: number, setAside: number): void {
    if (scheduled > 0) {
      const orders = countOf(scheduled, 'order')
      this.noteWarning(`The gateway did not answer for ${orders} yet. They are charged again later with the same key.`)
    }
    if (needReview > 0) {
      const orders = countOf(needReview, 'order')
      this.noteWarning(
        `The payment of ${orders} is unknown after every attempt. See: orderctl failed list --reason payment_unknown`,
      )
    }
    if (setAside > 0) {
      const orders = countOf(setAside, 'order')
      this.noteWarning(`${orders} set aside: workers died or hung 5 times. See: orderctl failed list --reason poison`)
    }
    if (scheduled + needReview + setAside > 0) this.setExitCode(EXIT.partly)
  }
}

/** What a worker leaves behind: orders without an answer from the gateway, and orders that are due later. */
type Left = Awaited<ReturnType<typeof readLeft>>

const NOTHING_LEFT: Left = { scheduled: 0, needReview: 0, dueLater: 0, nextDueAt: null, now: 0 }

/** @param since when the worker started, by the database's clock */
async function readLeft(db: Database, since: number) {
  const { orders: dueLater, next: nextDueAt } = await countDueLater(db)
  return { ...(await countUnanswered(db, since)), dueLater, nextDueAt, now: await databaseTime(db) }
}

function limitsOf(flags: Record<'concurrency' | 'min-concurrency' | 'max-concurrency', number | undefined>): Limits {
  const { concurrency, 'min-concurrency': min = concurrency, 'max-concurrency': max = concurrency } = flags
  const limits = { min: min ?? Math.min(5, max ?? 5), max: max ?? Math.max(20, min ?? 20) }
  if (limits.min <= limits.max) return limits
  const message = `--min-concurrency ${limits.min} is more than --max-concurrency ${limits.max}.`
  throw usageError({ code: 'bad_concurrency', message, fix: 'Swap them, or use --concurrency.' })
}
