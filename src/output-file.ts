// Files that a user names for output. Writing them never destroys another file.
import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  lstatSync,
  openSync,
  readSync,
  realpathSync,
  statSync,
  writeSync,
} from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { errorCode, type UserError, usageError } from './errors.js'

/** A file that is never overwritten, not even with --force. */
interface GuardedFile {
  /** Ends the error code: `rejects_over_input`. */
  readonly role: keyof typeof GUARDED
  /** A path, or 0 for stdin. */
  readonly file: string | 0
}

const GUARDED = { input: 'the file that is imported', database: 'a file of the database' } as const

export interface Output {
  readonly path: string
  /** The flag that names it, which begins error codes: `rejects`. */
  readonly flag: string
  readonly guarded: readonly GuardedFile[]
  /** Whether a file that begins with these bytes was written for the same purpose and may be replaced. */
  readonly isOurs: (start: Buffer) => boolean
  /** Replace files that are not recognised. */
  readonly force: boolean
}

// Windows has neither; there, checking the path before opening it has to suffice.
const NO_FOLLOW = constants.O_NOFOLLOW ?? 0
const NO_WAIT = constants.O_NONBLOCK ?? 0

const START_BYTES = 65_536

/** How long the reader of a pipe may pause, in milliseconds. */
const READER_PATIENCE_MS = 30_000

/** An open output. Writes go to the opened file, whatever happens to its name. */
export class OutputFile {
  readonly path: string
  /** Its size when it was opened. */
  readonly bytes: number
  readonly #descriptor: number
  readonly #isRegular: boolean

  private constructor(path: string, descriptor: number, bytes: number) {
    this.path = path
    this.bytes = bytes
    this.#descriptor = descriptor
    this.#isRegular = fstatSync(descriptor).isFile()
  }

  /**
   * Opens the path for appending. Creates a regular file, or recognises it by its start and truncates it to `keep` bytes.
   * Devices, such as /dev/null, and pipes are written as they are.
   *
   * @throws UserError (exit 2) for a guarded file, an unrecognised one, a symbolic link to a regular file, and a folder
   */
  static open(output: Output, keep = 0): OutputFile {
    const { path } = output
    for (;;) {
      const kind = judge(output)
      if (kind === 'none') {
        const created = OutputFile.create(output)
        if (created) return created
      } else if (kind === 'stream') {
        // Without waiting: a pipe without a reader is an error and must not hang the command.
        const descriptor = openSync(path, constants.O_WRONLY | NO_WAIT)
        return closingOnError(descriptor, () => {
          // A regular file that has just taken the place of the device or pipe is left alone.
          if (fstatSync(descriptor).isFile()) throw exists(output)
          return new OutputFile(path, descriptor, keep)
        })
      } else {
        const { descriptor, kept } = openRegular(output, constants.O_RDWR | constants.O_APPEND, keep)
        return closingOnError(descriptor, () => {
          ftruncateSync(descriptor, kept)
          return new OutputFile(path, descriptor, kept)
        })
      }
    }
  }

  /** Creates the file, readable only by the user; undefined if the name is taken. */
  static create(output: Output): OutputFile | undefined {
    refuseGuarded(output, undefined)
    try {
      const exclusively = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_EXCL
      return new OutputFile(output.path, openSync(output.path, exclusively, 0o600), 0)
    } catch (error) {
      if (errorCode(error) === 'EEXIST') return undefined
      throw error
    }
  }

  /** Appends the text; it is on the disk when this returns. */
  append(text: string): void {
    const bytes = Buffer.from(text)
    let waiting: number | undefined
    for (let written = 0; written < bytes.length; ) {
      try {
        written += writeSync(this.#descriptor, bytes, written)
        waiting = undefined
      } catch (error) {
        waiting ??= performance.now()
        if (errorCode(error) !== 'EAGAIN' || performance.now() - waiting > READER_PATIENCE_MS) throw error
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10)
      }
    }
    if (this.#isRegular) fsyncSync(this.#descriptor)
  }

  /** Removes everything after the first `bytes`. Does nothing for a pipe. */
  truncate(bytes: number): void {
    if (this.#isRegular) ftruncateSync(this.#descriptor, bytes)
  }

  close(): void {
    closeSync(this.#descriptor)
  }
}

/** Throws the error that `OutputFile.open` would throw, and changes nothing. */
export function refuseOutput(output: Output): void {
  if (judge(output) === 'file') closeSync(openRegular(output, constants.O_RDONLY).descriptor)
}

/** What the path names, without opening it. */
function judge(output: Output): 'none' | 'file' | 'stream' {
  const { path, flag } = output
  const target = statOf(path)
  refuseGuarded(output, target)
  if (target && !target.isFile() && !target.isFIFO() && !target.isCharacterDevice()) {
    throw usageError({
      code: `${flag}_not_a_file`,
      message: `--${flag} cannot write to ${path}, which is ${target.isDirectory() ? 'a folder' : 'no file'}.`,
      fix: 'Name a file.',
    })
  }
  const itself = lstatSync(path, { throwIfNoEntry: false })
  if (itself?.isSymbolicLink() && (!target || target.isFile())) {
    throw usageError({
      code: `${flag}_is_link`,
      message: `--${flag} does not write to ${path}, a symbolic link, because it would change another file.`,
      fix: 'Name the file itself, or remove the link.',
    })
  }
  if (!target) return 'none'
  return target.isFile() ? 'file' : 'stream'
}

/**
 * @param keep number of bytes that an earlier run wrote
 * @returns how many of them are kept: none if the file is replaced
 */
function openRegular(output: Output, flags: number, keep = 0): { readonly descriptor: number; readonly kept: number } {
  const descriptor = openSync(output.path, flags | NO_FOLLOW | NO_WAIT)
  return closingOnError(descriptor, () => {
    const found = fstatSync(descriptor, { bigint: true })
    refuseGuarded(output, found)
    if (found.size === 0n && keep === 0) return { descriptor, kept: 0 }
    const start = Buffer.alloc(START_BYTES)
    const length = readSync(descriptor, start, 0, START_BYTES, 0)
    const isOurs = found.size >= keep && output.isOurs(start.subarray(0, length))
    if (!isOurs && !output.force) throw exists(output)
    return { descriptor, kept: isOurs ? keep : 0 }
  })
}

function exists({ path, flag }: Output): UserError {
  return usageError({
    code: `${flag}_exists`,
    message: `--${flag} would overwrite ${path}, which holds something else.`,
    fix: 'Name another file, move this one away, or replace it with --force.',
  })
}

function refuseGuarded({ path, flag, guarded }: Output, found: BigIntStats | undefined): void {
  for (const { role, file } of guarded) {
    const stats = statOf(file)
    const isSame = found && stats ? found.dev === stats.dev && found.ino === stats.ino : placeOf(path) === placeOf(file)
    if (!isSame) continue
    throw usageError({
      code: `${flag}_over_${role}`,
      message: `--${flag} would overwrite ${path}, ${GUARDED[role]}.`,
      fix: `Name another file, or leave --${flag} out.`,
    })
  }
}

function statOf(file: string | 0): BigIntStats | undefined {
  if (file === 0) return fstatSync(file, { bigint: true })
  return statSync(file, { bigint: true, throwIfNoEntry: false })
}

/** The path with its folder resolved, for a file that need not exist. */
function placeOf(file: string | 0): string | undefined {
  if (file === 0) return undefined
  const folder = dirname(resolve(file))
  return join(statOf(folder) ? realpathSync(folder) : folder, basename(file))
}

function closingOnError<Result>(descriptor: number, use: () => Result): Result {
  try {
    return use()
  } catch (error) {
    closeSync(descriptor)
    throw error
  }
}
