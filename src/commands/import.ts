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
  static override summary = 'Import orders from a CSV file'
  static override description =
    'Columns are matched by name: order_id, customer_id, customer_name, product_sku, product_name, quantity, ' +
    'unit_price, currency, order_date. Lines with the same order_id form one order. If any line of an order is ' +
    'invalid, the order is not imported and its lines are written to the rejects file with the reason. Workers can ' +
    'claim the orders once the entire file is stored. Fix the lines in the rejects file and import it: lines that are ' +
    'still invalid go back to it, and it is removed when none is left.'
  static override examples = [
    'orderctl import orders.csv',
    'orderctl import orders.csv --dry-run',
    'orderctl import orders.csv --resume',
    'orderctl import corrected.csv --update',
    'zcat orders.csv.gz | orderctl import - --source webshop',
  ]
  static override args = {
    file: Args.string({ required: true, description: 'CSV file, or - for standard input' }),
  }
  static override flags = {
    source: Flags.string({
      description: 'shop that the orders come from; order ids are unique within a source',
      helpValue: 'NAME',
      default: 'default',
    }),
    'dry-run': Flags.boolean({
      description: 'check the file and show the result, without writing anything',
      exclusive: ['resume'],
    }),
    'on-error': Flags.option({ options: ['skip', 'abort'] as const })({
      description: 'on an invalid line, skip the order, or abort and undo the import',
      default: 'skip',
    }),
    'any-date': Flags.boolean({
      description: 'accept order dates before 1970 and more than a year ahead',
    }),
    update: Flags.boolean({
      description: 'apply the file to stored orders with other content, if they are pending',
    }),
    rejects: Flags.string({ description: 'file for rejected lines [default: FILE.rejects.csv]', helpValue: 'FILE' }),
    force: Flags.boolean({
      description: 'overwrite the rejects file, but never the input or the database',
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
      anyDate: flags['any-date'],
      update: flags.update,
      signal: this.listenForInterruption(
        () => 'Finishing the lines in progress. Press Ctrl-C again to exit immediately.',
      ),
      onWaiting: ({ file, pid }) => {
        const text = `Waiting for process ${pid} to import ${cleanText(file)}: imports from one source run one at a time.`
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
    // If the queue is unreachable, fails before storing anything.
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
    if (rejected + conflicts > 0) this.setExitCode(EXIT.partly)
    if (interrupted) this.setExitCode(EXIT.interrupted)
    else if (outcome.unpublished) this.setExitCode(EXIT.unreachable)
    return result
  }
}

function readSource(text: string): string {
  // Idempotency keys start with the source and a colon.
  if (/^[A-Za-z0-9._-]{1,64}$/.test(text)) return text
  const fix = 'Use 1 to 64 letters, digits, ".", "_" and "-".'
  throw usageError({ code: 'bad_source', message: `--source "${text}" is not a valid source name.`, fix })
}
