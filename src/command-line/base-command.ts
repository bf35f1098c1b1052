// The base class of all commands: configuration, output, interruption, and errors with a fix.
import { resolve } from 'node:path'
import { Command, Flags } from '@oclif/core'
import type { App, AppOptions, DatabaseOptions } from '../app.js'
import { type Config, isUnknownName, type LoadedConfig, loadConfig, type SettingKey } from '../config/config.js'
import type { Database } from '../database/connection.js'
import { describeStatistics, statistics } from '../database/statistics.js'
import { type Day, dayAt } from '../domain/business-day.js'
import { amountsAsNumbers, groupThousands } from '../domain/money.js'
import { EXIT, type ExitCode, UserError } from '../errors.js'
import type { Progress } from '../terminal/progress.js'
import { asciiOf, type Screen, screenOf } from '../terminal/screen.js'
import { renderCsv, renderTable, type Table } from '../terminal/table.js'
import { escapeJson } from '../terminal/text.js'
import { describeProblem, problemJson, problemText } from './failure.js'
import { type Host, processHost } from './host.js'
import { jsonFieldsOf, pickFields, refuseUnknownFields, takeFields } from './json-fields.js'
import { type Column, type Row, tableOf } from './list.js'
import {
  isLogged,
  LOG_FORMATS,
  type LogEvent,
  type LogFormat,
  type LogLevel,
  logFormatIn,
  logLine,
  logProgress,
} from './log.js'

/** For every command that prints a table. */
export const csvFlag = Flags.boolean({ description: 'print the table as CSV', exclusive: ['json'] })

interface ListOptions {
  /** The zone of the instants [default: that of the business day]. */
  readonly timeZone?: string
  readonly csv?: boolean
  /** Number of rows, including those not shown. */
  readonly total?: number
  /** Note to print if there are no rows. */
  readonly empty?: string
}

export abstract class BaseCommand extends Command {
  static override enableJsonFlag = true
  static override baseFlags = {
    json: Flags.boolean({ description: 'print one JSON document; --json=FIELD,… picks fields', helpGroup: 'GLOBAL' }),
    'log-format': Flags.option({ options: LOG_FORMATS })({
      description: 'format of notes and errors on stderr: text, or one JSON object per line [default: text]',
      helpGroup: 'GLOBAL',
      exclusive: ['json'],
    }),
    verbose: Flags.boolean({
      description: 'print how many statements the database ran, their time, and connections and retries',
      helpGroup: 'GLOBAL',
    }),
  }

  /** Tests set another one. */
  protected host: Host = processHost
  /** Whether a mistyped setting stops the command. */
  protected readonly readsSettings: boolean = true
  #loaded: LoadedConfig | undefined
  #jsonFields: readonly string[] | undefined

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

  /** The current business day. */
  protected get today(): Day {
    return dayAt(Date.now(), this.settings.timeZone)
  }

  protected get stdoutScreen(): Screen {
    return screenOf(this.host.stdout, this.host.environment)
  }

  protected get stderrScreen(): Screen {
    return screenOf(this.host.stderr, this.host.environment)
  }

  // What few commands use is loaded on demand, so others start faster.
  protected async withApp<Result>(use: (app: App) => Promise<Result>, options: AppOptions = {}): Promise<Result> {
    const { withApp } = await import('../app.js')
    return withApp(this.settings, options, use)
  }

  /** For commands that need only the database. */
  protected async withDatabase<Result>(use: (db: Database) => Promise<Result>, options: DatabaseOptions = {}) {
    const { withDatabase } = await import('../app.js')
    return withDatabase(this.settings, options, use)
  }

  /** The setting's value as text, with passwords masked. */
  protected shownSetting(key: SettingKey): string {
    return this.loadedConfig.settings.find((setting) => setting.key === key)?.value ?? ''
  }

  /** Invalid values are reported where they are read; a mistyped name would be ignored. */
  #refuseUnknownNames(): void {
    try {
      this.loadedConfig
    } catch (error) {
      if (isUnknownName(error)) throw error
    }
  }

  /** The log of an invalid configuration has the format that it asks for, too. */
  get #log(): { readonly logFormat: LogFormat; readonly logLevel: LogLevel } {
    try {
      return this.settings
    } catch {
      return { logFormat: this.host.environment['ORDERCTL_LOG_FORMAT'] === 'json' ? 'json' : 'text', logLevel: 'info' }
    }
  }

  get #logFormat(): LogFormat {
    return logFormatIn(this.argv) ?? this.#log.logFormat
  }

  get #logLevel(): LogLevel {
    return this.argv.includes('--verbose') ? 'debug' : this.#log.logLevel
  }

  /** Writes a line to stderr: text, or an event of the JSON log. Silent under --json. */
  protected note(text: string, event: LogEvent = { event: 'note' }): void {
    if (this.jsonEnabled() || !isLogged(event, this.#logLevel)) return
    const shown = this.stderrScreen.isAscii ? asciiOf(text) : text
    this.host.stderr.write(`${this.#logFormat === 'json' ? logLine(text, event) : shown}\n`)
  }

  /** Writes an event to the JSON log; prints nothing in text format. */
  protected logEvent(text: string, event: LogEvent): void {
    if (this.#logFormat === 'json') this.note(text, event)
  }

  /** Shows progress as a line redrawn on the terminal, or as events of the JSON log. */
  protected async startProgress(): Promise<Progress> {
    if (this.#logFormat === 'json') return logProgress((text, event) => this.logEvent(text, event))
    const { startProgress } = await import('../terminal/progress.js')
    return startProgress({ stream: this.host.stderr, environment: this.host.environment, silent: this.jsonEnabled() })
  }

  /** Prints the table as CSV, or fitted to the terminal's width. Silent under --json. */
  protected showTable(table: Table, { csv = false } = {}): void {
    if (this.jsonEnabled()) return
    this.host.stdout.write(`${csv ? renderCsv(table) : renderTable(table, this.stdoutScreen)}\n`)
  }

  /** Prints the rows as a table or CSV. Notes on stderr if there are none, or if rows were left out. */
  protected showList<Self extends Row<Self>>(
    columns: readonly Column<Self>[],
    rows: readonly Self[],
    { csv = false, total = rows.length, empty, timeZone = this.settings.timeZone }: ListOptions = {},
  ): void {
    if (rows.length > 0 || csv) this.showTable(tableOf(columns, rows, { csv, timeZone }), { csv })
    if (rows.length === 0 && empty) this.note(empty)
    const [shown, all] = [rows.length, total].map(groupThousands)
    if (rows.length < total) this.note(`${shown} of ${all}. All: --limit all`)
  }

  /** Prints a line. Silent under --json. */
  protected print(text: string): void {
    if (!this.jsonEnabled()) this.host.stdout.write(`${this.stdoutScreen.isAscii ? asciiOf(text) : text}\n`)
  }

  /** Resolves the path against the working folder. */
  protected path(text: string): string {
    return resolve(this.host.folder, text)
  }

  /** Sets the exit code. The process still runs until the result is written. */
  protected setExitCode(code: ExitCode): void {
    this.host.exitCode = code
  }

  /**
   * Returns a signal that the first Ctrl-C or SIGTERM aborts. A second one ends the process at once.
   *
   * @param finishing returns the note to print at the first one
   * @param leaving returns the note to print at the second one
   */
  protected listenForInterruption(
    finishing: () => string | undefined = () => undefined,
    leaving: () => string | undefined = () => undefined,
  ): AbortSignal {
    const controller = new AbortController()
    const onSignal = () => {
      const isSecond = controller.signal.aborted
      const text = (isSecond ? leaving : finishing)()
      if (text) this.note(text, { event: 'interrupted' })
      if (isSecond) this.host.exit(EXIT.interrupted)
      controller.abort()
    }
    this.host.onInterrupt(onSignal)
    return controller.signal
  }

  override async init(): Promise<void> {
    await super.init()
    this.#takeJsonFields()
    process.once('beforeExit', this.#failUnfinished)
    if (this.#logFormat === 'json')
      this.host.onWarning((message) => this.note(message, { event: 'note', level: 'warn' }))
    if (this.readsSettings) this.#refuseUnknownNames()
  }

  /** Leaves a plain --json to oclif. */
  #takeJsonFields(): void {
    const known = jsonFieldsOf(this.words)?.names ?? []
    ;({ argv: this.argv, fields: this.#jsonFields } = takeFields(this.argv, known))
    if (this.#jsonFields) refuseUnknownFields(this.#jsonFields, known)
  }

  /** The words of the command, such as `orders list`. */
  protected get words(): string {
    return this.id?.replaceAll(':', ' ') ?? ''
  }

  protected override toSuccessJson(result: unknown): unknown {
    return this.#jsonFields ? pickFields(result, this.#jsonFields, jsonFieldsOf(this.words)?.rows) : result
  }

  override async finally(error: Error | undefined): Promise<void> {
    process.removeListener('beforeExit', this.#failUnfinished)
    await super.finally(error)
    this.#showStatistics()
  }

  #showStatistics(): void {
    const fields = { ...statistics, milliseconds: Math.round(statistics.milliseconds) }
    const [text, event] = [describeStatistics(statistics), { event: 'statistics', fields } as const]
    if (!this.jsonEnabled()) this.note(text, event)
    else if (isLogged(event, this.#logLevel)) this.host.stderr.write(`${logLine(text, event)}\n`)
  }

  /** Reports that the event loop is empty before the command is done. Node would exit with 13 and no message. */
  readonly #failUnfinished = () => {
    this.#report(
      new UserError({
        code: 'unfinished',
        message: 'The command stopped before it finished: a connection was lost without an error.',
        fix: 'Committed data is safe. Check the servers with `orderctl doctor`, then run the command again.',
        retryable: true,
        exit: EXIT.unreachable,
      }),
    )
    process.exit()
  }

  override async catch(error: Error): Promise<void> {
    this.#report(error)
  }

  #report(error: Error): void {
    const { baseFlags, flags } = this.ctor
    const problem = describeProblem(error, {
      flags: ['json', ...Object.keys({ ...baseFlags, ...flags })],
      command: this.words,
    })
    const { code, message, fix, retryable, exit } = problem
    this.host.exitCode = exit
    const stack = this.host.environment['DEBUG'] ? error.stack : undefined
    if (this.jsonEnabled()) this.host.stderr.write(problemJson(problem))
    else if (this.#logFormat === 'json') {
      const fields = { error: { code, message, fix, retryable, stack }, exit_code: exit }
      this.note(message, { event: 'failed', fields })
    } else this.host.stderr.write(problemText(problem, stack))
  }

  /** Skips oclif's colouring, which parses the document again: a long list would take minutes and gigabytes. */
  override logJson(json: unknown): void {
    this.host.stdout.write(`${escapeJson(JSON.stringify(json, amountsAsNumbers, 2))}\n`)
  }
}
