// The reader thread: parses bytes into records, checked lines and packed chunks. Sends one chunk for each message it
// receives. Reading uses as much CPU as writing does, so the two run in parallel.
import { parentPort, workerData } from 'node:worker_threads'
import { CsvTable } from '../csv/table.js'
import { packRows } from '../database/packed-rows.js'
import { UserError } from '../errors.js'
import { ChunkBuilder } from './chunk.js'
import { NOTHING_READ } from './file-read.js'
import { understand } from './mapping/understand.js'
import { openOrderFile } from './order-file.js'
import { OpenQuestions, type ReadChunk, type ReaderMessage, type ReaderOptions } from './reader.js'
import { isRejectColumn } from './reject-columns.js'

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
    // Errors lose their class when they are sent to another thread.
    if (error instanceof OpenQuestions) return { questions: error.questions }
    if (!(error instanceof UserError)) throw error
    const { code, message, fix, retryable, exit } = error
    return { problem: { code, message, fix, retryable, exit } }
  }
}

async function* readChunks(options: ReaderOptions): AsyncGenerator<ReadChunk, void> {
  const { file, answers, resumeFrom, unknownSku, database } = options
  const products = unknownSku === 'reject' ? await openProductCheck(database) : undefined
  try {
    const content = await openOrderFile(file, answers)
    try {
      const { mapping, dialect, header, questions, unreadTimes } = await understand(content, answers)
      if (questions.length > 0) throw new OpenQuestions(questions)
      const table = CsvTable.over(content, dialect, header)
      if (resumeFrom && (await table.skipTo(resumeFrom)) !== resumeFrom.sha256)
        throw changedFile(content.name, resumeFrom.offset)
      const { encoding, compression } = content
      const state = resumeFrom?.state ?? NOTHING_READ
      const builder = new ChunkBuilder({ header: header.cells, mapping, dialect, encoding, state }, options)
      const names = header.cells.filter((name) => !isRejectColumn(name))
      const layout = { header: names, mapping, dialect, encoding, compression, unreadTimes }
      for await (const cursor of table.read(builder)) {
        if (products) builder.rejectProducts(await products.unknown(builder.skus()))
        yield { layout, ...builder.take(), cursor, fraction: content.fraction }
      }
    } finally {
      await content.close()
    }
  } finally {
    await products?.close()
  }
}

/** Finds the unknown SKUs, whose orders are rejected. */
async function openProductCheck(database: ReaderOptions['database']) {
  // Loaded on demand: imports under the default policy do not need it.
  const { connect, databaseExists } = await import('../database/connection.js')
  const { rowSource } = await import('../database/row-source.js')
  if (!(await databaseExists(database)))
    return { unknown: async (skus: ReadonlySet<string>) => skus, close: async () => {} }
  const db = await connect(database, { connections: 1 })
  // Each SKU is looked up once.
  const known = new Set<string>()
  return {
    async unknown(skus: ReadonlySet<string>): Promise<ReadonlySet<string>> {
      const requested = [...skus].filter((sku) => !known.has(sku)).map((sku) => ({ sku }))
      if (requested.length === 0) return new Set()
      const found = await db
        .selectFrom(rowSource(db, 'requested', packRows({ sku: 'text' }, requested)))
        .innerJoin('products', 'products.sku', 'requested.sku')
        .select('products.sku')
        .execute()
      for (const { sku } of found) known.add(sku)
      return new Set(requested.map(({ sku }) => sku).filter((sku) => !known.has(sku)))
    },
    close: () => db.destroy(),
  }
}

function changedFile(name: string, offset: number): UserError {
  return new UserError({
    code: 'file_changed',
    message: `${name} has changed in the part that is already imported (its first ${offset} bytes).`,
    fix: 'Restore the file and run --resume again. Or import the changed file with --discard, which undoes the interrupted import.',
  })
}
