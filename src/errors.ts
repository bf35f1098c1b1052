// Errors that users can act on. Any other error is a bug of ours, and is shown as one.

/** Process exit codes, fixed for scripts. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  partly: 3,
  unreachable: 4,
  difference: 6,
  interrupted: 130,
} as const
export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

export interface Problem {
  /** Stable, for scripts: `file_not_found`. */
  readonly code: string
  /** What went wrong and why. */
  readonly message: string
  /** What to do next. */
  readonly fix: string
  /** Whether the same command may work if it is run again. */
  readonly retryable?: boolean
  readonly exit?: ExitCode
}

/** A failure that the user can act on. Shown as its message and fix, without a stack trace. */
export class UserError extends Error {
  override readonly name = 'UserError'
  readonly code: string
  readonly fix: string
  readonly retryable: boolean
  readonly exit: ExitCode

  constructor({ code, message, fix, retryable = false, exit = EXIT.failed }: Problem, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.fix = fix
    this.retryable = retryable
    this.exit = exit
  }
}

/** A wrong command or setting: exit 2. */
export function usageError(problem: Omit<Problem, 'exit'>): UserError {
  return new UserError({ ...problem, exit: EXIT.usage })
}

/** Returns the code of a failed call (`ENOENT`, `SQLITE_BUSY`); undefined if the error has none. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}
