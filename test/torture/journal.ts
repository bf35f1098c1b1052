// What happened in a run: its timeline, the answers that people got, and each promise that was broken.

/** What a command of a person was answered. */
export interface Answer {
  readonly args: readonly string[]
  /** Null if it was killed. */
  readonly code: number | null
  /** The JSON document on standard output; undefined without one. */
  readonly result: unknown
}

export class Journal {
  readonly violations: string[] = []
  readonly answers: Answer[] = []
  /** Disturbances that ended or stopped a process. */
  kills = 0
  readonly #timeline: string[] = []
  readonly #began = performance.now()
  readonly #isVerbose: boolean

  constructor(isVerbose: boolean) {
    this.#isVerbose = isVerbose
  }

  get seconds(): number {
    return (performance.now() - this.#began) / 1000
  }

  note(text: string): void {
    const line = `${this.seconds.toFixed(1).padStart(7)} s  ${text}`
    this.#timeline.push(line)
    if (this.#isVerbose) console.log(line)
  }

  violation(text: string): void {
    this.violations.push(text)
    this.note(`VIOLATION: ${text}`)
  }

  get timeline(): string {
    return this.#timeline.join('\n')
  }
}
