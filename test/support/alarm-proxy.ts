// A RabbitMQ that runs out of memory, for those who come this way: as the server does, it blocks a connection at its next
// message, says so, and reads nothing more from it until the alarm is over.
import { createConnection, createServer, type Server, type Socket } from 'node:net'

/** Class and method of `basic.publish`. */
const PUBLISH = Buffer.from([0, 60, 0, 40])

/** A server with an alarm expects no heartbeats from a connection that it has blocked; the real one behind us does. */
const HEARTBEAT = Buffer.from([8, 0, 0, 0, 0, 0, 0, 0xce])
const HEARTBEAT_MS = 3000

export class AlarmProxy {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #held: { readonly near: Socket; readonly far: Socket; readonly data: Buffer }[] = []
  readonly #beating = setInterval(() => {
    for (const { far } of this.#held) far.write(HEARTBEAT)
  }, HEARTBEAT_MS)
  #isRaised = false

  private constructor(target: number, host: string) {
    this.#server = createServer((near) => {
      const far = createConnection(target, host)
      far.pipe(near)
      near.on('data', (data) => {
        if (!this.#isRaised || !data.includes(PUBLISH)) {
          far.write(data)
          return
        }
        near.pause()
        this.#held.push({ near, far, data })
        near.write(connectionFrame(60, 'low on memory'))
      })
      for (const [socket, other] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(socket)
        socket.on('error', () => undefined)
        socket.on('close', () => {
          this.#sockets.delete(socket)
          other.destroy()
        })
      }
    })
  }

  static async open(target: number, host: string): Promise<AlarmProxy> {
    const proxy = new AlarmProxy(target, host)
    await new Promise<void>((ready) => proxy.#server.listen(0, '127.0.0.1', ready))
    return proxy
  }

  get port(): number {
    const address = this.#server.address()
    if (!address || typeof address === 'string') throw new Error('the proxy is closed')
    return address.port
  }

  /** Connections that are blocked. */
  get blocked(): number {
    return this.#held.filter(({ near }) => !near.destroyed).length
  }

  raise(): void {
    this.#isRaised = true
  }

  clear(): void {
    this.#isRaised = false
    for (const { near, far, data } of this.#held.splice(0)) {
      if (near.destroyed) continue
      near.write(connectionFrame(61))
      far.write(data)
      near.resume()
    }
  }

  close(): void {
    clearInterval(this.#beating)
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
  }
}

/** A method of the class `connection` as it goes over the wire: 60 is `blocked`, with a reason, and 61 is `unblocked`. */
function connectionFrame(method: number, text?: string): Buffer {
  const reason = text === undefined ? [] : [text.length, ...Buffer.from(text)]
  const payload = Buffer.from([0, 10, 0, method, ...reason])
  const head = Buffer.from([1, 0, 0, 0, 0, 0, payload.length])
  return Buffer.concat([head, payload, Buffer.from([0xce])])
}
