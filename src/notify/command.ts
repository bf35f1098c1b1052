// Sends events to a shell command, as JSON on standard input. Also runs the command of `schedule --exec`.
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { asError } from '../background.js'
import { type Delivery, type Destination, SEND_MS } from './destination.js'
import type { Message } from './message.js'

export class CommandDestination implements Destination {
  readonly name = 'command'
  readonly place = 'the notify command'
  readonly #command: string
  readonly #environment: NodeJS.ProcessEnv

  constructor(command: string, environment: NodeJS.ProcessEnv) {
    this.#command = command
    this.#environment = environment
  }

  async send({ id, type, body }: Message): Promise<Delivery> {
    const env = { ...this.#environment, ORDERCTL_EVENT_ID: id, ORDERCTL_EVENT_TYPE: type }
    try {
      await runCommand(this.#command, { env, input: `${body}\n`, output: 'ignore', timeoutMs: SEND_MS })
      return { delivered: true }
    } catch (error) {
      return { delivered: false, error: `the command ${asError(error).message}` }
    }
  }

  async close(): Promise<void> {}
}

/** The command was killed. */
export class CommandTimeout extends Error {}

interface RunOptions {
  readonly env: NodeJS.ProcessEnv
  readonly cwd?: string
  /** Its standard input. */
  readonly input?: string
  /** Where its output goes. */
  readonly output: 'ignore' | number
  /** After this time, the command and its children are killed. */
  readonly timeoutMs: number
}

/** Runs a shell command. @throws Error that completes "the command ", unless it exits with 0 */
export async function runCommand(command: string, { env, cwd, input, output, timeoutMs }: RunOptions): Promise<void> {
  const stdio: StdioOptions = [input === undefined ? 'ignore' : 'pipe', output, output]
  // A process group of its own, to kill it with its children and to keep our Ctrl-C from it.
  const child = spawn(command, { shell: true, detached: true, stdio, env, ...(cwd === undefined ? {} : { cwd }) })
  // A command may end without reading its input.
  child.stdin?.on('error', () => undefined)
  child.stdin?.end(input)
  let timedOut = false
  const timer = setTimeout(() => {
    timedOut = true
    killGroup(child)
  }, timeoutMs)
  const [code, signal]: unknown[] = await once(child, 'exit').finally(() => clearTimeout(timer))
  if (timedOut) throw new CommandTimeout(`was killed after ${timeoutMs / 1000} s`)
  if (code !== 0) throw new Error(`ended with ${signal ?? `exit code ${code}`}`)
}

function killGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL')
  } catch {
    // The group has already ended.
  }
}
