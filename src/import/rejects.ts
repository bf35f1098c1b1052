// What becomes of lines that are not imported: a CSV file of its own, which a person mends and imports. Each row is the
// line as it stood, followed by three cells that say which line it was, which column was at fault, and why.
import { appendFileSync, closeSync, existsSync, fsyncSync, openSync, realpathSync, truncateSync } from 'node:fs'
import { basename, dirname, extname, join, resolve } from 'node:path'
import { stringify } from 'csv-stringify/sync'
import type { ImportAsidesTable } from '../database/schema.js'
import { formatPrice } from '../domain/money.js'
import { errorCode, UserError, usageError } from '../errors.js'
import { STDIN } from './bytes.js'
import type { RejectedLine } from './chunk.js'
import type { ColumnName } from './header.js'

export interface Rejects {
  /** Adds lines; they are on the disk when this returns. */
  append(lines: readonly RejectedLine[], header: readonly string[]): void
  /** As it is now: what `rewind` comes back to. */
  mark(): RejectsMark
  /** Forgets what was added since: the transaction that it came from begins again. */
  rewind(to: RejectsMark): void
  /** Where the lines are; null as long as there are none, or none are kept. */
  readonly file: string | null
  readonly bytes: number
  /** The first few, to be shown. */
  readonly examples: readonly RejectedLine[]
}

interface RejectsMark {
  readonly bytes: number
  readonly examples: number
}

const EXAMPLES = 10

/** Keeps the first few alone: for a dry run. */
export class RejectExamples implements Rejects {
  readonly file = null
  readonly bytes = 0
  readonly examples: RejectedLine[] = []

  append(lines: readonly RejectedLine[]): void {
    this.examples.push(...lines.slice(0, EXAMPLES - this.examples.length))
  }

  mark(): RejectsMark {
    return { bytes: 0, examples: this.examples.length }
  }

  rewind({ examples }: RejectsMark): void {
    this.examples.length = examples
  }
}

export class RejectsFile implements Rejects {
  file: string | null
  bytes: number
  readonly examples: RejectedLine[] = []
  readonly #wanted: string | undefined
  readonly #input: string

  /**
   * @param begun the file of the run that is resumed, and how much of it belongs to what was stored
   * @param wanted the path that the user named
   */
  constructor(input: string, wanted: string | undefined, begun: { file: string | null; bytes: number }) {
    this.#input = input
    this.#wanted = wanted
    this.file = begun.file
    this.bytes = begun.bytes
    if (begun.file !== null && existsSync(begun.file)) this.#try(begun.file, (path) => truncateSync(path, begun.bytes))
  }

  append(lines: readonly RejectedLine[], header: readonly string[]): void {
    if (lines.length === 0) return
    this.examples.push(...lines.slice(0, EXAMPLES - this.examples.length))
    const rows = lines.map(({ line, original, column, reason }) => `${original},${csvLine([line, column, reason])}`)
    if (this.bytes === 0) rows.unshift(csvLine([...header, 'rejected_line', 'rejected_column', 'rejected_reason']))
    const text = `${rows.join('\n')}\n`
    this.file ??= this.#create()
    this.#try(this.file, (path) => {
      appendFileSync(path, text)
      flush(path)
    })
    this.bytes += Buffer.byteLength(text)
  }

  mark(): RejectsMark {
    return { bytes: this.bytes, examples: this.examples.length }
  }

  rewind({ bytes, examples }: RejectsMark): void {
    this.examples.length = examples
    if (bytes === this.bytes || this.file === null) return
    this.#try(this.file, (path) => truncateSync(path, bytes))
    this.bytes = bytes
  }

  /** A name of the user's is used as it is; ours never takes the place of a file that is there. */
  #create(): string {
    if (this.#wanted !== undefined) {
      return this.#try(resolve(this.#wanted), (path) => {
        closeSync(openSync(path, 'w', 0o600))
        return path
      })
    }
    for (let number = 1; ; number++) {
      const path = defaultPath(this.#input, number)
      const created = this.#try(path, () => createNew(path))
      if (created) return path
    }
  }

  #try<Result>(path: string, use: (path: string) => Result): Result {
    try {
      return use(path)
    } catch (error) {
      throw new UserError(
        {
          code: 'rejects_unwritable',
          message: `The rejected lines cannot be written to ${path} (${errorCode(error)}).`,
          fix: 'Free space or mend the permissions, or name another file with --rejects; then go on with --resume.',
          retryable: true,
        },
        { cause: error },
      )
    }
  }
}

/** @throws UserError where the rejects would be written over the file that is read */
export function refuseRejectsOverInput(input: string, wanted: string | undefined): void {
  if (wanted === undefined || !existsSync(wanted) || !existsSync(input)) return
  if (realpathSync(wanted) !== realpathSync(input)) return
  throw usageError({
    code: 'rejects_over_input',
    message: `--rejects names ${input}, the file that is imported: the rejected lines would take its place.`,
    fix: 'Name another file, or leave --rejects out.',
  })
}

/** `orders.csv` -> `orders.rejects.csv`, then `orders.rejects.2.csv`. */
function defaultPath(input: string, number: number): string {
  const path = input === STDIN ? resolve('stdin.csv') : input
  const extension = extname(path)
  const name = basename(path, extension)
  return join(dirname(path), `${name}.rejects${number === 1 ? '' : `.${number}`}${extension || '.csv'}`)
}

function createNew(path: string): boolean {
  try {
    closeSync(openSync(path, 'wx', 0o600))
    return true
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false
    throw error
  }
}

function flush(path: string): void {
  const descriptor = openSync(path, 'r+')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

function csvLine(cells: readonly (string | number)[]): string {
  return stringify([[...cells]], { eof: false })
}

/** A line of the file again, from what was stored of it: the nine columns as the header orders them, others empty. */
export function storedLineText(line: Omit<ImportAsidesTable, 'import_id'>, header: readonly string[]): string {
  const values: Record<ColumnName, string> = {
    order_id: line.reference,
    customer_id: line.customer_id,
    customer_name: line.customer_name,
    product_sku: line.sku,
    product_name: line.product_name,
    quantity: String(line.quantity),
    unit_price: formatPrice(line.unit_price, line.currency),
    currency: line.currency,
    order_date: line.ordered_at.replace('T', ' '),
  }
  const known: ReadonlyMap<string, string> = new Map(Object.entries(values))
  return csvLine(header.map((name) => known.get(name.trim().toLowerCase()) ?? ''))
}
