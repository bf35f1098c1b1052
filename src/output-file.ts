// Writes the file that --rejects names, without ever destroying another file.
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
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { errorCode, type UserError, usageError } from './errors.js'

const GUARDED = { input: 'the file being imported', database: 'a file of the database' } as const

export interface Output {
  readonly path: string
  /** Files that are never overwritten, not even with --force. `file` is a path, or 0 for stdin. */
  readonly guarded: readonly { readonly role: keyof typeof GUARDED; readonly file: string | 0 }[]
  /** Whether a file that starts with these bytes was written for the same purpose and may be replaced. */
  readonly isOurs: (start: Buffer) => boolean
  /** Replace files that `isOurs` does not recognise. */
  readonly force: boolean
}

// Windows has neither flag, so there only the check before opening protects other files.
const SAFELY = (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0)
const APPEND = constants.O_RDWR | constants.O_APPEND

/** An open output file. Writes go to the opened file, even if it is renamed. */
export class OutputFile {
  readonly path: string
  /** Size of the file when it was opened. */
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
   * Opens the path for appending. Creates a regular file; an existing file must be recognised by its start, and is
   * truncated to `keep` bytes. Devices, such as /dev/null, and pipes are opened unchanged.
   *
   * @throws UserError (exit 2) for a guarded or unrecognised file, a symbolic link to a regular file, or a folder
   */
  static open(output: Output, keep = 0): OutputFile {
    const { path } = output
    const kind = kindOf(output)
    if (kind === 'none') return OutputFile.create(output) ?? OutputFile.open(output, keep)
    if (kind === 'stream') {
      // Fails for a pipe without a reader, where a plain open would hang. Later writes wait for the reader.
      const probe = openSync(path, constants.O_WRONLY | (constants.O_NONBLOCK ?? 0))
      try {
        // Leaves a regular file alone that has just replaced the device or pipe.
        if (fstatSync(probe).isFile()) throw exists(path)
        return new OutputFile(path, openSync(path, constants.O_WRONLY | constants.O_APPEND), keep)
      } finally {
        closeSync(probe)
      }
    }
    const descriptor = openSync(path, APPEND | SAFELY)
    try {
      const kept = bytesToKeep(output, descriptor, keep)
      ftruncateSync(descriptor, kept)
      return new OutputFile(path, descriptor, kept)
    } catch (error) {
      closeSync(descriptor)
      throw error
    }
  }

  /** Creates the file, readable only by its owner. Returns undefined if the name is taken. */
  static create({ path }: Output): OutputFile | undefined {
    try {
      return new OutputFile(path, openSync(path, APPEND | constants.O_CREAT | constants.O_EXCL, 0o600), 0)
    } catch (error) {
      if (errorCode(error) === 'EEXIST') return undefined
      throw error
    }
  }

  /** Appends the text, and syncs it to disk. */
  append(text: string): void {
    writeFileSync(this.#descriptor, text)
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

/** Throws the error that `OutputFile.open` would throw. Changes nothing. */
export function refuseOutput(output: Output): void {
  if (kindOf(output) !== 'file') return
  const descriptor = openSync(output.path, constants.O_RDONLY | SAFELY)
  try {
    bytesToKeep(output, descriptor, 0)
  } finally {
    closeSync(descriptor)
  }
}

/** Returns what the path names, without opening it. @throws UserError if it must not be written */
function kindOf(output: Output): 'none' | 'file' | 'stream' {
  const { path } = output
  const target = statOf(path)
  refuseGuarded(output, target)
  if (target && !target.isFile() && !target.isFIFO() && !target.isCharacterDevice()) {
    throw usageError({
      code: 'rejects_not_a_file',
      message: `--rejects cannot write to ${path}, which is ${target.isDirectory() ? 'a folder' : 'not a regular file'}.`,
      fix: 'Name a file.',
    })
  }
  const itself = lstatSync(path, { throwIfNoEntry: false })
  if (itself?.isSymbolicLink() && (!target || target.isFile())) {
    throw usageError({
      code: 'rejects_is_link',
      message: `--rejects cannot write to ${path}, a symbolic link, because that would change another file.`,
      fix: 'Name the file itself, or remove the link.',
    })
  }
  if (!target) return 'none'
  return target.isFile() ? 'file' : 'stream'
}

/** Returns how many of the `keep` bytes of an earlier run to keep: 0 if the file is replaced. */
function bytesToKeep(output: Output, descriptor: number, keep: number): number {
  const found = fstatSync(descriptor, { bigint: true })
  refuseGuarded(output, found)
  if (found.size === 0n && keep === 0) return 0
  const start = Buffer.alloc(65_536)
  const length = readSync(descriptor, start, 0, start.length, 0)
  if (found.size >= keep && output.isOurs(start.subarray(0, length))) return keep
  if (output.force) return 0
  throw exists(output.path)
}

function exists(path: string): UserError {
  return usageError({
    code: 'rejects_exists',
    message: `--rejects would overwrite ${path}, which is not a rejects file.`,
    fix: 'Name another file, rename this one, or replace it with --force.',
  })
}

function refuseGuarded({ path, guarded }: Output, found: BigIntStats | undefined): void {
  for (const { role, file } of guarded) {
    const stats = statOf(file)
    const isSame = found && stats ? isSameInode(found, stats) : placeOf(path) === placeOf(file)
    if (!isSame) continue
    throw usageError({
      code: `rejects_over_${role}`,
      message: `--rejects would overwrite ${path}, ${GUARDED[role]}.`,
      fix: 'Name another file, or omit --rejects.',
    })
  }
}

/** Whether both paths name one file, which exists. */
export function isSameFile(path: string, other: string): boolean {
  const [one, two] = [statOf(path), statOf(other)]
  return one !== undefined && two !== undefined && isSameInode(one, two)
}

function isSameInode(one: BigIntStats, two: BigIntStats): boolean {
  return one.dev === two.dev && one.ino === two.ino
}

function statOf(file: string | 0): BigIntStats | undefined {
  if (file === 0) return fstatSync(file, { bigint: true })
  return statSync(file, { bigint: true, throwIfNoEntry: false })
}

/** Returns the path with its folder resolved. The file need not exist. */
function placeOf(file: string | 0): string | undefined {
  if (file === 0) return undefined
  const folder = dirname(resolve(file))
  return join(statOf(folder) ? realpathSync(folder) : folder, basename(file))
}
