// The errors that a user can act on. Anything else that is thrown is a bug of ours and is shown as one.

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
  /** What went wrong and why, naming the thing. */
  readonly message: string
  /** What to do next. */
  readonly fix: string
  /** Whether the same command may work if it is simply run again. */
  readonly retryable?: boolean
  readonly exit?: ExitCode
}

/** A failure that the user can do something about. Shown as its message and its next step, with no stack trace. */
export class UserError extends Error {
  override readonly name = 'UserError'
  readonly code: string
  readonly fix: string
  readonly retryable: boolean
  readonly exit: ExitCode

  constructor(problem: Problem, options?: ErrorOptions) {
    super(problem.message, options)
    this.code = problem.code
    this.fix = problem.fix
    this.retryable = problem.retryable ?? false
    this.exit = problem.exit ?? EXIT.failed
  }
}

/** The user asked for something that cannot be meant: exit 2. */
export function usageError(problem: Omit<Problem, 'exit'>): UserError {
  return new UserError({ ...problem, exit: EXIT.usage })
}

/** The system's code of a failed call (`ENOENT`, `SQLITE_BUSY`), where the error carries one. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}
