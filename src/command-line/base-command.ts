// What every command has in common: the configuration, one way to show a result, and errors that say what to do next.
import { Command, Errors, Flags } from '@oclif/core'
import { type App, type AppOptions, withApp } from '../app.js'
import { type Config, type LoadedConfig, loadConfig, nearest, type SettingKey } from '../config.js'
import { EXIT, type ExitCode, UserError } from '../errors.js'
import type { Progress } from '../terminal/progress.js'
import { type Screen, screenOf } from '../terminal/screen.js'
import { renderCsv, renderTable, type Table } from '../terminal/table.js'
import { cleanText } from '../terminal/text.js'
import { LOG_FORMATS, type LogEvent, type LogFormat, logFormatIn, logLine, logProgress } from './log.js'

/** The flag of every command that prints a table. */
export const csvFlag = Flags.boolean({ description: 'print the table as CSV', exclusive: ['json'] })

export abstract class BaseCommand extends Command {
  static override enableJsonFlag = true
  static override baseFlags = {
    'log-format': Flags.option({ options: LOG_FORMATS })({
      description: 'what notes and errors on stderr are: sentences, or one JSON object a line [default: text]',
      helpGroup: 'GLOBAL',
      exclusive: ['json'],
    }),
  }

  #loaded: LoadedConfig | undefined

  protected get loadedConfig(): LoadedConfig {
    this.#loaded ??= loadConfig(process.env, {
      working: process.cwd(),
      user: this.config.configDir,
      data: this.config.dataDir,
    })
    return this.#loaded
  }

  protected get settings(): Config {
    return this.loadedConfig.config
  }

  protected get stdoutScreen(): Screen {
    return screenOf(process.stdout, process.env)
  }

  protected withApp<Result>(use: (app: App) => Promise<Result>, options: AppOptions = {}): Promise<Result> {
    const onNotice = (text: string) => this.note(text, { event: 'server_away', level: 'warn' })
    return withApp(this.settings, { onNotice, ...options }, use)
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
      return process.env['ORDERCTL_LOG_FORMAT'] === 'json' ? 'json' : 'text'
    }
  }

  /** A line for people, on stderr: notes, warnings, what to do next; in the JSON log, an event. Silent under --json. */
  protected note(text: string, event: LogEvent = { event: 'note' }): void {
    if (this.jsonEnabled()) return
    process.stderr.write(`${this.#logFormat === 'json' ? logLine(text, event) : text}\n`)
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
    return startProgress({ stream: process.stderr, environment: process.env, silent: this.jsonEnabled() })
  }

  /** The table on stdout, fitted to the terminal; as CSV where that is asked for. Silent under --json. */
  protected showTable(table: Table, { csv = false } = {}): void {
    if (this.jsonEnabled()) return
    process.stdout.write(`${csv ? renderCsv(table) : renderTable(table, this.stdoutScreen.width)}\n`)
  }

  /** A line of text on stdout. Silent under --json. */
  protected print(text: string): void {
    if (!this.jsonEnabled()) process.stdout.write(`${text}\n`)
  }

  /** The code that the process ends with once the result is out. */
  protected leaveWith(code: ExitCode): void {
    process.exitCode = code
  }

  /**
   * Aborted by the first Ctrl-C or SIGTERM, so that what is in hand can be finished; a second one leaves at once, which
   * loses nothing either, since all that counts is committed.
   *
   * @param finishing what is said about the first one; nothing where nothing is in hand
   */
  protected listenForInterruption(finishing?: string): AbortSignal {
    const controller = new AbortController()
    const onSignal = () => {
      if (controller.signal.aborted) process.exit(EXIT.interrupted)
      controller.abort()
      if (finishing) this.note(finishing, { event: 'interrupted' })
    }
    process.on('SIGINT', onSignal)
    process.on('SIGTERM', onSignal)
    return controller.signal
  }

  override async init(): Promise<void> {
    await super.init()
    process.once('beforeExit', this.#failUnfinished)
    // A reader that has seen enough (`| head`) is no failure of ours.
    process.stdout.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(EXIT.done)
      throw error
    })
    if (this.#logFormat !== 'json') return
    process.removeAllListeners('warning')
    process.on('warning', ({ message }) => this.note(message, { event: 'note', level: 'warn' }))
  }

  override async finally(error: Error | undefined): Promise<void> {
    process.removeListener('beforeExit', this.#failUnfinished)
    await super.finally(error)
  }

  /** Nothing is left that could end the wait of this command. Node would end with 13 and tell nobody why. */
  readonly #failUnfinished = () => {
    void this.catch(unfinished())
    process.exit()
  }

  override async catch(error: Error): Promise<void> {
    const problem = describeProblem(error)
    process.exitCode = problem.exit
    if (this.jsonEnabled()) {
      this.logJson(this.toErrorJson(problem))
      return
    }
    if (this.#logFormat === 'json') {
      const { code, message, fix, retryable } = problem
      const stack = process.env['DEBUG'] ? { stack: error.stack } : {}
      const fields = { error: { code, message, fix, retryable, ...stack }, exit_code: problem.exit }
      this.note(message, { event: 'failed', level: 'error', fields })
      return
    }
    process.stderr.write(`Error: ${cleanText(problem.message)}\n${cleanText(problem.fix)}\n`)
    if (process.env['DEBUG']) process.stderr.write(`${error.stack}\n`)
  }

  /** oclif would take the document apart again to colour it, which takes minutes and gigabytes for a long list. */
  override logJson(json: unknown): void {
    process.stdout.write(`${JSON.stringify(json, null, 2)}\n`)
  }

  protected override toErrorJson(error: unknown): unknown {
    const { code, message, fix, retryable } = describeProblem(error)
    return { error: { code, message, fix, retryable } }
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
