import { basename } from 'node:path'
import { Args, Flags, type Interfaces } from '@oclif/core'
import type { App } from '../../app.js'
import {
  ANSWER_FLAGS,
  type Asking,
  answersOf,
  flagsGiven,
  questionsError,
  requireSource,
  sourceOfImport,
} from '../../command-line/import-answers.js'
import {
  type EachOptions,
  exitCodeOf,
  importEach,
  summaryResult,
  summaryTable,
  summaryText,
  worstExitCode,
} from '../../command-line/import-summary.js'
import {
  endNote,
  type ImportResult,
  importResult,
  importTable,
  readNote,
  rejectionNotes,
} from '../../command-line/import-view.js'
import { allowEvictionFlag } from '../../command-line/selection-flags.js'
import { WatchingCommand, watchFlags } from '../../command-line/watching-command.js'
import { STDIN } from '../../csv/bytes.js'
import { type Database, databaseExists, explainDatabaseError, placeOf } from '../../database/connection.js'
import { usageError } from '../../errors.js'
import { dryRun } from '../../import/dry-run.js'
import { type ImportOptions, type ImportOutcome, importOrders } from '../../import/import-orders.js'
import { type ImportRun, RUNNING } from '../../import/import-record.js'
import type { Answers } from '../../import/mapping/mapping.js'
import { OpenQuestions } from '../../import/reader.js'
import { Rejects, type RejectsOptions, refuseRejects } from '../../import/rejects.js'
import { cleanText } from '../../terminal/text.js'

type ImportFlags = Interfaces.InferredFlags<typeof Import.flags>

/** Imports or checks one file. */
type ImportFile = (
  options: Omit<ImportOptions, 'openRejects'>,
  openRejects: ImportOptions['openRejects'],
) => Promise<ImportOutcome>

interface FileOptions {
  readonly flags: ImportFlags
  readonly signal: AbortSignal
  readonly importFile: ImportFile
  /** Position of the file on the command line. */
  readonly index: number
  readonly asking: Asking
}

const WATCHING = Object.keys(watchFlags)

/** Flags that the import of the rejected lines does not need. */
const NOT_REPEATED = [...WATCHING, 'dry-run', 'rejects', 'force', 'resume', 'discard']

export default class Import extends WatchingCommand {
  static override summary = 'Import orders from a CSV file'
  static override description =
    'Reads exports of well-known shops (see "orderctl import presets"), and other files with a line per item by the ' +
    'names of their columns. Encoding, delimiter, decimal mark and date order are found out; "orderctl import inspect ' +
    'FILE" shows how. What a file leaves open must be answered by a flag, or in the configuration of the source: ' +
    'nothing is guessed. Lines with the same order id form one order. If any line of an order is invalid, the order is ' +
    'not imported and its lines are written to the rejects file with the reason. Fix them there and import that file: ' +
    'lines that are still invalid go back to it, and it is removed when none is left. Cancelled orders and returns are ' +
    'skipped and counted. Workers can claim the orders once the entire file is stored. Each of several files is an ' +
    'import of its own, in the given order; --dry-run checks each on its own.'
  static override examples = [
    'orderctl import orders.csv',
    'orderctl import orders.csv --dry-run',
    'orderctl import orders.csv --currency EUR --date-format dmy',
    'orderctl import orders.csv --map shop.json --source webshop',
    'orderctl import orders.csv --resume',
    'orderctl import exports/*.csv',
    'orderctl import corrected.csv --update',
    'shop-export | orderctl import - --source webshop',
    'orderctl import --watch /srv/orders --source webshop',
  ]
  static override args = {
    file: Args.string({ required: true, multiple: true, description: 'CSV files, or - for standard input' }),
  }
  static override flags = {
    source: sourceOfImport,
    'dry-run': Flags.boolean({
      description: 'check the file and show the result, without writing anything',
      exclusive: ['resume', 'discard'],
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
    resume: Flags.boolean({ description: 'continue an interrupted import of this file', exclusive: ['discard'] }),
    discard: Flags.boolean({ description: 'undo an interrupted import of the source, then import this file' }),
    ...ANSWER_FLAGS,
    ...watchFlags,
  }

  #answers: Answers = {}

  async run() {
    const { args, flags, raw } = await this.parse(Import)
    const files = args.file.map((file) => (file === STDIN ? STDIN : this.path(file)))
    const [file, ...more] = files
    if (more.length > 0 && flags.rejects !== undefined) {
      const message = '--rejects names one file, but there are several to import.'
      throw usageError({
        code: 'rejects_for_several',
        message,
        fix: 'Omit --rejects: each file gets a file of its own.',
      })
    }
    requireSource(flags.source)
    const configured = this.settings.sources.get(flags.source)
    this.#answers = await answersOf(flags, configured, (path) => this.path(path))
    this.flagsGiven = flagsGiven(raw, NOT_REPEATED)
    const askingFor = (file: string): Asking => ({ file, source: flags.source, flags: flagsGiven(raw, WATCHING) })
    if (flags.watch) {
      const options = { flags: { ...flags, resume: true }, index: 0 }
      return this.watchFolder(files, flags, ({ app, file, signal }) =>
        this.#importOne(file, { ...options, signal, importFile: importerOf(app), asking: askingFor(file) }),
      )
    }
    for (const file of files) refuseRejects(this.#rejectsOf(file, flags))
    const signal = this.listenForInterruption(
      () => 'Finishing the lines in progress. Ctrl-C again ends at once.',
      () => (flags['dry-run'] ? undefined : 'Ended at once. To continue, run the same command with --resume.'),
    )
    return this.#open(flags, async (importFile) => {
      const importOne = (file: string, index: number) =>
        this.#importOne(file, { flags, signal, importFile, index, asking: askingFor(args.file[index] ?? STDIN) })
      if (file !== undefined && more.length === 0) return this.#show(await importOne(file, 0))
      return this.#importAll(files, flags, { importOne, signal })
    })
  }

  /** Opens what the import or the dry run needs. */
  async #open<Result>(flags: ImportFlags, use: (importFile: ImportFile) => Promise<Result>): Promise<Result> {
    if (flags['dry-run']) {
      const check = (db?: Database) => use((options) => dryRun(db, this.settings, options))
      return (await databaseExists(this.settings.database)) ? this.withApp(({ db }) => check(db)) : check()
    }
    return this.withApp(
      async (app) => {
        // If the queue is unreachable, fails before storing anything.
        await app.queue.connect()
        return use(importerOf(app))
      },
      { create: true, agreeOnClock: true, allowEviction: flags['allow-eviction'] },
    )
  }

  async #importOne(file: string, { flags, signal, importFile, index, asking }: FileOptions) {
    const { source } = flags
    const began = performance.now()
    const progress = await this.startProgress()
    this.logEvent(`Importing ${file}.`, {
      event: 'started',
      fields: { file, source, database: this.shownSetting('database'), pid: process.pid },
    })
    try {
      const options: Omit<ImportOptions, 'openRejects'> = {
        ...{
          file,
          source,
          signal,
          onError: flags['on-error'],
          anyDate: flags['any-date'],
          update: flags.update,
          resume: flags.resume,
        },
        // A file that fails is not discarded for the next one.
        discard: flags.discard && index === 0,
        answers: this.#answers,
        onWaiting: (run) => this.#noteWaiting(run),
        onProgress: (done, linesRead, fraction) => {
          const perSecond = (linesRead * 1000) / (performance.now() - began)
          progress.update({ doing: 'Importing', unit: 'lines', done, fraction, perSecond })
        },
      }
      const outcome = await importFile(options, ({ rejects_file: file, rejects_bytes: bytes }) =>
        options.onError === 'abort'
          ? new Rejects()
          : new Rejects(this.#rejectsOf(options.file, flags), { file, bytes }),
      )
      const seconds = Math.round(performance.now() - began) / 1000
      const shown = { file, database: this.shownSetting('database'), seconds, dry_run: flags['dry-run'] ?? false }
      return { outcome, result: importResult(outcome, shown) }
    } catch (error) {
      throw error instanceof OpenQuestions ? questionsError(error.questions, asking) : error
    } finally {
      progress.stop()
    }
  }

  async #importAll(
    files: readonly string[],
    { source, 'dry-run': dry_run }: ImportFlags,
    { importOne, signal }: Pick<EachOptions, 'importOne' | 'signal'>,
  ) {
    const { database } = this.settings
    const began = performance.now()
    const reports = await importEach(files, {
      signal,
      explain: (error) => explainDatabaseError(error, database) ?? error,
      importOne: async (file, index) => {
        const imported = await importOne(file, index)
        const { outcome, result } = imported
        this.#showNotes(outcome, result, cleanText(basename(file)))
        this.logEvent(...endNote(outcome, result, placeOf(database)))
        return imported
      },
    })
    this.showTable(summaryTable(reports))
    for (const { file, error } of reports) {
      if (!error) continue
      const text = `${cleanText(basename(file))} failed: ${cleanText(error.message)}\n${cleanText(error.fix)}`
      this.note(text, { event: 'note', level: 'error' })
    }
    const seconds = Math.round(performance.now() - began) / 1000
    this.note(summaryText(reports, { place: placeOf(database), source, seconds, dry_run, flags: this.flagsGiven }))
    this.setExitCode(worstExitCode(reports))
    return summaryResult(reports)
  }

  #rejectsOf(file: string, { rejects, force }: ImportFlags): RejectsOptions {
    return { input: file, database: this.settings.database, wanted: rejects && this.path(rejects), force }
  }

  #noteWaiting({ file, pid, host }: ImportRun): void {
    const text =
      `Waiting, because imports from one source run one at a time: the import of ${cleanText(file)} ${RUNNING} ` +
      `(process ${pid} on ${cleanText(host)}).`
    this.note(text, { event: 'waiting', fields: { file, pid } })
  }

  /** @param file its name, if there are several */
  #showNotes(outcome: ImportOutcome, result: ImportResult, file?: string): void {
    if (outcome.read) this.note(...readNote(outcome.read, file && `${file}: `))
    const prefix = file && `${file}, `
    for (const note of rejectionNotes(outcome, result, { flags: this.flagsGiven, prefix })) this.note(...note)
  }

  #show({ outcome, result }: { readonly outcome: ImportOutcome; readonly result: ImportResult }): ImportResult {
    this.showTable(importTable(result))
    this.#showNotes(outcome, result)
    this.note(...endNote(outcome, result, placeOf(this.settings.database)))
    this.setExitCode(exitCodeOf(outcome, result))
    return result
  }
}

function importerOf(app: App): ImportFile {
  return (options, openRejects) => importOrders(app, { ...options, openRejects })
}
