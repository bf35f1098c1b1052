// A file or standard input as blocks of bytes.
import { read } from 'node:fs'
import { open } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { errorCode, UserError, usageError } from '../errors.js'

/** Standard input, as the command line names it. */
export const STDIN = '-'

/** Bytes in a block, which is about what one transaction stores. */
const BLOCK_BYTES = 524_288

const readDescriptor = promisify(read)

export interface ByteSource {
  /** For messages. */
  readonly name: string
  /** Bytes in all; undefined for a pipe. */
  readonly size: number | undefined
  /** The next block, full except for the last one; undefined at the end. The caller keeps it. */
  next(): Promise<Buffer | undefined>
  close(): Promise<void>
}

/** @throws UserError if the file is missing, a folder, or not readable */
export async function openBytes(file: string): Promise<ByteSource> {
  if (file === STDIN) {
    return { name: 'standard input', size: undefined, next: () => nextBlock(readStdin), close: async () => {} }
  }
  const handle = await open(file, 'r').catch((error: unknown) => {
    const code = errorCode(error)
    if (code === 'ENOENT') {
      const fix = 'Check the name and the folder; `-` reads standard input.'
      throw usageError({ code: 'file_not_found', message: `There is no file ${file}.`, fix })
    }
    const fix = 'Check the permissions of the file and of its folder.'
    throw usageError({ code: 'file_unreadable', message: `${file} cannot be read (${code}).`, fix })
  })
  const stat = await handle.stat()
  if (stat.isDirectory()) {
    await handle.close()
    const fix = 'Name one CSV file in it. Import several files one after the other.'
    throw usageError({ code: 'file_is_folder', message: `${file} is a folder.`, fix })
  }
  return {
    name: file,
    size: stat.isFile() ? stat.size : undefined,
    next: () => nextBlock(async (block, at) => (await handle.read(block, at)).bytesRead),
    close: () => handle.close(),
  }
}

async function nextBlock(readSome: (block: Buffer, at: number) => Promise<number>): Promise<Buffer | undefined> {
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
      const code = errorCode(error)
      if (code === 'EOF') return 0
      // EAGAIN: a non-blocking pipe that is empty at the moment.
      if (code !== 'EAGAIN') {
        const fix = 'Pipe a file into the command, or name the file instead of `-`.'
        throw new UserError({ code: 'stdin_unreadable', message: `Standard input cannot be read (${code}).`, fix })
      }
      await sleep(10)
    }
  }
}

/** Looks at a file's first bytes. @throws UserError if they are binary, or UTF-16 */
export function refuseUnreadable(block: Buffer, name: string): void {
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
      fix: 'Export it as CSV (comma-separated values) and import that file.',
    })
  }
}
