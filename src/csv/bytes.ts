// A file or standard input as blocks of bytes, after a first look that it is text at all.

import { read } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { errorCode, UserError, usageError } from '../errors.js'

/** Standard input, as the command line names it. */
export const STDIN = '-'

/** Bytes in a block, and so about the bytes that one transaction stores. */
const BLOCK_BYTES = 524_288

const readDescriptor = promisify(read)

export interface ByteSource {
  /** Bytes in all; undefined for a pipe. */
  readonly size: number | undefined
  /** The next block: full, but for the last one. Undefined at the end. Each is the caller's to keep. */
  next(): Promise<Buffer | undefined>
  close(): Promise<void>
}

/** @throws UserError where the file is missing, a folder, or not to be read */
export async function openBytes(file: string): Promise<ByteSource> {
  if (file === STDIN)
    return { size: undefined, next: () => fill((block, at) => readStdin(block, at)), close: async () => {} }
  const handle = await openFile(file)
  const stat = await handle.stat()
  return {
    size: stat.isFile() ? stat.size : undefined,
    next: () => fill(async (block, at) => (await handle.read(block, at)).bytesRead),
    close: () => handle.close(),
  }
}

/** @throws UserError where the bytes are no text that we read: binary, or UTF-16 */
export function refuseUnreadable(block: Buffer, file: string): void {
  const name = file === STDIN ? 'standard input' : file
  if ((block[0] === 0xff && block[1] === 0xfe) || (block[0] === 0xfe && block[1] === 0xff)) {
    throw usageError({
      code: 'wrong_encoding',
      message: `${name} is in UTF-16, and this release reads UTF-8.`,
      fix: 'Save it as UTF-8 (in Excel: "CSV UTF-8"), or convert it: iconv -f UTF-16 -t UTF-8 FILE > NEW.',
    })
  }
  if (block.includes(0)) {
    throw usageError({
      code: 'binary_file',
      message: `${name} is a binary file, not CSV: it holds zero bytes.`,
      fix: 'Export the orders as CSV (comma-separated values) and import that file.',
    })
  }
}

async function openFile(file: string): Promise<FileHandle> {
  let handle: FileHandle
  try {
    handle = await open(file, 'r')
  } catch (error) {
    throw usageError({
      code: errorCode(error) === 'ENOENT' ? 'file_not_found' : 'file_unreadable',
      message:
        errorCode(error) === 'ENOENT' ? `There is no file ${file}.` : `${file} cannot be read (${errorCode(error)}).`,
      fix:
        errorCode(error) === 'ENOENT'
          ? 'Check the name and the folder; `-` reads standard input.'
          : 'Check the permissions of the file and of its folder.',
    })
  }
  if ((await handle.stat()).isDirectory()) {
    await handle.close()
    throw usageError({
      code: 'file_is_folder',
      message: `${file} is a folder.`,
      fix: 'Name one CSV file in it. Several are imported one after the other.',
    })
  }
  return handle
}

async function fill(readSome: (block: Buffer, at: number) => Promise<number>): Promise<Buffer | undefined> {
  const block = Buffer.allocUnsafeSlow(BLOCK_BYTES)
  let length = 0
  while (length < BLOCK_BYTES) {
    const bytes = await readSome(block, length)
    if (bytes === 0) break
    length += bytes
  }
  return length === 0 ? undefined : block.subarray(0, length)
}

async function readStdin(block: Buffer, at: number): Promise<number> {
  for (;;) {
    try {
      return (await readDescriptor(0, block, at, block.length - at, null)).bytesRead
    } catch (error) {
      // A pipe that somebody made non-blocking has nothing for us yet.
      if (errorCode(error) === 'EAGAIN') await sleep(10)
      else if (errorCode(error) === 'EOF') return 0
      else
        throw new UserError({
          code: 'stdin_unreadable',
          message: `Standard input cannot be read (${errorCode(error)}).`,
          fix: 'Pipe a file into the command, or name the file instead of `-`.',
        })
    }
  }
}
