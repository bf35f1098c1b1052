// What every command has in common: the configuration, one way to show a result, and errors that say what to do next.
import { Command, Errors, Flags } from '@oclif/core'
import { type App, type AppOptions, withApp } from '../app.js'
import { type Config, type LoadedConfig, loadConfig } from '../config.js'
import { EXIT, type ExitCode, UserError } from '../errors.js'
import { type Screen, screenOf } from '../terminal/screen.js'
import { renderCsv, renderTable, type Table } from '../terminal/table.js'
import { cleanText } from '../terminal/text.js'

/** The flag of every command that prints a table. */
export const csvFlag = Flags.boolean({ description: 'print the table as CSV', exclusive: ['json'] })

export abstract class BaseCommand extends Command {
  static override enableJsonFlag = true

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
    return withApp(this.settings, { onNotice: (text) => this.note(text), ...options }, use)
  }

  /** A line for people, on stderr: notes, warnings, what to do next. Silent under --json. */
  protected note(text: string): void {
    if (!this.jsonEnabled()) process.stderr.write(`${text}\n`)
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
      if (finishing) this.note(finishing)
    }
    process.on('SIGINT', onSignal)
    process.on('SIGTERM', onSignal)
    return controller.signal
  }

  override async init(): Promise<void> {
    await super.init()
    // A reader that has seen enough (`| head`) is no failure of ours.
    process.stdout.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(EXIT.done)
      throw error
    })
  }

  override async catch(error: Error): Promise<void> {
    const problem = describeProblem(error)
    process.exitCode = problem.exit
    if (this.jsonEnabled()) {
      this.logJson(this.toErrorJson(problem))
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

/** Any failure as one that has a next step. */
function describeProblem(error: unknown): UserError {
  if (error instanceof UserError) return error
  const message = error instanceof Error ? error.message : String(error)
  if (error instanceof Errors.CLIError) {
    return new UserError({
      code: 'usage',
      message: message.replace(/\s*See more help with --help$/, '').replace(/\s+/g, ' '),
      fix: 'Add --help to see what the command takes.',
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
