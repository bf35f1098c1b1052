// Runs the reader thread and passes its chunks to the writer, reading a few ahead.
import { on } from 'node:events'
import { setImmediate as yieldToEventLoop } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import type { Config } from '../config/config.js'
import type { Cursor } from '../csv/table.js'
import { type Problem, UserError } from '../errors.js'
import type { ChunkOptions, RejectedLine } from './chunk.js'
import type { Chunk } from './chunk-rows.js'

export interface ReaderOptions extends ChunkOptions {
  readonly file: string
  /** The cursor of an interrupted run; undefined to start at the beginning. */
  readonly resumeFrom: Cursor | undefined
  readonly unknownSku: Config['inventory.unknownSku']
  readonly database: Config['database']
}

export interface ReadChunk {
  /** The column names, without those of an earlier rejects file. */
  readonly header: readonly string[]
  readonly chunk: Chunk
  readonly rejected: readonly RejectedLine[]
  /** Position after the chunk's last line. */
  readonly cursor: Cursor
  /** Size of the file in bytes; undefined for a pipe. */
  readonly size: number | undefined
}

/** A chunk, a failure, or neither at the end of the file. */
export interface ReaderMessage {
  readonly read?: ReadChunk
  readonly problem?: Problem
}

/** Chunks that may wait for the writer. Bounds the memory. */
const CHUNKS_AHEAD = 3

/**
 * Reads the file in a separate thread. Leaving the loop early ends the thread.
 *
 * @param signal ends the thread at once, even while it waits for a pipe
 */
export async function* readInThread(options: ReaderOptions, signal: AbortSignal): AsyncGenerator<ReadChunk, void> {
  const thread = new Worker(new URL(import.meta.resolve('#threads/import/reader-thread')), {
    workerData: options,
    // Lines live for about one chunk, so a young generation of a few chunks avoids copying them.
    resourceLimits: { maxYoungGenerationSizeMb: 64 },
  })
  try {
    const messages = on(thread, 'message', { signal })
    for (let ahead = 0; ahead < CHUNKS_AHEAD; ahead++) thread.postMessage('next')
    for await (const [message] of messages as AsyncIterable<[ReaderMessage]>) {
      if (message.problem) throw new UserError(message.problem)
      if (!message.read) return
      yield message.read
      thread.postMessage('next')
      // Storing a chunk in SQLite blocks the event loop, so let signals and timers run in between.
      await yieldToEventLoop()
    }
  } catch (error) {
    if (!(signal.aborted && error instanceof Error && error.name === 'AbortError')) throw error
  } finally {
    await thread.terminate()
  }
}
