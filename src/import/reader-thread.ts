// The thread that reads: bytes -> records -> checked lines -> packed chunks, one for each message that it receives. It runs
// beside the writer, since reading takes as much of a core as writing does.
import { parentPort, workerData } from 'node:worker_threads'
import { CsvTable } from '../csv/table.js'
import { UserError } from '../errors.js'
import { ChunkBuilder } from './chunk.js'
import { ORDER_FILE } from './order-line.js'
import { openProductCheck } from './product-check.js'
import type { ReadChunk, ReaderMessage, ReaderOptions } from './reader.js'

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

async function* readChunks({ file, begun, ...options }: ReaderOptions): AsyncGenerator<ReadChunk, void> {
  const products = await openProductCheck(options.unknownSku, options.database)
  try {
    const table = await CsvTable.open(file, ORDER_FILE)
    try {
      if (begun && (await table.passOver(begun)) !== begun.sha256) throw changedFile(table.name, begun.offset)
      const header = table.header.cells
      const builder = new ChunkBuilder(table.columns, header.length, options.timeZone)
      for await (const cursor of table.read(builder)) {
        builder.rejectProducts(await products.unknown(builder.skus()))
        yield { header, ...builder.take(), cursor, size: table.size }
      }
    } finally {
      await table.close()
    }
  } finally {
    await products.close()
  }
}

function changedFile(name: string, offset: number): UserError {
  return new UserError({
    code: 'file_changed',
    message: `${name} has changed in the part that was imported already (its first ${offset} bytes).`,
    fix: 'Restore the file and run --resume again; or import the file as it is now without --resume, which takes back what the interrupted import stored.',
  })
}
