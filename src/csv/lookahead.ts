// Blocks of bytes that can be looked at before they are read.

export class Lookahead {
  /** Position in the file, in bytes, after the last block that was read. */
  position = 0
  readonly #blocks: AsyncGenerator<Buffer, void>
  readonly #positionNow: () => number
  readonly #ahead: { readonly block: Buffer; readonly position: number }[] = []
  #isAtEnd = false

  /** @param positionNow position in the file after the block that the generator returned last */
  constructor(blocks: AsyncGenerator<Buffer, void>, positionNow: () => number) {
    this.#blocks = blocks
    this.#positionNow = positionNow
  }

  /** Passes the blocks through a function. From then on, only its result is read. */
  map(change: (blocks: AsyncGenerator<Buffer, void>) => AsyncGenerator<Buffer, void>): Lookahead {
    return new Lookahead(change(this.#read()), () => this.position)
  }

  /** Returns at least so many bytes, or all that are left. */
  async peek(bytes: number): Promise<Buffer> {
    let length = this.#ahead.reduce((sum, { block }) => sum + block.length, 0)
    while (length < bytes && (await this.#fetch())) length += this.#ahead.at(-1)?.block.length ?? 0
    const [first, ...others] = this.#ahead
    if (first && others.length === 0) return first.block
    return Buffer.concat(this.#ahead.map(({ block }) => block))
  }

  /** Returns the next block, or undefined at the end. */
  async next(): Promise<Buffer | undefined> {
    if (this.#ahead.length === 0) await this.#fetch()
    const next = this.#ahead.shift()
    this.position = next?.position ?? this.#positionNow()
    return next?.block
  }

  /** Ends the generator, which must not be busy. */
  async close(): Promise<void> {
    await this.#blocks.return()
  }

  async #fetch(): Promise<boolean> {
    if (this.#isAtEnd) return false
    const { done, value } = await this.#blocks.next()
    if (value) this.#ahead.push({ block: value, position: this.#positionNow() })
    this.#isAtEnd = done === true
    return !this.#isAtEnd
  }

  async *#read(): AsyncGenerator<Buffer, void> {
    try {
      for (let block = await this.next(); block; block = await this.next()) yield block
    } finally {
      await this.close()
    }
  }
}
