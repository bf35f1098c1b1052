// What every command has in common: the configuration, one way to show a result, and errors that say what to do next.
import { resolve } from 'node:path'
import { Command, type Config as CommandConfig, Errors, Flags } from '@oclif/core'
import { type App, type AppOptions, type DatabaseOptions, withApp, withAppOnceReachable, withDatabase } from '../app.js'
import { type Config, type LoadedConfig, loadConfig, nearest, type SettingKey } from '../config/config.js'
import type { Database } from '../database/connection.js'
import { amountsAsNumbers, groupThousands } from '../domain/money.js'
import { EXIT, type ExitCode, UserError } from '../errors.js'
import type { Progress } from '../terminal/progress.js'
import { type Screen, screenOf } from '../terminal/screen.js'
import { renderCsv, renderTable, type Table } from '../terminal/table.js'
import { cleanText } from '../terminal/text.js'
import type { Waiting } from '../workflow/outage.js'
import { type Host, processHost } from './host.js'
import { type Column, type Row, tableOf } from './list.js'
import { LOG_FORMATS, type LogEvent, type LogFormat, logFormatIn, logLine, logProgress } from './log.js'

/** The flag of every command that prints a table. */
export const csvFlag = Flags.boolean({ description: 'print the table as CSV', exclusive: ['json'] })

interface ListOptions {
  readonly csv?: boolean
  /** How many there are, also those that are not shown. */
  readonly total?: number
  /** What to say if there are none. */
  readonly empty?: string
}

export abstract class BaseCommand extends Command {
  static override enableJsonFlag = true
  static override baseFlags = {
    'log-format': Flags.option({ options: LOG_FORMATS })({
      description: 'what notes and errors on stderr are: sentences, or one JSON object a line [default: text]',
      helpGroup: 'GLOBAL',
      exclusive: ['json'],
    }),
  }

  protected host = processHost
  #loaded: LoadedConfig | undefined

  /** Runs the command in a host other than its process. */
  static async runIn(
    this: new (
      argv: string[],
      config: CommandConfig,
    ) => BaseCommand,
    host: Host,
    argv: string[],
    config: CommandConfig,
  ): Promise<void> {
    const command = new this(argv, config)
    command.host = host
    await command._run()
  }

  protected get loadedConfig(): LoadedConfig {
    this.#loaded ??= loadConfig(this.host.environment, {
      working: this.host.folder,
      user: this.config.configDir,
      data: this.config.dataDir,
    })
    return this.#loaded
  }

  protected get settings(): Config {
    return this.loadedConfig.config
  }

  protected get stdoutScreen(): Screen {
    return screenOf(this.host.stdout, this.host.environment)
  }

  protected withApp<Result>(use: (app: App) => Promise<Result>, options: AppOptions = {}): Promise<Result> {
    return withApp(this.settings, options, use)
  }

  /** For commands that need the database alone. */
  protected withDatabase<Result>(
    use: (db: Database) => Promise<Result>,
    options: DatabaseOptions = {},
  ): Promise<Result> {
    return withDatabase(this.settings, options, use)
  }

  /** As withApp, for commands that run for good; undefined if the signal came while a server was waited for. */
  protected withAppOnceReachable<Result>(
    use: (app: App) => Promise<Result>,
    options: AppOptions & { readonly waiting: Waiting | undefined },
  ): Promise<Result | undefined> {
    return withAppOnceReachable(this.settings, options, use)
  }

  /** The setting's value in words, without passwords. */
  protected shownSetting(key: SettingKey): string {
    return this.loadedConfig.settings.find((setting) => setting.key === key)?.value ?? ''
  }

  get #logFormat(): LogFormat {
    const asked = logFormatIn(this.argv)
    if (asked) return asked
    try {
      return this.settings.logFormat
    } catch {
      // The configuration is what is wrong; this is to be told in the format that it would have named.
      return this.host.environment['ORDERCTL_LOG_FORMAT'] === 'json' ? 'json' : 'text'
    }
  }

  /** A line for people, on stderr: notes, warnings, what to do next; in the JSON log, an event. Silent under --json. */
  protected note(text: string, event: LogEvent = { event: 'note' }): void {
    if (this.jsonEnabled()) return
    this.host.stderr.write(`${this.#logFormat === 'json' ? logLine(text, event) : text}\n`)
  }

  /** As a note, but in the JSON log alone: what people see elsewhere, or would see too often. */
  protected logEvent(text: string, event: LogEvent): void {
    if (this.#logFormat === 'json') this.note(text, event)
  }

  /** How far the work is: a line that is redrawn on a terminal, events in the JSON log. */
  protected async startProgress(): Promise<Progress> {
    if (this.#logFormat === 'json') return logProgress((text, event) => this.logEvent(text, event))
    // Loaded where it is needed: other commands start sooner without it.
    const { startProgress } = await import('../terminal/progress.js')
    return startProgress({ stream: this.host.stderr, environment: this.host.environment, silent: this.jsonEnabled() })
  }

  /** The table on stdout, fitted to the terminal; as CSV where that is asked for. Silent under --json. */
  protected showTable(table: Table, { csv = false } = {}): void {
    if (this.jsonEnabled()) return
    this.host.stdout.write(`${csv ? renderCsv(table) : renderTable(table, this.stdoutScreen.width)}\n`)
  }

  /** Shows the rows as showTable does; says on stderr if there are none, or if the list was cut. */
  protected showList<Self extends Row<Self>>(
    columns: readonly Column<Self>[],
    rows: readonly Self[],
    { csv = false, total = rows.length, empty }: ListOptions = {},
  ): void {
    if (rows.length > 0 || csv) this.showTable(tableOf(columns, rows, csv), { csv })
    if (rows.length === 0 && empty) this.note(empty)
    if (rows.length < total)
      this.note(`${groupThousands(rows.length)} of ${groupThousands(total)}; --limit all shows all`)
  }

  /** A line of text on stdout. Silent under --json. */
  protected print(text: string): void {
    if (!this.jsonEnabled()) this.host.stdout.write(`${text}\n`)
  }

  /** The path as it is seen from the working folder. */
  protected path(text: string): string {
    return resolve(this.host.folder, text)
  }

  /** The code that the process ends with once the result is out. */
  protected leaveWith(code: ExitCode): void {
    this.host.exitCode = code
  }

  /**
   * Aborted by the first Ctrl-C or SIGTERM, so that what is in hand can be finished; a second one leaves at once, which
   * loses nothing either, since all that counts is committed.
   *
   * @param finishing what to say about the first one; nothing where nothing is in hand
   */
  protected listenForInterruption(finishing: () => string | undefined = () => undefined): AbortSignal {
    const controller = new AbortController()
    const onSignal = () => {
      if (controller.signal.aborted) this.host.exit(EXIT.interrupted)
      controller.abort()
      const text = finishing()
      if (text) this.note(text, { event: 'interrupted' })
    }
    this.host.onInterrupt(onSignal)
    return controller.signal
  }

  override async init(): Promise<void> {
    await super.init()
    process.once('beforeExit', this.#failUnfinished)
    // A reader that has seen enough (`| head`) is no failure of ours.
    this.host.stdout.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error
      this.host.exit(EXIT.done)
    })
    if (this.#logFormat !== 'json') return
    this.host.onWarning((message) => this.note(message, { event: 'note', level: 'warn' }))
  }

  override async finally(error: Error | undefined): Promise<void> {
    process.removeListener('beforeExit', this.#failUnfinished)
    await super.finally(error)
  }

  /** Nothing is left that could end the wait of this command. Node would end with 13 and tell nobody why. */
  readonly #failUnfinished = () => {
    this.#report(unfinished())
    process.exit()
  }

  override async catch(error: Error): Promise<void> {
    this.#report(error)
  }

  #report(error: Error): void {
    const problem = describeProblem(error)
    const { code, message, fix, retryable } = problem
    this.host.exitCode = problem.exit
    if (this.jsonEnabled()) {
      this.logJson({ error: { code, message, fix, retryable } })
      return
    }
    if (this.#logFormat === 'json') {
      const stack = this.host.environment['DEBUG'] ? { stack: error.stack } : {}
      const fields = { error: { code, message, fix, retryable, ...stack }, exit_code: problem.exit }
      this.note(message, { event: 'failed', level: 'error', fields })
      return
    }
    this.host.stderr.write(`Error: ${cleanText(message)}\n${cleanText(fix)}\n`)
    if (this.host.environment['DEBUG']) this.host.stderr.write(`${error.stack}\n`)
  }

  /** oclif would take the document apart again to colour it, which takes minutes and gigabytes for a long list. */
  override logJson(json: unknown): void {
    this.host.stdout.write(`${JSON.stringify(json, amountsAsNumbers, 2)}\n`)
  }
}

/** For a word that is not among those that a flag or an argument takes. */
function didYouMean(message: string): string {
  const [, word, options] = /^Expected (?:--[\w-]+=)?(.*) to be one of: (.*)$/m.exec(message) ?? []
  const meant = word && options && nearest(word, options.split(', '))
  return meant ? `Did you mean "${meant}"? ` : ''
}

function unfinished(): UserError {
  return new UserError({
    code: 'unfinished',
    message: 'The command stopped before it was done: a connection was lost, and the loss was not reported.',
    fix: 'What was committed is safe. Check that the servers are up (orderctl doctor), then run the command again.',
    retryable: true,
    exit: EXIT.unreachable,
  })
}

/** Any failure as one that has a next step. */
function describeProblem(error: unknown): UserError {
  if (error instanceof UserError) return error
  const message = error instanceof Error ? error.message : String(error)
  if (error instanceof Errors.CLIError) {
    return new UserError({
      code: 'usage',
      message: message.replace(/\s*See more help with --help$/, '').replace(/\s+/g, ' '),
      fix: `${didYouMean(message)}Add --help to see what the command takes.`,
      exit: error.oclif.exit === EXIT.usage ? EXIT.usage : EXIT.failed,
    })
  }
  return new UserError(
    {
      code: 'internal',
      message: `orderctl met something it was not made for: ${message}`,
      fix: 'What was committed is safe. Run it again with DEBUG=* and report the output; it is a bug of ours.',
    },
    { cause: error },
  )
}
