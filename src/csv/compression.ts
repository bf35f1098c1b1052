// Recognises compressed files by their first bytes and decompresses them in bounded memory.
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { errorCode, type UserError, usageError } from '../errors.js'
import { BLOCK_BYTES } from './bytes.js'

export type Compression = 'gzip' | 'zstd'

const ZSTD_FRAME = 0xfd2fb528
/** The first of 16 marks of frames that contain no data. */
const ZSTD_SKIPPABLE = 0x184d2a50
const ZSTD_LARGEST_BLOCK = 131_072
/** A frame asks for its window, up to 2 GiB. zstd itself refuses more than this as well. */
const ZSTD_LARGEST_WINDOW = 134_217_728
/** A block of zstd takes at least 4 bytes, so a piece of this size expands to 32 MiB at most. */
const ZSTD_PIECE = 1024

/** @param first the first block of a file */
export function compressionOf(first: Buffer): Compression | null {
  if (first.length < 4) return null
  if (first.readUInt16BE() === 0x1f8b) return 'gzip'
  const mark = first.readUInt32LE()
  return mark === ZSTD_FRAME || mark >>> 4 === ZSTD_SKIPPABLE >>> 4 ? 'zstd' : null
}

/** @throws UserError if the archive is damaged or ends too early */
export function decompress(
  blocks: AsyncIterable<Buffer>,
  compression: Compression,
  name: string,
): AsyncGenerator<Buffer, void> {
  return compression === 'gzip' ? gunzip(blocks, name) : unzstd(blocks, name)
}

async function* gunzip(blocks: AsyncIterable<Buffer>, name: string): AsyncGenerator<Buffer, void> {
  const unzipped = createGunzip({ chunkSize: BLOCK_BYTES })
  // Failures are seen by the loop below.
  pipeline(Readable.from(blocks), unzipped).catch(() => {})
  try {
    yield* unzipped
  } catch (error) {
    const code = errorCode(error)
    throw code?.startsWith('Z_') ? damaged('gzip', name, code === 'Z_BUF_ERROR') : error
  }
}

async function* unzstd(blocks: AsyncIterable<Buffer>, name: string): AsyncGenerator<Buffer, void> {
  const { Decompress, ZstdErrorCode } = await import('fzstd')
  let unpacked: Buffer[] = []
  const stream = new Decompress((bytes) => {
    // fzstd checks the size of most blocks, but not of those that repeat one byte.
    if (bytes.length > ZSTD_LARGEST_BLOCK) throw new Error('block too large')
    // A copy: fzstd keeps the bytes in its window.
    if (bytes.length > 0) unpacked.push(Buffer.from(bytes))
  })
  const push = (bytes: Uint8Array, isLast: boolean) => {
    try {
      stream.push(bytes, isLast)
    } catch (error) {
      throw damaged(
        'zstd',
        name,
        error instanceof Error && 'code' in error && error.code === ZstdErrorCode.UnexpectedEOF,
      )
    }
  }
  let isFirst = true
  for await (const block of blocks) {
    if (isFirst && windowOf(block) > ZSTD_LARGEST_WINDOW) throw damaged('zstd', name, false)
    isFirst = false
    for (let at = 0; at < block.length; at += ZSTD_PIECE) {
      push(block.subarray(at, at + ZSTD_PIECE), false)
      yield* unpacked
      unpacked = []
    }
  }
  push(new Uint8Array(), true)
  yield* unpacked
}

/** Size of the window that the first frame asks for (RFC 8878, 3.1.1.1.2); 0 if it has a single segment. */
function windowOf(first: Buffer): number {
  const [descriptor = 0, window = 0] = first.subarray(4)
  if (first.readUInt32LE() !== ZSTD_FRAME || descriptor & 0x20) return 0
  return 2 ** (10 + (window >> 3)) * (1 + (window & 7) / 8)
}

function damaged(compression: Compression, name: string, isCut: boolean): UserError {
  return usageError({
    code: 'archive_damaged',
    message: `${name} is a ${compression} archive that ${isCut ? 'ends too early: a part is missing' : 'is damaged'}.`,
    fix: `Copy or download the file again. \`${compression} -t FILE\` tests an archive.`,
  })
}
