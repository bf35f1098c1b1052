// A network between a program and its server that can lose connections without either end being told, as firewalls and
// servers that change places do; and behind which a server hangs, or is stopped and comes back.
import { createConnection, createServer, type Server, type Socket } from 'node:net'

export class SilentProxy {
  readonly #server: Server
  #target: number
  readonly #pairs = new Set<readonly [Socket, Socket]>()
  #hangs = false
  #drops = false
  #cutsAtCommit: 'before' | 'behind' | undefined
  /** Connections that were asked for, whatever became of them. */
  attempts = 0

  private constructor(target: number, host: string) {
    this.#target = target
    this.#server = createServer((near) => {
      this.attempts += 1
      if (this.#drops) {
        near.destroy()
        return
      }
      const far = createConnection(this.#target, host)
      const pair = [near, far] as const
      this.#pairs.add(pair)
      near.on('data', (data) => {
        if (!this.#cutsAtCommit || !/\bcommit\b/.test(data.toString('latin1'))) return
        if (this.#cutsAtCommit === 'before') far.destroy()
        far.unpipe(near)
        far.once('data', () => near.destroy())
        far.resume()
      })
      near.pipe(far)
      far.pipe(near)
      if (this.#hangs) for (const socket of pair) socket.pause()
      for (const socket of pair) {
        socket.on('error', () => undefined)
        socket.on('close', () => {
          for (const end of pair) end.destroy()
          this.#pairs.delete(pair)
        })
      }
    })
  }

  static async open(target: number, host = '127.0.0.1'): Promise<SilentProxy> {
    const proxy = new SilentProxy(target, host)
    await new Promise<void>((ready) => proxy.#server.listen(0, '127.0.0.1', ready))
    return proxy
  }

  /** Takes connections and passes nothing on. */
  hang(): void {
    this.#hangs = true
    for (const pair of this.#pairs) for (const socket of pair) socket.pause()
  }

  /** Ends every connection, and each new one as soon as it is made, as a server does that is about to start. */
  drop(): void {
    this.#drops = true
    this.cut()
  }

  /** Passes on what has come in the meantime, and all that follows. */
  goOn(): void {
    this.#hangs = false
    this.#drops = false
    for (const pair of this.#pairs) for (const socket of pair) socket.resume()
  }

  /** Cuts every connection and refuses new ones. Returns what brings it back, at the same port. */
  async stop(): Promise<() => Promise<void>> {
    const { port } = this
    const closed = new Promise((done) => this.#server.close(done))
    this.cut()
    await closed
    return () => new Promise<void>((ready) => this.#server.listen(port, '127.0.0.1', ready))
  }

  /** Leads new connections to another port; those that stand stay where they are. */
  leadTo(port: number): void {
    this.#target = port
  }

  /** Loses a connection that commits: before the server hears of it, or behind, so that its answer gets nowhere. */
  cutAtCommit(when: 'before' | 'behind'): void {
    this.#cutsAtCommit = when
  }

  get port(): number {
    const address = this.#server.address()
    if (!address || typeof address === 'string') throw new Error('the proxy is closed')
    return address.port
  }

  /** Those that stand. */
  get connections(): number {
    return this.#pairs.size
  }

  /** What is sent over the connections that stand gets nowhere from now on. New ones are sound. */
  loseConnections(): void {
    for (const [near, far] of this.#pairs) {
      near.unpipe(far)
      far.unpipe(near)
      near.resume()
      far.resume()
    }
  }

  close(): void {
    this.cut()
    this.#server.close()
  }

  /** Ends those that stand; both ends hear of it. New ones are sound. */
  cut(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy()
  }
}
