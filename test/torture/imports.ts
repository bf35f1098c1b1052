// The imports of a run: each shop imports its files one after the other. Whatever ends an import, it is started again
// with --resume until it is done.
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Running } from '../support/cli.js'
import { lastLines, reportBugs, type TortureShop } from './crew.js'
import type { Journal } from './journal.js'
import { MAPPING, type OrderFile } from './order-files.js'
import { query } from './tables.js'

/** Starts that one file may take. */
const MOST_STARTS = 100

interface ImportsOptions {
  readonly shop: TortureShop
  readonly journal: Journal
  readonly files: readonly OrderFile[]
  /** For looking at the progress of imports. */
  readonly databaseUrl: string
  /** Resolves when the file's turn has come. @param share how many of the shop's files come before it */
  turn(share: number): Promise<void>
}

export class Imports {
  readonly #options: ImportsOptions
  readonly #running = new Set<Running>()
  readonly #mapping: string
  readonly ended: Promise<unknown>

  constructor(options: ImportsOptions) {
    this.#options = options
    this.#mapping = options.shop.file('mapping.json', MAPPING)
    for (const { name, text } of options.files) options.shop.file(name, text)
    const sources = [...new Set(options.files.map(({ source }) => source))]
    this.ended = Promise.all(sources.map((source) => this.#importAll(source)))
  }

  get areRunning(): boolean {
    return this.#running.size > 0
  }

  /** Kills an import that is running. @returns whether there is one */
  killOne(choice: number): boolean {
    const running = [...this.#running]
    const victim = running[choice % Math.max(1, running.length)]
    victim?.child.kill('SIGKILL')
    return victim !== undefined
  }

  async #importAll(source: string): Promise<void> {
    const files = this.#options.files.filter((file) => file.source === source)
    for (const [index, file] of files.entries()) {
      await this.#options.turn(index / files.length)
      const processes = source === 'twice' ? 2 : 1
      await Promise.all(Array.from({ length: processes }, () => this.#import(file, source === 'crash')))
    }
  }

  async #import({ name, source }: OrderFile, crashes: boolean): Promise<void> {
    const { shop, journal } = this.#options
    const args = ['import', join(shop.folder, name), '--resume', '--map', this.#mapping, '--source', source, '--json']
    for (let start = 1; start <= MOST_STARTS; start++) {
      const running = shop.start({}, ...args)
      this.#running.add(running)
      if (crashes && start === 1) void this.#killWhileReading(name, running)
      const outcome = await running.ended
      this.#running.delete(running)
      reportBugs(journal, `the import of ${name}`, outcome)
      const { code, stderr } = outcome
      journal.note(`import of ${name}: ${code ?? 'killed'}`)
      if (code === 0 || code === 3) return
      if (code === 2) journal.violation(`the import of ${name} ended with exit code 2: ${lastLines(stderr)}`)
      // A server is away, or the disk is full.
      if (code !== null) await sleep(500)
    }
    journal.violation(`the import of ${name} did not end after ${MOST_STARTS} starts`)
  }

  async #killWhileReading(name: string, running: Running): Promise<void> {
    const { databaseUrl, journal } = this.#options
    const begun = `select count(*) as runs from imports
      where file like '%/${name}' and status = 'reading' and byte_offset > 0 and ended_at is null`
    while (this.#running.has(running)) {
      const [row] = await query(databaseUrl, begun).catch(() => [])
      if (row?.['runs'] === '1') {
        journal.note(`kill the import of ${name} while it reads`)
        journal.kills += 1
        running.child.kill('SIGKILL')
        return
      }
      await sleep(2)
    }
  }
}
