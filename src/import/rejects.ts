// Writes the lines that are not imported to a CSV file, for correction and a new import. Each row is the original line,
// followed by its line number, the invalid columns and the reasons.
import { createHash } from 'node:crypto'
import { existsSync, lstatSync, readFileSync, renameSync, unlinkSync } from 'node:fs'
import { join, parse, resolve } from 'node:path'
import { STDIN } from '../csv/bytes.js'
import { filesOf } from '../database/connection.js'
import { errorCode, UserError } from '../errors.js'
import { type Output, OutputFile, refuseOutput } from '../output-file.js'
import type { DatabaseAddress } from '../servers/addresses.js'
import type { RejectedLine } from './chunk.js'
import { type FileLayout, fileRead } from './file-read.js'
import type { ImportRun } from './import-record.js'
import { csvLine, isRejectsHeader, REJECT_COLUMNS } from './reject-columns.js'

const EXAMPLES = 1000

export interface RejectsOptions {
  /** The imported file, or `-`. */
  readonly input: string
  readonly database: DatabaseAddress
  /** The absolute path that the user named. */
  readonly wanted: string | undefined
  /** Replaces any file except the input and the database. */
  readonly force: boolean
}

export class Rejects {
  /** Size of the file in bytes. */
  bytes = 0
  /** The first 1,000 lines, for display. */
  readonly examples: RejectedLine[] = []
  readonly #options: RejectsOptions | undefined
  #output: OutputFile | undefined

  /**
   * @param options if omitted, no file is written
   * @param previous the rejects file of the resumed run, and how many of its bytes belong to stored chunks
   */
  constructor(options?: RejectsOptions, previous?: { readonly file: string | null; readonly bytes: number }) {
    this.#options = options
    // A deleted file is created again, with its header.
    if (!options || !previous?.file || !existsSync(previous.file)) return
    this.#output = attempt(previous.file, (path) => OutputFile.open(outputAt(path, options), previous.bytes))
    this.bytes = this.#output.bytes
  }

  /** Path of the file; null until the first line is written, or if no file is written. */
  get file(): string | null {
    return this.#output?.path ?? null
  }

  /** Whether lines are written to a file. */
  get isWritten(): boolean {
    return this.#options !== undefined
  }

  /** Appends lines and keeps the first as examples. They are on disk when this returns. */
  append(lines: readonly RejectedLine[], layout: FileLayout): void {
    this.examples.push(...lines.slice(0, EXAMPLES - this.examples.length))
    this.write(lines, layout)
  }

  /** Appends lines that are no examples. */
  write(lines: readonly RejectedLine[], { header, dialect }: FileLayout): void {
    if (lines.length === 0) return
    if (!this.#options) return
    // The items of one line are rejected together.
    const first = lines.filter(
      ({ line, original }, at) => line !== lines[at - 1]?.line || original !== lines[at - 1]?.original,
    )
    const rows = first.map(
      ({ line, original, column, reason }) =>
        `${original}${dialect.delimiter}${csvLine([line, column, reason], dialect)}`,
    )
    if (this.bytes === 0) rows.unshift(csvLine([...header, ...REJECT_COLUMNS], dialect))
    const text = `${rows.join('\n')}\n`
    this.#output ??= create(this.#options)
    const output = this.#output
    attempt(output.path, () => output.append(text))
    this.bytes += Buffer.byteLength(text)
  }

  /** Truncates to so many examples and bytes, before the transaction that added the rest is retried. */
  rewind(examples: number, bytes: number): void {
    this.examples.length = examples
    const output = this.#output
    if (bytes === this.bytes || !output) return
    attempt(output.path, () => output.truncate(bytes))
    this.bytes = bytes
  }

  /** Removes a file with a generated name. The next import would write its lines to another one. */
  discard(): void {
    if (this.#output && this.#options?.wanted === undefined) unlinkSync(this.#output.path)
  }

  close(): void {
    this.#output?.close()
  }
}

/** Generated names never overwrite an existing file. */
function create(options: RejectsOptions): OutputFile {
  const { wanted, input } = options
  if (wanted !== undefined) return attempt(wanted, (path) => OutputFile.open(outputAt(path, options)))
  for (let number = 1; ; number++) {
    const created = attempt(defaultPath(input, number), (path) => OutputFile.create(outputAt(path, options)))
    if (created) return created
  }
}

function attempt<Result>(path: string, use: (path: string) => Result): Result {
  try {
    return use(path)
  } catch (error) {
    if (error instanceof UserError) throw error
    throw new UserError(
      {
        code: 'rejects_unwritable',
        message: `Cannot write the rejected lines to ${path} (${errorCode(error)}).`,
        fix: 'Free disk space, correct the permissions or choose another file with --rejects. Then continue with --resume.',
        retryable: true,
      },
      { cause: error },
    )
  }
}

/** @throws UserError if the path that the user named would overwrite another file */
export function refuseRejects(options: RejectsOptions): void {
  if (options.wanted !== undefined) attempt(options.wanted, (path) => refuseOutput(outputAt(path, options)))
}

function outputAt(path: string, { input, database, force }: RejectsOptions): Output {
  return {
    path,
    guarded: [
      { role: 'input', file: input === STDIN ? 0 : input },
      ...filesOf(database).map((file) => ({ role: 'database', file }) as const),
    ],
    isOurs: isRejectsHeader,
    force,
  }
}

const GENERATED = /\.rejects(\.\d+)?$/

/**
 * Returns `orders.rejects.csv` for `orders.csv`, `orders.csv.gz` and its rejects files, then `orders.rejects.2.csv`.
 */
function defaultPath(input: string, number: number): string {
  const { dir, name, ext } = parse(input === STDIN ? resolve('stdin.csv') : input.replace(/(?<=.)\.(?:gz|zst)$/, ''))
  return join(dir, `${name.replace(GENERATED, '')}.rejects${number === 1 ? '' : `.${number}`}${ext || '.csv'}`)
}

/**
 * After the import of a generated rejects file: replaces it with the lines that are rejected again, or removes it if
 * there are none. Leaves a file that has changed since it was read, since the changes would be lost, and one of which
 * lines were skipped, since no other file has them.
 *
 * @param run a finished run. If the process dies before this call, both files remain
 */
export function replaceInput(run: ImportRun): 'replaced' | 'removed' | 'kept' {
  const { file, rejects_file } = run
  try {
    if (!GENERATED.test(parse(file).name) || !lstatSync(file).isFile() || !isAsRead(run)) return 'kept'
    if (run.skipped > (fileRead(run)?.skipped['blank'] ?? 0)) return 'kept'
    if (run.rejected + run.conflicts === 0) {
      unlinkSync(file)
      return 'removed'
    }
    if (!rejects_file || !isDefaultPath(rejects_file, file)) return 'kept'
    renameSync(rejects_file, file)
    return 'replaced'
  } catch (error) {
    // The import has succeeded, and no line is lost.
    if (errorCode(error)) return 'kept'
    throw error
  }
}

function isAsRead({ file, byte_offset, begun_sha256 }: ImportRun): boolean {
  const bytes = readFileSync(file)
  // The cursor of an import does not count a byte order mark.
  const content = bytes.subarray(bytes.toString('utf8', 0, 3) === '\uFEFF' ? 3 : 0)
  const isSame = content.length === byte_offset && createHash('sha256').update(content).digest('hex') === begun_sha256
  return isSame && isRejectsHeader(content)
}

function isDefaultPath(path: string, input: string): boolean {
  const [, number] = /\.rejects\.(\d+)$/.exec(parse(path).name) ?? []
  return path === defaultPath(input, Number(number ?? 1))
}
