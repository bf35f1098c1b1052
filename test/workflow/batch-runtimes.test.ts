// What workers write of their batches' runtimes is what they counted, however often and whenever they write it.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Database, openScratchDatabase } from '../../src/database/connection.js'
import { bucketOf } from '../../src/domain/histogram.js'
import type { WorkerId } from '../../src/domain/ids.js'
import { BatchRuntimes, writeRuntimes } from '../../src/workflow/batch-runtimes.js'

const MINUTE_MS = 60_000
const NOON = Date.parse('2026-03-04T12:00:00Z')

const worker = (name: string) => name as string as WorkerId

async function write(db: Database, id: WorkerId, runtimes: BatchRuntimes): Promise<void> {
  const unwritten = runtimes.unwritten()
  await db.transaction().execute((trx) => writeRuntimes(trx, id, unwritten.rows))
  runtimes.forget(unwritten)
}

function written(db: Database) {
  return db.selectFrom('batch_runtimes').selectAll().orderBy('minute').orderBy('worker_id').orderBy('bucket').execute()
}

describe('a worker', () => {
  test('adds to a minute that it wrote before, and leaves those of others alone', async ({ onTestFinished }) => {
    const db = await openScratchDatabase()
    onTestFinished(() => db.destroy())
    const [a, b] = [new BatchRuntimes(), new BatchRuntimes()]
    a.count(100, NOON)
    b.count(100, NOON + 1)
    await write(db, worker('a'), a)
    await write(db, worker('b'), b)
    a.count(100, NOON + 59_999)
    a.count(9000, NOON + 59_999)
    a.count(9000, NOON + 60_000)
    await write(db, worker('a'), a)
    a.count(9000, NOON + 60_001)
    await write(db, worker('a'), a)
    await write(db, worker('a'), a)
    // 1.1^48 = 97.0, 1.1^49 = 106.7; 1.1^95 = 8,556, 1.1^96 = 9,412.
    expect(await written(db)).toEqual([
      { minute: NOON, worker_id: 'a', bucket: 48, batches: 2 },
      { minute: NOON, worker_id: 'a', bucket: 95, batches: 1 },
      { minute: NOON, worker_id: 'b', bucket: 48, batches: 1 },
      { minute: NOON + MINUTE_MS, worker_id: 'a', bucket: 95, batches: 2 },
    ])
  })

  test('writes nothing where nothing was added', () => {
    const runtimes = new BatchRuntimes()
    expect(runtimes.unwritten().rows).toEqual([])
    runtimes.count(1, NOON)
    runtimes.forget(runtimes.unwritten())
    expect(runtimes.unwritten().rows).toEqual([])
  })

  test('counts on in its latest minute where the clock was put back', async ({ onTestFinished }) => {
    const db = await openScratchDatabase()
    onTestFinished(() => db.destroy())
    const runtimes = new BatchRuntimes()
    runtimes.count(100, NOON)
    runtimes.count(100, NOON + MINUTE_MS)
    await write(db, worker('a'), runtimes)
    runtimes.count(100, NOON)
    await write(db, worker('a'), runtimes)
    expect(await written(db)).toMatchObject([
      { minute: NOON, batches: 1 },
      { minute: NOON + MINUTE_MS, batches: 2 },
    ])
  })
})

type Step =
  | { readonly kind: 'count'; readonly ms: number; readonly after: number }
  | { readonly kind: 'write' | 'lose' }

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant('count' as const),
    ms: fc.double({ min: 0.1, max: 60_000, noNaN: true }),
    after: fc.nat(90_000),
  }),
  fc.record({ kind: fc.constantFrom('write' as const, 'lose' as const) }),
)

test('whenever it writes, and whichever writes fail, all is there in the end, once', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const db = await openScratchDatabase()
      const runtimes = new BatchRuntimes()
      const expected = new Map<string, number>()
      let now = NOON
      for (const next of steps) {
        if (next.kind === 'count') {
          now += next.after
          runtimes.count(next.ms, now)
          const key = `${Math.floor(now / MINUTE_MS) * MINUTE_MS}:${bucketOf(next.ms)}`
          expected.set(key, (expected.get(key) ?? 0) + 1)
        } else if (next.kind === 'write') {
          await write(db, worker('a'), runtimes)
        } else {
          // It was written, but the answer was lost: the worker does not know.
          await writeRuntimes(db, worker('a'), runtimes.unwritten().rows)
        }
      }
      await write(db, worker('a'), runtimes)
      const rows = (await written(db)).map((row) => [`${row.minute}:${row.bucket}`, row.batches] as const)
      expect(new Map(rows)).toEqual(expected)
      await db.destroy()
    }),
    { numRuns: 30 },
  )
})
