// Reads a file or standard input in blocks of bytes.
import { read } from 'node:fs'
import { open } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { errorCode, UserError, usageError } from '../errors.js'

/** The file name that stands for standard input. */
export const STDIN = '-'

/** Size of a block in bytes. One transaction stores about one block. */
export const BLOCK_BYTES = 524_288

const readDescriptor = promisify(read)

export interface ByteSource {
  /** For messages. */
  readonly name: string
  /** Total size in bytes; undefined for a pipe. */
  readonly size: number | undefined
  /** Returns the next block, or undefined at the end. Only the last block may be short. Its buffer is never reused. */
  next(): Promise<Buffer | undefined>
  close(): Promise<void>
}

/** @throws UserError if the file is missing, a folder, or unreadable */
export async function openBytes(file: string): Promise<ByteSource> {
  if (file === STDIN) {
    return { name: 'standard input', size: undefined, next: () => nextBlock(readStdin), close: async () => {} }
  }
  const handle = await open(file, 'r').catch((error: unknown) => {
    const code = errorCode(error)
    if (code === 'ENOENT') {
      const fix = 'Check the path, or use `-` to read standard input.'
      throw usageError({ code: 'file_not_found', message: `${file} does not exist.`, fix })
    }
    const fix = 'Check the permissions of the file and its folder.'
    throw usageError({ code: 'file_unreadable', message: `Cannot read ${file} (${code}).`, fix })
  })
  const stat = await handle.stat()
  if (stat.isDirectory()) {
    await handle.close()
    const fix = 'Name a file in it. `orderctl import` takes several, and --watch imports what appears in a folder.'
    throw usageError({ code: 'file_is_folder', message: `${file} is a folder, not a file.`, fix })
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
      // EAGAIN: a non-blocking pipe is currently empty.
      if (code !== 'EAGAIN') {
        const fix = 'Pipe a file into the command, or pass a file name instead of `-`.'
        throw new UserError({ code: 'stdin_unreadable', message: `Cannot read standard input (${code}).`, fix })
      }
      await sleep(10)
    }
  }
}
