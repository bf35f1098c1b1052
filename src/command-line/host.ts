// The process that a command runs in. Tests run commands in process, with a host that records the output.
import type { ReadStream } from 'node:tty'
import type { ExitCode } from '../errors.js'
import type { Output } from '../terminal/screen.js'

export interface Host {
  readonly stdin: ReadStream
  readonly stdout: Output
  readonly stderr: Output
  readonly environment: NodeJS.ProcessEnv
  /** Base folder of relative paths. */
  readonly folder: string
  /** Exit code of the process, which ends when the result is written. */
  exitCode: ExitCode | undefined
  /** Calls the listener at each Ctrl-C or SIGTERM, which then no longer ends the process. */
  onInterrupt(listener: () => void): void
  /** Passes Node's warnings to the listener instead of printing them. */
  onWarning(listener: (message: string) => void): void
  /** Ends the process immediately. */
  exit(code: ExitCode): void
}

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
