// A server process of a test's own, with a folder for its files.
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

interface Command {
  readonly binary: string
  readonly args: readonly string[]
  /** What it logs when it is ready. */
  readonly ready: string
  readonly options?: SpawnOptions
}

export class PrivateProcess {
  readonly folder: string
  #child: ChildProcess | undefined

  constructor(name: string) {
    this.folder = mkdtempSync(join(tmpdir(), `orderctl-${name}-`))
  }

  /** Does nothing if it is running; cleans up if it fails. */
  async start({ binary, args, ready, options }: Command): Promise<void> {
    if (this.#child) return
    const child = spawn(binary, args, { cwd: this.folder, ...options, stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child = child
    let log = ''
    await new Promise<void>((done, failed) => {
      for (const output of [child.stdout, child.stderr]) {
        output?.on('data', (data) => {
          log += data
          if (log.includes(ready)) done()
        })
      }
      child.on('error', failed)
      child.on('exit', () => failed(new Error(`${binary} ended: ${log}`)))
    }).catch(async (error: unknown) => {
      await this.close()
      throw error
    })
  }

  /** Sends signals, one after the other, and waits for its end. */
  async stop(...signals: readonly NodeJS.Signals[]): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (!child || child.exitCode !== null || child.pid === undefined) return
    const gone = new Promise((resolve) => child.once('exit', resolve))
    for (const signal of signals) child.kill(signal)
    await gone
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal)
  }

  async close(): Promise<void> {
    await this.stop('SIGCONT', 'SIGKILL')
    rmSync(this.folder, { recursive: true, force: true })
  }
}

export function freePort(): Promise<number> {
  return new Promise((found, failed) => {
    const server = createServer()
    server.on('error', failed)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => (address && typeof address === 'object' ? found(address.port) : failed(new Error('no port'))))
    })
  })
}
