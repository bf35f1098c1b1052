import { Args, Flags } from '@oclif/core'
import type { App } from '../app.js'
import { BaseCommand } from '../command-line/base-command.js'
import { type ImportResult, importNotes, importResult, importTable } from '../command-line/import-view.js'
import { allowEvictionFlag } from '../command-line/selection-flags.js'
import { STDIN } from '../csv/bytes.js'
import { databaseExists } from '../database/connection.js'
import { EXIT, usageError } from '../errors.js'
import { dryRun } from '../import/dry-run.js'
import { type ImportOptions, type ImportOutcome, importOrders } from '../import/import-orders.js'
import { Rejects, type RejectsOptions, refuseRejects } from '../import/rejects.js'
import { cleanText } from '../terminal/text.js'

type ReadOptions = Omit<ImportOptions, 'openRejects' | 'resume'>

export default class Import extends BaseCommand {
  static override summary = 'Store the orders of a CSV file, ready for workers'
  static override description =
    'Finds columns by name: order_id, customer_id, customer_name, product_sku, product_name, quantity, unit_price, ' +
    'currency, order_date. Lines with the same order_id make one order. An order with an invalid line is not imported: ' +
    'its lines go to the rejects file with the reason. Orders fall due together, once the whole file is stored.'
  static override examples = [
    'orderctl import orders.csv',
    'orderctl import orders.csv --dry-run',
    'orderctl import orders.csv --resume',
    'zcat orders.csv.gz | orderctl import - --source webshop',
  ]
  static override args = {
    file: Args.string({ required: true, description: 'the CSV file; - reads standard input' }),
  }
  static override flags = {
    source: Flags.string({
      description: 'shop that the orders are from; order ids are unique within it',
      default: 'default',
    }),
    'dry-run': Flags.boolean({
      description: 'show what would happen, without writing anything',
      exclusive: ['resume'],
    }),
    'on-error': Flags.option({ options: ['skip', 'abort'] as const })({
      description: 'on an invalid line, skip its order, or abort the import and undo it',
      default: 'skip',
    }),
    rejects: Flags.string({ description: 'file for rejected lines [default: FILE.rejects.csv]', helpValue: 'FILE' }),
    force: Flags.boolean({
      description: 'replace the rejects file, whatever it holds; never the input or the database',
    }),
    'allow-eviction': allowEvictionFlag,
    resume: Flags.boolean({ description: 'continue an interrupted import of this file' }),
  }

  async run() {
    const { args, flags } = await this.parse(Import)
    const began = performance.now()
    const file = args.file === STDIN ? STDIN : this.path(args.file)
    const rejects = {
      input: file,
      database: this.settings.database,
      wanted: flags.rejects && this.path(flags.rejects),
      force: flags.force,
    }
    refuseRejects(rejects)
    const progress = await this.startProgress()
    const options: ReadOptions = {
      file,
      source: readSource(flags.source),
      onError: flags['on-error'],
      signal: this.listenForInterruption(() => 'Finishing the lines in progress; Ctrl-C again leaves at once.'),
      onWaiting: ({ file, pid }) => {
        const text = `Waiting for the import of ${cleanText(file)} by process ${pid}: one at a time from one source.`
        this.note(text, { event: 'waiting', fields: { file, pid } })
      },
      onProgress: (done, fraction) => {
        const perSecond = (done * 1000) / (performance.now() - began)
        progress.update({ doing: 'Importing', unit: 'lines', done, fraction, perSecond })
      },
    }
    this.logEvent(`Importing ${file}.`, {
      event: 'started',
      fields: { file, source: options.source, database: this.shownSetting('database'), pid: process.pid },
    })
    try {
      const outcome = flags['dry-run']
        ? await this.#dryRun(options)
        : await this.withApp((app) => this.#import(app, { ...options, resume: flags.resume }, rejects), {
            create: true,
            agreeOnClock: true,
            allowEviction: flags['allow-eviction'],
          })
      progress.stop()
      const seconds = Math.round(performance.now() - began) / 1000
      return this.#show(outcome, importResult(outcome, { file, seconds, dry_run: flags['dry-run'] ?? false }))
    } finally {
      progress.stop()
    }
  }

  async #import(app: App, options: Omit<ImportOptions, 'openRejects'>, rejects: RejectsOptions) {
    // Fails before anything is stored if the queue cannot be reached.
    await app.queue.connect()
    return importOrders(app, {
      ...options,
      openRejects: ({ rejects_file: file, rejects_bytes: bytes }) =>
        options.onError === 'abort' ? new Rejects() : new Rejects(rejects, { file, bytes }),
    })
  }

  async #dryRun(options: ReadOptions): Promise<ImportOutcome> {
    return (await databaseExists(this.settings.database))
      ? this.withApp(({ db }) => dryRun(db, this.settings, options))
      : dryRun(undefined, this.settings, options)
  }

  #show(outcome: ImportOutcome, result: ImportResult): ImportResult {
    this.showTable(importTable(result))
    for (const note of importNotes(outcome, result)) this.note(...note)
    const { rejected, conflicts, interrupted } = result
    if (rejected + conflicts > 0) this.leaveWith(EXIT.partly)
    if (interrupted) this.leaveWith(EXIT.interrupted)
    else if (outcome.unpublished) this.leaveWith(EXIT.unreachable)
    return result
  }
}

function readSource(text: string): string {
  // A source is part of every idempotency key, in front of a colon.
  if (/^[A-Za-z0-9._-]{1,64}$/.test(text)) return text
  const fix = 'Use letters, digits, ".", "_" and "-", 64 at the most.'
  throw usageError({ code: 'bad_source', message: `--source is "${text}", which cannot name a shop.`, fix })
}
