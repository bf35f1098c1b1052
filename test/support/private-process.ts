// A server process of a test's own, with a folder for its files.
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export class PrivateProcess {
  readonly folder = mkdtempSync(join(tmpdir(), 'orderctl-server-'))
  readonly #ready: string
  readonly #command: (folder: string) => readonly string[]
  readonly #options: SpawnOptions
  #child: ChildProcess | undefined

  /** @param ready what it logs when it is ready */
  constructor(ready: string, command: (folder: string) => readonly string[], options: SpawnOptions = {}) {
    this.#ready = ready
    this.#command = command
    this.#options = options
  }

  /** Does nothing if it is running; cleans up if it fails. */
  async start(): Promise<void> {
    if (this.#child) return
    const [binary = '', ...args] = this.#command(this.folder)
    const child = spawn(binary, args, { cwd: this.folder, ...this.#options, stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child = child
    let log = ''
    await new Promise<void>((done, failed) => {
      for (const output of [child.stdout, child.stderr]) {
        output?.on('data', (data) => {
          log += data
          if (log.includes(this.#ready)) done()
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
  async stop(signals: readonly NodeJS.Signals[] = ['SIGCONT', 'SIGTERM']): Promise<void> {
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
    await this.stop(['SIGCONT', 'SIGKILL'])
    rmSync(this.folder, { recursive: true, force: true })
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
