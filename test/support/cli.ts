// The command line in a temporary folder with a database of its own. A process that a test leaves running fails that
// test.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { expect } from 'vitest'
import { auditDatabase } from '../../src/audit/audit.js'
import { type Config, loadConfig } from '../../src/config/config.js'
import { type Database, openOrCreateDatabase } from '../../src/database/connection.js'
import { readDatabaseAddress } from '../../src/servers/addresses.js'
import { type Outcome, runInProcess } from './in-process.js'
import { until } from './until.js'

export type { Outcome }

export const BINARY = resolve(import.meta.dirname, '../../bin/run.js')

/** A process that runs while the test goes on. */
export interface Running {
  readonly child: ChildProcess
  readonly ended: Promise<Outcome>
  /** Resolves once stderr or stdout holds the text; rejects when the process ends without it. */
  saw(text: string): Promise<void>
}

function parseJson({ code, stdout, stderr }: Outcome): { code: number | null; result: unknown } {
  // A failure is a document on stderr.
  if (stderr !== '' && stdout !== '') throw new Error(`--json wrote to stdout and stderr: ${stderr}`)
  return { code, result: JSON.parse(stdout || stderr) }
}

/** Expects what `orderctl rebuild --check` checks. */
export async function expectAuditClean(db: Database): Promise<void> {
  const { checks } = await auditDatabase(db, 'UTC')
  expect(checks.filter((check) => !check.ok || check.differences > 0)).toEqual([])
  expect(checks.length).toBeGreaterThan(10)
}

/** Runs commands in the folder, on the database that the subclass names. */
export abstract class Cli {
  readonly folder = mkdtempSync(join(tmpdir(), 'orderctl-test-'))
  readonly #running = new Map<string, ChildProcess>()
  #db: Database | undefined

  abstract readonly databaseUrl: string

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

  /** Creates the tables, unless they exist. */
  async migrate(): Promise<void> {
    this.#db ??= await openOrCreateDatabase(readDatabaseAddress(this.databaseUrl))
  }

  get db(): Database {
    if (!this.#db) throw new Error('the database has no tables yet')
    return this.#db
  }

  async expectAuditClean(): Promise<void> {
    await this.migrate()
    await expectAuditClean(this.db)
  }

  /** The configuration that the binary would read here. @throws UserError for an invalid value */
  config(environment: Record<string, string> = {}): Config {
    const folders = { working: this.folder, user: this.folder, data: this.folder }
    return loadConfig({ ...this.environment, ...environment }, folders).config
  }

  /** Lets the leases of killed imports, undos and scheduled tasks run out, which takes up to a minute otherwise. */
  async endLeases(): Promise<void> {
    await this.migrate()
    for (const table of ['imports', 'schedule_runs'] as const)
      await this.db.updateTable(table).set({ lease_until: 0 }).where('ended_at', 'is', null).execute()
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

  /** Imports the text as a file. @throws unless the exit code is 0 */
  async importing(content: string, environment: Record<string, string> = {}, ...flags: string[]): Promise<void> {
    const { code, stderr } = await this.runWith(environment, 'import', this.file('orders.csv', content), ...flags)
    expect(code, stderr).toBe(0)
  }

  /** Runs with --json. @throws unless stdout is one document and stderr is empty */
  json(...args: string[]) {
    return this.jsonWith({}, ...args)
  }

  async jsonWith(environment: Record<string, string>, ...args: string[]) {
    return parseJson(await this.runWith(environment, ...args, '--json'))
  }

  /** The same in a process of its own, for tests that run several at once. */
  async startJson(environment: Record<string, string>, ...args: string[]) {
    return parseJson(await this.start(environment, ...args, '--json').ended)
  }

  start(environment: Record<string, string>, ...args: string[]): Running {
    return this.startWithInput('', environment, ...args)
  }

  /** Starts the binary; `input` goes to its standard input. */
  startWithInput(input: string | Buffer, environment: Record<string, string>, ...args: string[]): Running {
    return this.#spawn(process.execPath, [BINARY, ...args], environment, input)
  }

  /** Starts the binary from a script of bash, as "$@". */
  startInShell(script: string, ...args: string[]): Running {
    return this.#spawn('bash', ['-c', script, 'bash', process.execPath, BINARY, ...args])
  }

  #spawn(program: string, args: readonly string[], environment = {}, input: string | Buffer = ''): Running {
    const child = spawn(program, args, { cwd: this.folder, env: { ...this.environment, ...environment } })
    const name = `${args.join(' ')} (pid ${child.pid})`
    this.#running.set(name, child)
    const output = { stdout: '', stderr: '' }
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream].on('data', (data) => {
        output[stream] += data
      })
    }
    child.stdin.on('error', () => undefined)
    child.stdin.end(input)
    const ended = new Promise<Outcome>((done) => {
      child.on('close', (code) => {
        this.#running.delete(name)
        done({ code, ...output })
      })
    })
    const saw = async (text: string) => {
      const isThere = () => `${output.stdout}${output.stderr}`.includes(text)
      await until(() => isThere() || !this.#running.has(name))
      if (!isThere()) throw new Error(`${name} ended without "${text}": ${output.stdout}${output.stderr}`)
    }
    return { child, ended, saw }
  }

  /** Removes everything. @throws if the test left a process running, which is killed */
  async close(): Promise<void> {
    await this.#db?.destroy()
    const left = [...this.#running].filter(([, { exitCode, signalCode }]) => exitCode === null && signalCode === null)
    for (const [, child] of left) child.kill('SIGKILL')
    rmSync(this.folder, { recursive: true, force: true })
    if (left.length > 0) throw new Error(`left running: ${left.map(([name]) => name).join(', ')}`)
  }
}

/** A fixture that is opened before a test and closed after it. */
export function opened<Thing extends { close(): unknown }>(open: () => Thing | Promise<Thing>) {
  // biome-ignore lint/correctness/noEmptyPattern: Vitest reads from it that the fixture needs no other.
  return async ({}, use: (thing: Thing) => Promise<void>) => {
    const thing = await open()
    await use(thing)
    await thing.close()
  }
}
