// Stores the chunks of one file as an import does, and counts what becomes of its lines.
import type { Database } from '../../src/database/connection.js'
import type { ChunkContent } from '../../src/import/chunk.js'
import { insertRun, updateRun } from '../../src/import/import-record.js'
import { ItemNumbers } from '../../src/import/items.js'
import { storeChunk } from '../../src/import/store.js'
import { type Report, reachVerdicts } from '../../src/import/verdicts.js'

export async function storeChunks(db: Database, source: string, chunks: readonly ChunkContent[]) {
  const run = await insertRun(db, { source, file: 'orders.csv' })
  const notImported: number[] = []
  const counts = { rows: 0, orders: 0, imported: 0, skipped: 0, rejected: 0, products_created: 0 }
  for (const { chunk, rejected, skippedCount } of chunks) {
    notImported.push(...rejected.map(({ line }) => line))
    const options = { importId: run.id, source, initialStock: 50, now: 0 }
    const { orders, lines, productsCreated } = await storeChunk(db, chunk, options)
    counts.rows += chunk.lineCount + rejected.length + skippedCount
    counts.skipped += skippedCount
    counts.rejected += rejected.length
    counts.orders += orders
    counts.imported += lines
    counts.products_created += productsCreated
  }
  const report: Report = (lines) => void notImported.push(...lines.map(({ line_number }) => line_number))
  const numbers = new ItemNumbers([], { preset: null, columns: {} })
  const options = { update: false, timeZone: 'UTC', numbers, report, reportConflicts: report }
  const verdicts = await reachVerdicts(db, { ...run, orders: counts.orders }, options)
  await updateRun(db, run, { status: 'finished', ended_at: 0 })
  return {
    run,
    counts: {
      ...counts,
      orders: counts.orders - verdicts.ordersRemoved,
      imported: counts.imported - verdicts.linesRemoved,
      duplicates: verdicts.duplicates,
      conflicts: verdicts.conflicts,
      rejected: counts.rejected + verdicts.rejected,
      products_created: counts.products_created - verdicts.productsRemoved,
    },
    notImported: notImported.sort((a, b) => a - b),
  }
}
