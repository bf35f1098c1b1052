// Runs the reader thread and passes its chunks to the writer, reading a few ahead.
import { on } from 'node:events'
import { setImmediate as yieldToEventLoop } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import type { Config } from '../config/config.js'
import type { Cursor } from '../csv/table.js'
import { type Problem, UserError } from '../errors.js'
import type { ChunkContent, ChunkOptions } from './chunk.js'
import type { FileLayout, ResumePoint } from './file-read.js'
import type { Answers } from './mapping/mapping.js'
import type { Question } from './mapping/understand.js'

export interface ReaderOptions extends ChunkOptions {
  readonly file: string
  /** What is known of the file. A resumed run keeps its mapping. */
  readonly answers: Answers
  /** Where an interrupted run continues; undefined to start at the beginning. */
  readonly resumeFrom: ResumePoint | undefined
  readonly unknownSku: Config['inventory.unknownSku']
  readonly database: Config['database']
}

export interface ReadChunk extends ChunkContent {
  readonly layout: FileLayout
  /** Position after the chunk's last line. */
  readonly cursor: Cursor
  /** Fraction of the file that is read; undefined for a pipe. */
  readonly fraction: number | undefined
}

/** A chunk, a failure, questions that must be answered first, or nothing at the end of the file. */
export interface ReaderMessage {
  readonly read?: ReadChunk
  readonly problem?: Problem
  readonly questions?: readonly Question[]
}

/** Chunks that may wait for the writer. Bounds the memory. */
const CHUNKS_AHEAD = 3

/** Thrown for a file that leaves open how to read it. Nothing was read. */
export class OpenQuestions extends Error {
  readonly questions: readonly Question[]

  constructor(questions: readonly Question[]) {
    super(questions.map(({ text }) => text).join(' '))
    this.questions = questions
  }
}

/**
 * Reads the file in a separate thread. Leaving the loop early ends the thread.
 *
 * @param signal ends the thread at once, even while it waits for a pipe
 * @throws OpenQuestions before the first chunk
 */
export async function* readInThread(options: ReaderOptions, signal: AbortSignal): AsyncGenerator<ReadChunk, void> {
  const thread = new Worker(new URL(import.meta.resolve('#threads/import/reader-thread')), {
    workerData: options,
    // Node's own limit of 48 MB would only let garbage wait.
    resourceLimits: { maxYoungGenerationSizeMb: 16 },
  })
  try {
    const messages = on(thread, 'message', { signal })
    for (let ahead = 0; ahead < CHUNKS_AHEAD; ahead++) thread.postMessage('next')
    for await (const [message] of messages as AsyncIterable<[ReaderMessage]>) {
      if (message.problem) throw new UserError(message.problem)
      if (message.questions) throw new OpenQuestions(message.questions)
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
