// The content of a file as UTF-8, whatever its compression and encoding.
import { usageError } from '../errors.js'
import { BLOCK_BYTES, type ByteSource, openBytes } from './bytes.js'
import { type Compression, compressionOf, decompress } from './compression.js'
import { decode, detectEncoding, EVIDENCE_BYTES, knownEncoding, UTF8 } from './encoding.js'
import { Lookahead } from './lookahead.js'

export interface Content extends ByteSource {
  /** As in `utf-8` or `windows-1252`. */
  readonly encoding: string
  readonly compression: Compression | null
  /** Fraction of the file that was read, from 0 to 1; undefined for a pipe. */
  readonly fraction: number | undefined
  /** Returns at least so many bytes from the current position, or all that are left. Does not consume them. */
  peek(bytes: number): Promise<Buffer>
}

export interface EncodingChoice {
  /** If omitted, it is found out. */
  readonly encoding?: string | undefined
  /** Whether the first bytes show that the file is in another encoding, which is found out then. */
  readonly isOther?: (start: Buffer) => boolean
}

/**
 * Opens a file, or standard input for `-`. Finds the compression and, unless it is given, the encoding by the first
 * bytes. Removes a byte order mark. Its size is that of the file; its blocks are UTF-8 of about BLOCK_BYTES. Bytes that
 * are not valid UTF-8 are passed on; those that are not valid in another encoding become U+FFFD.
 *
 * @throws UserError if the file is unreadable, a damaged archive, not text, or in an unknown encoding
 */
export async function openContent(file: string, { encoding, isOther }: EncodingChoice = {}): Promise<Content> {
  const wanted = encoding === undefined ? undefined : await knownEncoding(encoding)
  const source = await openBytes(file)
  try {
    return await contentOf(source, wanted, isOther)
  } catch (error) {
    await source.close()
    throw error
  }
}

/** Reads the source, which it closes with the content. @param wanted as `knownEncoding` returns it */
export async function contentOf(
  source: ByteSource,
  wanted?: string,
  isOther?: EncodingChoice['isOther'],
): Promise<Content> {
  const { name, size } = source
  let bytesRead = 0
  async function* read() {
    for (let block = await source.next(); block; block = await source.next()) {
      bytesRead += block.length
      yield block
    }
  }
  const raw = new Lookahead(read(), () => bytesRead)
  const compression = compressionOf(await raw.peek(4))
  const plain = compression ? raw.map((blocks) => inBlocks(decompress(blocks, compression, name))) : raw
  refuseWorkbook(await plain.peek(BLOCK_BYTES), name)

  // A pipe may stay open: its first block must do.
  const evidence = size === undefined ? BLOCK_BYTES : EVIDENCE_BYTES
  const sample = await plain.peek(wanted && !isOther ? 0 : evidence)
  const isWanted = wanted !== undefined && !isOther?.(sample)
  const encoding = isWanted ? wanted : detectEncoding(sample, sample.length < evidence, name)
  const decoded = encoding === UTF8 ? plain : plain.map((blocks) => inBlocks(decode(blocks, encoding)))
  const content = decoded.map(withoutMark)
  if ((await content.peek(1)).includes(0)) throw binary(name)
  return {
    name,
    size,
    encoding,
    compression,
    get fraction() {
      return size === undefined ? undefined : size === 0 ? 1 : content.position / size
    },
    peek: (bytes) => content.peek(bytes),
    next: () => content.next(),
    async close() {
      await content.close()
      await source.close()
    },
  }
}

/** Joins small blocks. */
async function* inBlocks(blocks: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
  let parts: Buffer[] = []
  let bytes = 0
  for await (const block of blocks) {
    parts.push(block)
    bytes += block.length
    if (bytes < BLOCK_BYTES) continue
    yield Buffer.concat(parts)
    parts = []
    bytes = 0
  }
  if (bytes > 0) yield Buffer.concat(parts)
}

const MARK = Buffer.from('\uFEFF')

/** Removes a byte order mark. */
async function* withoutMark(blocks: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
  let isFirst = true
  for await (const block of blocks) {
    const text = isFirst && block.subarray(0, MARK.length).equals(MARK) ? block.subarray(MARK.length) : block
    isFirst = false
    if (text.length > 0) yield text
  }
}

/** Workbooks are named, not read: docs/adr/0020-workbooks-are-named-not-read.md. */
function refuseWorkbook(first: Buffer, name: string): void {
  const start = first.toString('latin1', 0, 4)
  const isZip = start === 'PK\x03\x04'
  const isXlsx = isZip && (first.includes('xl/') || first.includes('[Content_Types].xml'))
  const isXls = start === '\xd0\xcf\x11\xe0'
  if (isXlsx || isXls) {
    throw usageError({
      code: 'workbook',
      message: `${name} is an Excel workbook (${isXlsx ? '.xlsx' : '.xls'}), not CSV.`,
      fix:
        'In Excel, choose File, Save As, "CSV UTF-8 (Comma delimited)", and import that file. If the shop can export CSV, ' +
        'import that instead: Excel may have changed ids and dates.',
    })
  }
  if (isZip) {
    throw usageError({
      code: 'zip_archive',
      message: `${name} is a ZIP archive, not CSV.`,
      fix: 'Unpack it and import the CSV files in it.',
    })
  }
}

function binary(name: string) {
  return usageError({
    code: 'binary_file',
    message: `${name} is a binary file, not CSV.`,
    fix: 'Export it as CSV (comma-separated values) and import that file.',
  })
}
