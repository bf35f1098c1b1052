// Runs the parts of an import on bytes in memory: read, understand, check lines.
import type { ByteSource } from '../../src/csv/bytes.js'
import { type Content, contentOf } from '../../src/csv/content.js'
import type { RecordPosition } from '../../src/csv/records.js'
import { CsvTable, type Cursor } from '../../src/csv/table.js'
import { UserError } from '../../src/errors.js'
import { ChunkBuilder, type ChunkContent } from '../../src/import/chunk.js'
import { NOTHING_READ } from '../../src/import/file-read.js'
import type { Answers } from '../../src/import/mapping/mapping.js'
import { type Question, type Understood, understand } from '../../src/import/mapping/understand.js'

export type Outcome =
  | { readonly kind: 'refused'; readonly error: UserError }
  | { readonly kind: 'asked'; readonly questions: readonly Question[] }
  | ({ readonly kind: 'read' } & FileContent)

export interface FileContent {
  /** The whole file as UTF-8. */
  readonly text: Buffer
  readonly understood: Understood
  /** One for each piece. */
  readonly chunks: readonly ChunkContent[]
  /** Number of records, also of blank and malformed ones. */
  readonly lines: number
  /** Whether a record spans lines. */
  readonly hasLongRecords: boolean
  /** After the last chunk. */
  readonly cursor: Cursor
}

class WatchedBuilder extends ChunkBuilder {
  hasLongRecords = false
  lines = 0

  override plain(window: Buffer, start: number, line: number): number {
    const end = super.plain(window, start, line)
    if (end > 0) this.lines++
    return end
  }

  override blank(): void {
    this.lines++
    super.blank()
  }

  override malformed(raw: Buffer, line: number, reason: string): void {
    this.lines++
    super.malformed(raw, line, reason)
  }

  override record(cells: string[], position: RecordPosition, window: Buffer): void {
    this.lines++
    this.hasLongRecords ||= position.multiline
    super.record(cells, position, window)
  }
}

interface ReadOptions {
  readonly answers?: Answers
  readonly pieceBytes?: number
  /** Whether all lines are in one chunk. Otherwise, a chunk has the lines that end in its piece. */
  readonly oneChunk?: boolean
}

const MORE_THAN_ANY_FILE = 2 ** 30

/** Errors other than a UserError are thrown. */
export async function importBytes(bytes: Buffer, options: ReadOptions = {}): Promise<Outcome> {
  try {
    return await read(bytes, options)
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    return { kind: 'refused', error }
  }
}

async function read(
  bytes: Buffer,
  { answers = {}, pieceBytes = Number.POSITIVE_INFINITY, oneChunk = false }: ReadOptions,
): Promise<Outcome> {
  const content = await contentOf(sourceOf(bytes), answers.encoding)
  try {
    const understood = await understand(content, answers)
    const { header, mapping, dialect, questions } = understood
    if (questions.length > 0) return { kind: 'asked', questions }
    const text = await content.peek(MORE_THAN_ANY_FILE)
    const { encoding } = content
    const source = { header: header.cells, mapping, dialect, encoding, state: NOTHING_READ }
    const builder = new WatchedBuilder(source, { timeZone: 'UTC', anyDate: true })
    const chunks: ChunkContent[] = []
    let cursor: Cursor = { offset: 0, line: 1, sha256: '' }
    for await (cursor of CsvTable.over(inPieces(content, pieceBytes), dialect, header).read(builder)) {
      if (!oneChunk) chunks.push(builder.take())
    }
    if (oneChunk) chunks.push(builder.take())
    const { lines, hasLongRecords } = builder
    return { kind: 'read', text, understood, chunks, cursor, lines, hasLongRecords }
  } finally {
    await content.close()
  }
}

function sourceOf(bytes: Buffer): ByteSource {
  let block: Buffer | undefined = bytes.length === 0 ? undefined : bytes
  return {
    name: 'orders.csv',
    size: bytes.length,
    async next() {
      const next = block
      block = undefined
      return next
    },
    async close() {},
  }
}

/** Cuts the blocks of the content. */
function inPieces(content: Content, pieceBytes: number): Content {
  let block: Buffer = Buffer.alloc(0)
  return {
    ...content,
    async next() {
      if (block.length === 0) block = (await content.next()) ?? block
      const piece = block.subarray(0, pieceBytes)
      block = block.subarray(piece.length)
      return piece.length === 0 ? undefined : piece
    },
  }
}
