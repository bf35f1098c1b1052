// The reading thread as the writer sees it: a sequence of chunks, read ahead by a few.
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import type { Config } from '../config/config.js'
import { STDIN } from '../csv/bytes.js'
import { type Problem, UserError } from '../errors.js'
import type { RejectedLine } from './chunk.js'
import type { Chunk } from './chunk-rows.js'

/** How far a file was read: between two lines. */
interface Cursor {
  /** Bytes from the file's start. */
  readonly offset: number
  /** The line that begins there, from 1. */
  readonly line: number
  /** Of all bytes before. */
  readonly sha256: string
}

export interface ReaderOptions {
  readonly file: string
  /** Where an earlier run got to; undefined to begin at the beginning. */
  readonly begun: Cursor | undefined
  readonly timeZone: string
  readonly unknownSku: Config['inventory.unknownSku']
  readonly database: Config['database']
}

export interface ReadChunk {
  /** The names of the file's columns. */
  readonly header: readonly string[]
  readonly chunk: Chunk
  readonly rejected: readonly RejectedLine[]
  /** Behind the chunk's last line. */
  readonly cursor: Cursor
  /** Bytes in the whole file; undefined for a pipe. */
  readonly size: number | undefined
}

export type ReaderMessage =
  | { readonly kind: 'chunk'; readonly read: ReadChunk }
  | { readonly kind: 'end' }
  | { readonly kind: 'failed'; readonly problem: Problem }

/** Chunks that may wait for the writer; they bound the memory, whatever the file's size. */
const CHUNKS_AHEAD = 3

export function fileLabel(file: string): string {
  return file === STDIN ? 'standard input' : file
}

/**
 * Reads the file in a thread of its own. Leaving the loop early ends the thread.
 *
 * @param signal ends it at once, also where a pipe keeps it waiting
 */
export async function* readInThread(options: ReaderOptions, signal: AbortSignal): AsyncGenerator<ReadChunk, void> {
  const thread = new Worker(new URL(import.meta.resolve('#threads/import/reader-thread')), {
    workerData: options,
    // Lines live from one chunk to the next, so a young generation of a few chunks spares copying them about.
    resourceLimits: { maxYoungGenerationSizeMb: 64 },
  })
  const messages = queueMessages(thread, signal)
  try {
    for (let ahead = 0; ahead < CHUNKS_AHEAD; ahead++) thread.postMessage('next')
    for (;;) {
      const message = await messages.next()
      if (!message || message.kind === 'end') return
      if (message.kind === 'failed') throw new UserError(message.problem)
      yield message.read
      thread.postMessage('next')
    }
  } finally {
    await thread.terminate()
  }
}

/** Undefined where the signal came while there was no message. */
function queueMessages(thread: Worker, signal: AbortSignal): { next(): Promise<ReaderMessage | undefined> } {
  const arrived: ReaderMessage[] = []
  let failure: Error | undefined
  let wake = () => {}
  thread.on('message', (message: ReaderMessage) => {
    arrived.push(message)
    wake()
  })
  thread.on('error', (error) => {
    failure = error instanceof Error ? error : new Error(String(error))
    wake()
  })
  signal.addEventListener('abort', () => wake(), { once: true })
  return {
    async next() {
      // Storing a chunk in SQLite never returns to the event loop, where signals and timers wait.
      await nextTurn()
      for (;;) {
        const message = arrived.shift()
        if (message) return message
        if (failure) throw failure
        if (signal.aborted) return undefined
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    },
  }
}
