// A network between a program and its Redis that can lose connections without either end being told, as firewalls and
// servers that change places do.
import { createConnection, createServer, type Server, type Socket } from 'node:net'

export class SilentProxy {
  readonly #server: Server
  readonly #pairs = new Set<readonly [Socket, Socket]>()

  private constructor(target: number) {
    this.#server = createServer((near) => {
      const far = createConnection(target, '127.0.0.1')
      const pair = [near, far] as const
      this.#pairs.add(pair)
      near.pipe(far)
      far.pipe(near)
      for (const socket of pair) {
        socket.on('error', () => undefined)
        socket.on('close', () => {
          for (const end of pair) end.destroy()
          this.#pairs.delete(pair)
        })
      }
    })
  }

  static async open(target: number): Promise<SilentProxy> {
    const proxy = new SilentProxy(target)
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
    for (const [near, far] of this.#pairs) {
      near.unpipe(far)
      far.unpipe(near)
      near.resume()
      far.resume()
    }
  }

  close(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy()
    this.#server.close()
  }
}
