// The command line in a temporary folder with a database of its own. A process that a test leaves running fails that test.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { type Config, loadConfig } from '../../src/config/config.js'
import { type Outcome, runInProcess } from './in-process.js'

export type { Outcome }

export const BINARY = resolve(import.meta.dirname, '../../bin/run.js')

/** A run of the binary that the test goes on beside. */
export interface Running {
  readonly child: ChildProcess
  readonly ended: Promise<Outcome>
  /** Resolves once stderr or stdout holds the text; rejects when the process ends without. */
  saw(text: string): Promise<void>
}

function parseJson({ code, stdout, stderr }: Outcome): { code: number | null; result: unknown } {
  if (stderr !== '') throw new Error(`--json said something on stderr: ${stderr}`)
  return { code, result: JSON.parse(stdout) }
}

/** Runs commands in the folder, on the database that the subclass names. */
export abstract class Cli {
  readonly folder = mkdtempSync(join(tmpdir(), 'orderctl-test-'))
  readonly #running = new Map<string, ChildProcess>()

  abstract readonly databaseUrl: string

  /** What the binary is to know of the world. */
  get environment(): Record<string, string> {
    const { PATH = '' } = process.env
    return {
      PATH,
      HOME: this.folder,
      XDG_CONFIG_HOME: this.folder,
      XDG_DATA_HOME: this.folder,
      ORDERCTL_DATABASE_URL: this.databaseUrl,
    }
  }

  /** What the binary would be told here. @throws UserError where a value cannot be meant */
  config(environment: Record<string, string> = {}): Config {
    const folders = { working: this.folder, user: this.folder, data: this.folder }
    return loadConfig({ ...this.environment, ...environment }, folders).config
  }

  file(name: string, content: string | Buffer): string {
    const path = join(this.folder, name)
    writeFileSync(path, content)
    return path
  }

  run(...args: string[]): Promise<Outcome> {
    return this.runWith({}, ...args)
  }

  /** Runs the command in the test's process; `start` is for tests whose subject is the process. */
  async runWith(environment: Record<string, string>, ...args: string[]): Promise<Outcome> {
    const options = { environment: { ...this.environment, ...environment }, folder: this.folder }
    return (await runInProcess(args, options)) ?? (await this.start(environment, ...args).ended)
  }

  /** Runs with --json: all of stdout must be one document, and nothing else may be said. */
  async json(...args: string[]): Promise<{ code: number | null; result: unknown }> {
    return this.jsonWith({}, ...args)
  }

  async jsonWith(environment: Record<string, string>, ...args: string[]) {
    return parseJson(await this.runWith(environment, ...args, '--json'))
  }

  /** The same in a process of its own, for tests in which several are at work at once. */
  async startJson(environment: Record<string, string>, ...args: string[]) {
    return parseJson(await this.start(environment, ...args, '--json').ended)
  }

  /** Starts the binary; `input` goes to its standard input, which is empty otherwise. */
  start(environment: Record<string, string>, ...args: string[]): Running {
    return this.startWithInput('', environment, ...args)
  }

  startWithInput(input: string | Buffer, environment: Record<string, string>, ...args: string[]): Running {
    const child = spawn(process.execPath, [BINARY, ...args], {
      cwd: this.folder,
      env: { ...this.environment, ...environment },
    })
    const name = `orderctl ${args.join(' ')} (pid ${child.pid})`
    this.#running.set(name, child)
    let stdout = ''
    let stderr = ''
    const watchers = new Set<() => void>()
    child.stdout.on('data', (data) => {
      stdout += data
      for (const look of watchers) look()
    })
    child.stderr.on('data', (data) => {
      stderr += data
      for (const look of watchers) look()
    })
    child.stdin.on('error', () => undefined)
    child.stdin.end(input)
    const ended = new Promise<Outcome>((done) => {
      child.on('close', (code) => {
        this.#running.delete(name)
        done({ code, stdout, stderr })
      })
    })
    const saw = (text: string) =>
      new Promise<void>((found, missing) => {
        const look = () => {
          if (`${stdout}${stderr}`.includes(text)) found()
        }
        watchers.add(look)
        look()
        void ended.then(() => missing(new Error(`${name} ended without saying "${text}": ${stdout}${stderr}`)))
      })
    return { child, ended, saw }
  }

  /** Removes everything. @throws where something that the test started still runs, which is killed */
  protected end(): void {
    for (const child of this.#running.values()) child.kill('SIGKILL')
    rmSync(this.folder, { recursive: true, force: true })
    if (this.#running.size > 0) throw new Error(`left running: ${[...this.#running.keys()].join(', ')}`)
  }
}
