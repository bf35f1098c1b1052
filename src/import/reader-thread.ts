// The thread that reads: bytes -> records -> checked lines -> packed chunks, one for each message that it receives. Reading
// takes as much of a core as writing does, so both run at once.
import { parentPort, workerData } from 'node:worker_threads'
import { CsvTable } from '../csv/table.js'
import { packRows } from '../database/packed-rows.js'
import { UserError } from '../errors.js'
import { ChunkBuilder } from './chunk.js'
import { ORDER_FILE } from './order-line.js'
import type { ReadChunk, ReaderMessage, ReaderOptions } from './reader.js'

if (parentPort) {
  const port = parentPort
  const chunks = readChunks(workerData as ReaderOptions)
  let last: Promise<void> = Promise.resolve()
  port.on('message', () => {
    last = last.then(async () => {
      const message = await nextMessage(chunks)
      port.postMessage(message)
      if (!message.read) port.close()
    })
  })
}

async function nextMessage(chunks: AsyncGenerator<ReadChunk, void>): Promise<ReaderMessage> {
  try {
    const next = await chunks.next()
    return next.done ? {} : { read: next.value }
  } catch (error) {
    // An error loses its class on the way to the other thread.
    if (!(error instanceof UserError)) throw error
    const { code, message, fix, retryable, exit } = error
    return { problem: { code, message, fix, retryable, exit } }
  }
}

async function* readChunks({ file, resumeFrom, ...options }: ReaderOptions): AsyncGenerator<ReadChunk, void> {
  const products = await openProductCheck(options)
  try {
    const table = await CsvTable.open(file, ORDER_FILE)
    try {
      if (resumeFrom && (await table.skipTo(resumeFrom)) !== resumeFrom.sha256)
        throw changedFile(table.source.name, resumeFrom.offset)
      const header = table.header.cells
      const builder = new ChunkBuilder(table.columns, header.length, options.timeZone)
      for await (const cursor of table.read(builder)) {
        builder.rejectProducts(await products.unknown(builder.skus()))
        yield { header, ...builder.take(), cursor, size: table.source.size }
      }
    } finally {
      await table.source.close()
    }
  } finally {
    await products.close()
  }
}

/** Finds unknown SKUs, for the policy that they cost their orders. With `create`, every SKU is accepted. */
async function openProductCheck({ unknownSku, database }: Pick<ReaderOptions, 'unknownSku' | 'database'>) {
  if (unknownSku === 'create') return { unknown: async () => new Set<string>(), close: async () => {} }
  // Loaded here, since an import under the usual policy needs nothing of it.
  const { connect, databaseExists } = await import('../database/connection.js')
  const { rowSource } = await import('../database/row-source.js')
  if (!(await databaseExists(database)))
    return { unknown: async (skus: ReadonlySet<string>) => skus, close: async () => {} }
  const db = await connect(database, { connections: 1 })
  // Products are never deleted, so what is known stays so.
  const known = new Set<string>()
  return {
    async unknown(skus: ReadonlySet<string>): Promise<ReadonlySet<string>> {
      const asked = [...skus].filter((sku) => !known.has(sku)).map((sku) => ({ sku }))
      if (asked.length === 0) return new Set()
      const found = await db
        .selectFrom(rowSource(db, 'asked', packRows({ sku: 'text' }, asked)))
        .innerJoin('products', 'products.sku', 'asked.sku')
        .select('products.sku')
        .execute()
      for (const { sku } of found) known.add(sku)
      return new Set(asked.map(({ sku }) => sku).filter((sku) => !known.has(sku)))
    },
    close: () => db.destroy(),
  }
}

function changedFile(name: string, offset: number): UserError {
  return new UserError({
    code: 'file_changed',
    message: `${name} has changed in the part that was imported already (its first ${offset} bytes).`,
    fix: 'Restore the file and run --resume again; or import the file as it is now without --resume, which undoes the interrupted import.',
  })
}
