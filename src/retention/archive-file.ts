// The file of an archive. It appears under its name only once it is complete and on disk, and never replaces another.
import { randomUUID } from 'node:crypto'
import {
  closeSync,
  constants,
  createReadStream,
  fsyncSync,
  linkSync,
  lstatSync,
  openSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import type { OrderId } from '../domain/ids.js'
import { errorCode, UserError, usageError } from '../errors.js'
import { type ArchiveFormat, readOrderKey } from './records.js'

/** A file that is being written, under a name that no other process uses. */
export class ArchiveDraft {
  readonly #path: string
  readonly #draft: string
  readonly #descriptor: number

  /** @throws UserError (exit 2) if the folder does not exist or may not be written */
  constructor(path: string) {
    this.#path = path
    this.#draft = join(dirname(path), `${draftStart(path)}${randomUUID()}.part`)
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL
    this.#descriptor = changing(path, () => openSync(this.#draft, flags, 0o600))
  }

  write(text: string): void {
    changing(this.#path, () => writeFileSync(this.#descriptor, text))
  }

  /** Syncs the draft. After this, only the name can be missing. */
  complete(): void {
    changing(this.#path, () => fsyncSync(this.#descriptor))
  }

  /** Gives the complete draft its name, and syncs the folder. @throws UserError if the name or the draft was taken */
  publish(): void {
    try {
      // Unlike a rename, a link fails if the name is taken.
      linkSync(this.#draft, this.#path)
    } catch (error) {
      if (!isTaken(this.#draft)) throw archiveRunning()
      throw errorCode(error) === 'EEXIST' ? fileExists(this.#path) : unwritable(this.#path, error)
    }
    changing(this.#path, () => {
      syncToDisk(dirname(this.#path))
      rmSync(this.#draft)
    })
  }

  /** Closes the file, and removes it unless it was published. The next archive removes it if the disk fails. */
  close(): void {
    try {
      closeSync(this.#descriptor)
      rmSync(this.#draft, { force: true })
    } catch {
      // What failed before says more.
    }
  }
}

function syncToDisk(path: string): void {
  const opened = openSync(path, constants.O_RDONLY)
  fsyncSync(opened)
  closeSync(opened)
}

/**
 * Syncs the file of an interrupted archive and its name: it may have been killed before that, or the file moved.
 *
 * @throws UserError if the disk fails
 */
export function syncArchive(path: string): void {
  changing(path, () => {
    for (const name of [path, dirname(path)]) syncToDisk(name)
  })
}

function draftStart(path: string): string {
  return `.${basename(path)}.`
}

/** Removes what killed processes have left. An archive that another process is still writing fails. */
export function removeDrafts(path: string): void {
  const [folder, start] = [dirname(path), draftStart(path)]
  const isDraft = (name: string) => name.startsWith(start) && /^[\da-f-]{36}\.part$/.test(name.slice(start.length))
  changing(path, () => {
    for (const name of readdirSync(folder)) if (isDraft(name)) rmSync(join(folder, name), { force: true })
  })
}

/** Whether something has this name, also a link that leads nowhere. */
export function isTaken(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined
}

export function fileExists(path: string): UserError {
  const message = `${path} exists already. An archive never overwrites a file.`
  return usageError({ code: 'archive_exists', message, fix: 'Name a file that does not exist: --to FILE.' })
}

/** Another command may also have removed our draft. */
export function archiveRunning(): UserError {
  return new UserError({
    code: 'archive_running',
    message: 'Another command archives orders. No order was removed.',
    fix: 'Wait until it ends, then run the command again.',
    retryable: true,
  })
}

/** Names the file: without that, an error of its disk would be taken for one of the database. */
function changing<Result>(path: string, change: () => Result): Result {
  try {
    return change()
  } catch (error) {
    throw unwritable(path, error)
  }
}

function unwritable(path: string, error: unknown): UserError {
  return new UserError(
    {
      code: 'archive_unwritable',
      message: `Cannot write ${path} (${errorCode(error)}). No order was removed.`,
      fix: 'Name a file in an existing folder that this user may write, on a disk with enough space and hard links.',
    },
    { cause: error },
  )
}

export interface ArchivedText {
  readonly id: OrderId
  readonly text: string
}

/** Reads the orders of the file back, as they were written, in batches. */
export async function* readArchive(path: string, format: ArchiveFormat, size: number) {
  const input = createReadStream(path)
  try {
    yield* batchesOf(createInterface({ input }), format, size)
  } finally {
    input.destroy()
  }
}

async function* batchesOf(lines: AsyncIterable<string>, format: ArchiveFormat, size: number) {
  let batch: ArchivedText[] = []
  let order: ArchivedText | undefined
  for await (const line of lines) {
    const id = readOrderKey(line, format)
    if (id === undefined) {
      if (order) order = { ...order, text: `${order.text}${line}\n` }
      continue
    }
    if (order) batch.push(order)
    order = { id, text: `${line}\n` }
    if (batch.length < size) continue
    yield batch
    batch = []
  }
  if (order) batch.push(order)
  if (batch.length > 0) yield batch
}
