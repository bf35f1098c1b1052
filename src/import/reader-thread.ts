// The thread that reads: bytes -> records -> checked lines -> packed chunks, one for each `next` that it is sent. It runs
// beside the writer, since reading takes as much of a core as writing does.
import { createHash, type Hash } from 'node:crypto'
import { parentPort, workerData } from 'node:worker_threads'
import { type ByteSource, openBytes, refuseUnreadable } from '../csv/bytes.js'
import { findColumns, readHeader } from '../csv/header.js'
import { RecordReader } from '../csv/records.js'
import { UserError, usageError } from '../errors.js'
import { ChunkBuilder } from './chunk.js'
import { openProductCheck } from './product-check.js'
import { fileLabel, type ReadChunk, type ReaderMessage, type ReaderOptions } from './reader.js'

if (parentPort) {
  const port = parentPort
  const chunks = readChunks(workerData as ReaderOptions)
  let last: Promise<void> = Promise.resolve()
  port.on('message', () => {
    last = last.then(async () => {
      const message = await nextMessage(chunks)
      port.postMessage(message)
      if (message.kind !== 'chunk') port.close()
    })
  })
}

async function nextMessage(chunks: AsyncGenerator<ReadChunk, void>): Promise<ReaderMessage> {
  try {
    const next = await chunks.next()
    return next.done ? { kind: 'end' } : { kind: 'chunk', read: next.value }
  } catch (error) {
    // An error loses its class on the way to the other thread.
    if (!(error instanceof UserError)) throw error
    const { code, message, fix, retryable, exit } = error
    return { kind: 'failed', problem: { code, message, fix, retryable, exit } }
  }
}

async function* readChunks(options: ReaderOptions): AsyncGenerator<ReadChunk, void> {
  const source = await openBytes(options.file)
  const products = await openProductCheck(options.unknownSku, options.database)
  try {
    const first = await source.next()
    if (!first) throw emptyFile(options.file)
    refuseUnreadable(first, options.file)
    const header = readHeader(first, fileLabel(options.file))
    const columns = findColumns(header.cells, fileLabel(options.file))
    const builder = new ChunkBuilder(columns, header.cells.length, options.timeZone)

    const begun = options.begun ?? { offset: header.bytes, line: header.lines + 1 }
    const { hash, rest } = await skipBegun(first, source, begun.offset, options)
    const records = new RecordReader(builder, {
      lineEnding: header.lineEnding,
      width: header.cells.length,
      offset: begun.offset,
      line: begun.line,
      hash,
    })
    const takeChunk = async (): Promise<ReadChunk> => {
      builder.rejectProducts(await products.unknown(builder.skus()))
      return {
        header: header.cells,
        ...builder.take(),
        cursor: { offset: records.offset, line: records.line, sha256: records.digest },
        size: source.size,
      }
    }
    for (let block: Buffer | undefined = rest; block; block = await source.next()) {
      await records.write(block)
      yield await takeChunk()
    }
    await records.end()
    yield await takeChunk()
  } finally {
    await products.close()
    await source.close()
  }
}

/**
 * Passes over the bytes that an earlier run stored, or over the header.
 *
 * @returns the hash of these bytes, to be continued, and what the last block read holds behind them
 * @throws UserError where they are not the bytes that were stored
 */
async function skipBegun(
  first: Buffer,
  source: ByteSource,
  offset: number,
  { begun, file }: ReaderOptions,
): Promise<{ hash: Hash; rest: Buffer | undefined }> {
  const hash = createHash('sha256')
  let left = offset
  let block: Buffer | undefined = first
  while (block && block.length < left) {
    hash.update(block)
    left -= block.length
    block = await source.next()
  }
  hash.update(block?.subarray(0, left) ?? '')
  if (begun && (!block || hash.copy().digest('hex') !== begun.sha256)) {
    throw new UserError({
      code: 'file_changed',
      message: `${fileLabel(file)} has changed in the part that was imported already (its first ${offset} bytes).`,
      fix: 'Restore the file and run --resume again; or import the file as it is now without --resume, which takes back what the interrupted import stored.',
    })
  }
  return { hash, rest: block?.subarray(left) }
}

function emptyFile(file: string): UserError {
  return usageError({
    code: 'file_empty',
    message: `${fileLabel(file)} is empty.`,
    fix: 'Export the orders again; the first line must name the columns.',
  })
}
