// Runs a command of the built CLI inside the test's process, with streams, environment and folder of its own. Starting
// the binary costs a third of a second of a core, so tests start it only where the process is their subject: signals,
// exits, pipes, terminals.
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { Config } from '@oclif/core'
import type { Host } from '../../src/command-line/host.js'

export interface Outcome {
  /** Null where a signal ended it. */
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

interface RunOptions {
  readonly environment: Record<string, string>
  readonly folder: string
}

const ROOT = join(import.meta.dirname, '../..')

let loading: Promise<Config> | undefined

/** The last run in each folder. Two on one SQLite file would block each other: SQLite waits without the event loop. */
const lastRuns = new Map<string, Promise<unknown>>()

/**
 * Undefined for what only a start of the binary does: help, unknown commands, standard input, variables that Node
 * reads.
 */
export async function runInProcess(args: readonly string[], options: RunOptions): Promise<Outcome | undefined> {
  loading ??= Config.load({ root: ROOT })
  const config = await loading
  const found = needsProcess(args, options) ? undefined : findCommand(config, args)
  if (!found) return undefined
  const StartedCommand = (await found.command.load()) as unknown as Runnable
  const before = lastRuns.get(options.folder)
  const ran = Promise.resolve(before).then(async () => {
    const host = new RecordingHost(options)
    const started = new StartedCommand([...found.rest], configFor(config, options))
    started.host = host
    await started._run()
    return { code: host.exitCode ?? 0, stdout: host.stdout.text, stderr: host.stderr.text }
  })
  lastRuns.set(
    options.folder,
    ran.catch(() => undefined),
  )
  return ran
}

/** A command, with what it has for itself and its base class. */
type Runnable = new (argv: string[], config: Config) => { host: Host; _run(): Promise<void> }

function needsProcess(args: readonly string[], { environment }: RunOptions): boolean {
  return (
    ['--help', '-h', '-'].some((word) => args.includes(word)) ||
    Object.keys(environment).some((name) => name.startsWith('NODE_'))
  )
}

function findCommand(config: Config, args: readonly string[]) {
  for (const words of [2, 1]) {
    const command = config.findCommand(args.slice(0, words).join(':'))
    if (command && args.length >= words) return { command, rest: args.slice(words) }
  }
  return undefined
}

/** The folders follow the environment, as at a real start. */
function configFor(config: Config, { environment }: RunOptions): Config {
  const own: Config = Object.assign(Object.create(Object.getPrototypeOf(config)), config)
  own.configDir = join(environment['XDG_CONFIG_HOME'] ?? '', 'orderctl')
  own.dataDir = join(environment['XDG_DATA_HOME'] ?? '', 'orderctl')
  return own
}

class Recorded extends Writable {
  text = ''

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.text += chunk.toString()
    done()
  }
}

class RecordingHost implements Host {
  readonly stdin = process.stdin
  readonly stdout = new Recorded()
  readonly stderr = new Recorded()
  readonly environment: Record<string, string>
  readonly folder: string
  exitCode: Host['exitCode']

  constructor({ environment, folder }: RunOptions) {
    this.environment = { ...environment }
    this.folder = folder
  }

  onInterrupt(): void {}
  onWarning(): void {}
  exit(): never {
    throw new Error('a command that runs in the test may not end the process')
  }
}
