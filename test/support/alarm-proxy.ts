// Makes RabbitMQ seem to run out of memory: at its next message, a connection is told that it is blocked, and nothing
// more is read from it until the alarm is over.
import type { Socket } from 'node:net'
import { type Message, type Pair, TcpProxy } from './proxy.js'

/** The class and the method. */
const BASIC_PUBLISH = Buffer.from([0, 60, 0, 40])

/** The real server expects heartbeats from a connection that it does not know to be blocked. */
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

  /** The number of blocked connections. */
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

  protected override pass(data: Buffer, { side }: Message, pair: Pair, to: Socket): void {
    if (side === 'server' || !this.#isRaised || !data.includes(BASIC_PUBLISH)) {
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
