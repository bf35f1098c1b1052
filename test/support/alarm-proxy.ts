// A RabbitMQ that runs out of memory, for clients of the proxy: it blocks a connection at its next message, says so, and
// reads nothing more from it until the alarm is over.
import type { Socket } from 'node:net'
import type { Side } from './framing.js'
import { type Pair, TcpProxy } from './proxy.js'

/** Class and method of `basic.publish`. */
const PUBLISH = Buffer.from([0, 60, 0, 40])

/** A server with an alarm expects no heartbeats from a connection that it has blocked; the real server does. */
const HEARTBEAT = Buffer.from([8, 0, 0, 0, 0, 0, 0, 0xce])
const HEARTBEAT_MS = 3000

export class AlarmProxy extends TcpProxy {
  readonly #held: { readonly pair: Pair; readonly data: Buffer }[] = []
  readonly #beating = setInterval(() => {
    for (const { pair } of this.#held) pair.far.write(HEARTBEAT)
  }, HEARTBEAT_MS)
  #isRaised = false

  static override open(url: string): Promise<AlarmProxy> {
    return new AlarmProxy(url).listen()
  }

  /** Connections that are blocked. */
  get blocked(): number {
    return this.#held.filter(({ pair }) => !pair.near.destroyed).length
  }

  raise(): void {
    this.#isRaised = true
  }

  clear(): void {
    this.#isRaised = false
    for (const { pair, data } of this.#held.splice(0)) {
      if (pair.near.destroyed) continue
      pair.near.write(connectionFrame(61))
      pair.far.write(data)
      pair.near.resume()
    }
  }

  override close(): void {
    clearInterval(this.#beating)
    super.close()
  }

  protected override pass(data: Buffer, side: Side, pair: Pair, to: Socket): void {
    if (side === 'server' || !this.#isRaised || !data.includes(PUBLISH)) {
      to.write(data)
      return
    }
    pair.near.pause()
    this.#held.push({ pair, data })
    pair.near.write(connectionFrame(60, 'low on memory'))
  }
}

/** A method of the class `connection` on the wire: 60 is `blocked`, with a reason, and 61 is `unblocked`. */
function connectionFrame(method: number, text?: string): Buffer {
  const reason = text === undefined ? [] : [text.length, ...Buffer.from(text)]
  const payload = Buffer.from([0, 10, 0, method, ...reason])
  const head = Buffer.from([1, 0, 0, 0, 0, 0, payload.length])
  return Buffer.concat([head, payload, Buffer.from([0xce])])
}
