// The process that a command runs in, as far as a command may know it: streams, environment, signals, exit code. Tests run
// commands in their own process with a host that records what is written.
import type { ReadStream } from 'node:tty'
import type { ExitCode } from '../errors.js'
import type { Output } from '../terminal/screen.js'

export interface Host {
  readonly stdin: ReadStream
  readonly stdout: Output
  readonly stderr: Output
  readonly environment: NodeJS.ProcessEnv
  /** Relative paths start here. */
  readonly folder: string
  /** The code that the process ends with once the result is written. */
  exitCode: ExitCode | undefined
  /** Calls the listener at each Ctrl-C or SIGTERM, which then no longer end the process. */
  onInterrupt(listener: () => void): void
  /** Passes Node's warnings to the listener instead of printing them. */
  onWarning(listener: (message: string) => void): void
  /** Ends the process without waiting for anything. */
  exit(code: ExitCode): void
}

/** The real process. */
export const processHost: Host = {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  environment: process.env,
  folder: process.cwd(),
  get exitCode() {
    return process.exitCode as ExitCode | undefined
  },
  set exitCode(code) {
    process.exitCode = code
  },
  onInterrupt(listener) {
    process.on('SIGINT', listener)
    process.on('SIGTERM', listener)
  },
  onWarning(listener) {
    process.removeAllListeners('warning')
    process.on('warning', ({ message }) => listener(message))
  },
  exit: (code) => process.exit(code),
}
