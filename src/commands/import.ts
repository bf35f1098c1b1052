import { Args, Flags } from '@oclif/core'
import type { App } from '../app.js'
import { BaseCommand } from '../command-line/base-command.js'
import { allowEvictionFlag } from '../command-line/queue-flags.js'
import { STDIN } from '../csv/bytes.js'
import { databaseExists } from '../database/connection.js'
import { EXIT, type UserError, usageError } from '../errors.js'
import { dryRun } from '../import/dry-run.js'
import { type ImportOptions, type ImportOutcome, importOrders } from '../import/import-orders.js'
import { Rejects, type RejectsOptions, refuseRejects } from '../import/rejects.js'
import { cleanText, countOf, duration } from '../terminal/text.js'

export interface ImportResult {
  /** Null for a dry run. */
  readonly import_id: string | null
  readonly file: string
  readonly source: string
  /** Data lines read; imported, duplicates, conflicts and rejected count lines and add up to it. */
  readonly rows: number
  /** New orders. */
  readonly orders: number
  readonly imported: number
  readonly duplicates: number
  readonly conflicts: number
  readonly rejected: number
  readonly products_created: number
  /** Orders that workers may take now. */
  readonly published: number
  readonly seconds: number
  readonly rejects_file: string | null
  readonly dry_run: boolean
  readonly interrupted: boolean
}

export default class Import extends BaseCommand {
  static override summary = 'Store the orders of a CSV file, ready for workers'
  static override description =
    `Columns are found by name: order_id, customer_id, customer_name, product_sku, product_name, quantity, unit_price, currency, order_date. Lines with the same order_id make one order. A bad line costs its order, never the import: it goes to the rejects file with the reason. Orders fall due together, once the whole file is stored.`
  static override examples = [
    '<%= config.bin %> <%= command.id %> orders.csv',
    '<%= config.bin %> <%= command.id %> orders.csv --dry-run',
    '<%= config.bin %> <%= command.id %> orders.csv --resume',
    'zcat orders.csv.gz | <%= config.bin %> <%= command.id %> - --source webshop',
  ]
  static override args = {
    file: Args.string({ required: true, description: 'the CSV file; - reads standard input' }),
  }
  static override flags = {
    source: Flags.string({
      description: 'the shop that the orders are from; order ids are unique within it',
      default: 'default',
    }),
    'dry-run': Flags.boolean({ description: 'tell all that would happen and write nothing', exclusive: ['resume'] }),
    'on-error': Flags.option({ options: ['skip', 'abort'] as const })({
      description: 'skip: a bad line costs its order; abort: it ends the import and takes back what it stored',
      default: 'skip',
    }),
    rejects: Flags.string({
      description: 'where rejected lines go [default: FILE.rejects.csv beside the file]',
      helpValue: 'FILE',
    }),
    force: Flags.boolean({
      description: 'replace the file for rejected lines whatever it holds; never the input or the database',
    }),
    'allow-eviction': allowEvictionFlag,
    resume: Flags.boolean({ description: 'go on with an import of this file that was cut off' }),
  }

  async run(): Promise<ImportResult> {
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
    const options: Omit<ImportOptions, 'openRejects' | 'resume'> = {
      file,
      source: readSource(flags.source),
      onError: flags['on-error'],
      signal: this.listenForInterruption(() => 'Finishing the lines in hand; Ctrl-C again leaves at once.'),
      onWaiting: (run) =>
        this.note(
          `Waiting for the import of ${cleanText(run.file)} by process ${run.pid}: one at a time from one source.`,
          { event: 'waiting', fields: { file: run.file, pid: run.pid } },
        ),
      onProgress: (rows, fraction) =>
        progress.update({
          doing: 'Importing',
          unit: 'lines',
          done: rows,
          ...(fraction === undefined ? {} : { fraction }),
          perSecond: rows / ((performance.now() - began) / 1000),
        }),
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
      return this.#show(outcome, { file, dry_run: flags['dry-run'] ?? false, began })
    } finally {
      progress.stop()
    }
  }

  async #import(app: App, options: Omit<ImportOptions, 'openRejects'>, rejects: RejectsOptions) {
    // A file that could not be published at its end had better wait.
    await app.queue.connect()
    return importOrders(app, {
      ...options,
      openRejects: (run) =>
        options.onError === 'abort'
          ? new Rejects()
          : new Rejects(rejects, { file: run.rejects_file, bytes: run.rejects_bytes }),
    })
  }

  async #dryRun(options: Omit<ImportOptions, 'openRejects' | 'resume'>): Promise<ImportOutcome> {
    return (await databaseExists(this.settings.database))
      ? this.withApp(({ db }) => dryRun(db, this.settings, options))
      : dryRun(undefined, this.settings, options)
  }

  #show(outcome: ImportOutcome, { file, dry_run, began }: { file: string; dry_run: boolean; began: number }) {
    const { run, examples, interrupted, published, unpublished } = outcome
    const result: ImportResult = {
      import_id: dry_run ? null : String(run.id),
      file,
      source: run.source,
      rows: run.rows,
      orders: run.orders,
      imported: run.imported,
      duplicates: run.duplicates,
      conflicts: run.conflicts,
      rejected: run.rejected,
      products_created: run.products_created,
      published,
      seconds: Math.round(performance.now() - began) / 1000,
      rejects_file: run.rejects_file,
      dry_run,
      interrupted,
    }
    this.showTable({
      columns: [{ heading: dry_run ? 'Would import' : 'Import' }, { heading: 'Count', align: 'right' }],
      rows: [
        ['lines read', result.rows],
        ['lines imported', result.imported],
        ['lines duplicate', result.duplicates],
        ['lines in conflict', result.conflicts],
        ['lines rejected', result.rejected],
        ['new orders', result.orders],
        ['new products', result.products_created],
      ],
    })
    for (const { line, reason } of examples) {
      const fields = { line, reason: cleanText(reason) }
      this.note(cleanText(`line ${line}: ${reason}`), { event: 'line_rejected', level: 'warn', fields })
    }
    this.#sayWhatNext(result, examples.length, unpublished)
    return result
  }

  #sayWhatNext(result: ImportResult, shown: number, unpublished: UserError | undefined): void {
    const notImported = result.rejected + result.conflicts
    if (notImported > shown) this.note(`… and ${countOf(notImported - shown, 'line')} more.`)
    if (result.rejects_file) {
      this.note(
        `${countOf(notImported, 'line')} not imported: mend them in ${result.rejects_file} and import that file.`,
        { event: 'note', level: 'warn' },
      )
    }
    if (notImported > 0) this.leaveWith(EXIT.partly)
    const ended = (level: 'info' | 'warn') => ({ event: 'ended', level, fields: { ...result } }) as const
    if (result.interrupted) {
      this.note(
        `Interrupted after ${countOf(result.rows, 'line')}. The same command with --resume goes on from there.`,
        ended('warn'),
      )
      this.leaveWith(EXIT.interrupted)
      return
    }
    const took = `${duration(result.seconds)}, ${countOf(Math.round(result.rows / result.seconds), 'line')} a second`
    if (unpublished) {
      this.note(`Done in ${took}, but: ${unpublished.message}\n${unpublished.fix}`, ended('warn'))
      this.leaveWith(EXIT.unreachable)
    } else if (result.dry_run) this.note(`Nothing was written (${took}).`, ended('info'))
    else if (result.published > 0) this.note(`Done in ${took}. Next: ${this.config.bin} work --drain`, ended('info'))
    else this.note(`Done in ${took}. No new orders.`, ended('info'))
  }
}

function readSource(text: string): string {
  // A source is part of every idempotency key, in front of a colon.
  if (/^[A-Za-z0-9._-]{1,64}$/.test(text)) return text
  throw usageError({
    code: 'bad_source',
    message: `--source is "${text}", which cannot name a shop.`,
    fix: 'Use letters, digits, ".", "_" and "-", 64 at the most.',
  })
}
