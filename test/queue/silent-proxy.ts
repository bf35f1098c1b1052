// A network between a program and its server that can lose connections without either end being told, as firewalls and
// servers that change places do; that can cut them; and behind which the server can be away for a while.
import { createConnection, createServer, type Server, type Socket } from 'node:net'

export class SilentProxy {
  readonly #server: Server
  readonly #pairs = new Set<readonly [Socket, Socket]>()
  #isHanging = false
  #stoppedAt = 0

  private constructor(target: number, host: string) {
    this.#server = createServer((near) => {
      const far = createConnection(target, host)
      const pair = [near, far] as const
      this.#pairs.add(pair)
      if (!this.#isHanging) join(pair)
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

  get port(): number {
    const address = this.#server.address()
    if (!address || typeof address === 'string') throw new Error('the proxy is closed')
    return address.port
  }

  /** What is sent over the connections that stand gets nowhere from now on. New ones are sound. */
  loseConnections(): void {
    for (const pair of this.#pairs) {
      part(pair)
      for (const socket of pair) socket.resume()
    }
  }

  /** Ends the connections that stand, which both ends hear of. */
  cut(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy()
  }

  /** Connections stand or are made, and nothing comes through until it goes on. */
  hang(): void {
    this.#isHanging = true
    for (const pair of this.#pairs) part(pair)
  }

  goOn(): void {
    this.#isHanging = false
    for (const pair of this.#pairs) join(pair)
  }

  /** There is nobody at the port any more. */
  async stop(): Promise<void> {
    const { port } = this
    this.#stoppedAt = port
    const stopped = new Promise((resolve) => this.#server.close(resolve))
    this.cut()
    await stopped
  }

  /** At the same port as before. */
  async start(): Promise<void> {
    await new Promise<void>((ready) => this.#server.listen(this.#stoppedAt, '127.0.0.1', ready))
  }

  close(): void {
    this.cut()
    this.#server.close()
  }
}

function join([near, far]: readonly [Socket, Socket]): void {
  near.pipe(far)
  far.pipe(near)
}

function part([near, far]: readonly [Socket, Socket]): void {
  near.unpipe(far)
  far.unpipe(near)
}
