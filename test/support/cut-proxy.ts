// A network between one process and its server that understands where messages end, counts them, and loses the connection
// at one of them.
import { createConnection, createServer, type Server, type Socket } from 'node:net'
import { type Protocol, type Side, splitter } from './framing.js'

/**
 * - `reset`: the process is told that the connection is gone (RST).
 * - `end`: the server closes it (FIN), and resets it when something is sent all the same.
 * - `silence`: nothing arrives any more, in either direction, and neither end is told.
 */
export type Loss = 'reset' | 'end' | 'silence'

export interface CutPoint {
  /** The message of this number, counted over all connections and both directions from 1; or the first one with this text. */
  readonly at: number | RegExp
  readonly when: 'before' | 'after'
  readonly loss: Loss
}

/** Whose it was, and on which connection. */
export interface Message {
  readonly side: Side
  readonly connection: number
}

interface Target {
  readonly protocol: Protocol
  readonly host: string
  readonly port: number
}

/** An end of one side is passed on as such, or kept back. */
const HALF_OPEN = { allowHalfOpen: true }

export class CutProxy {
  readonly #server: Server
  readonly #target: Target
  readonly #cut: CutPoint | undefined
  readonly #sockets = new Set<Socket>()
  /** Those that were counted. */
  readonly messages: Message[] = []
  /** Whether the connection was lost. Only one is. */
  hasCut = false
  #connections = 0

  private constructor(target: Target, cut: CutPoint | undefined) {
    this.#target = target
    this.#cut = cut
    this.#server = createServer(HALF_OPEN, (near) => this.#connect(near))
  }

  /** @param cut none only counts */
  static async open(target: Target, cut?: CutPoint): Promise<CutProxy> {
    const proxy = new CutProxy(target, cut)
    await new Promise<void>((ready) => proxy.#server.listen(0, '127.0.0.1', ready))
    return proxy
  }

  get port(): number {
    const address = this.#server.address()
    if (!address || typeof address === 'string') throw new Error('the proxy is closed')
    return address.port
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
  }

  #connect(near: Socket): void {
    const { protocol, host, port } = this.#target
    const far = createConnection({ ...HALF_OPEN, port, host })
    const pair = new Pair(near, far)
    this.#connections += 1
    const connection = this.#connections
    for (const socket of [near, far]) {
      this.#sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => undefined)
      socket.on('close', () => this.#sockets.delete(socket))
    }
    const pass = (side: Side, from: Socket, to: Socket) => {
      const split = splitter(protocol, side)
      from.on('data', (data) => {
        for (const message of split(data)) {
          if (pair.isLost) return
          this.messages.push({ side, connection })
          this.#pass(message, to, pair)
        }
      })
      from.on('end', () => pair.isLost || to.end())
    }
    pass('client', near, far)
    pass('server', far, near)
  }

  #pass(message: Buffer, to: Socket, pair: Pair): void {
    const cut = this.#cutFor(message)
    if (cut?.when === 'before') pair.lose(cut.loss)
    // What was written has arrived before the connection is lost.
    else if (cut) pair.loseAfter(to, message, cut.loss)
    else to.write(message)
  }

  #cutFor(message: Buffer): CutPoint | undefined {
    const { at } = this.#cut ?? {}
    if (at === undefined || this.hasCut) return undefined
    this.hasCut = typeof at === 'number' ? at === this.messages.length : at.test(message.toString('latin1'))
    return this.hasCut ? this.#cut : undefined
  }
}

/** The two halves of one connection: to the process, and to the server. */
class Pair {
  readonly #near: Socket
  readonly #far: Socket
  isLost = false

  constructor(near: Socket, far: Socket) {
    this.#near = near
    this.#far = far
    near.on('close', () => far.destroy())
    far.on('close', () => this.isLost || near.destroy())
  }

  loseAfter(to: Socket, message: Buffer, loss: Loss): void {
    this.isLost = true
    to.write(message, () => this.lose(loss))
  }

  lose(loss: Loss): void {
    this.isLost = true
    if (loss === 'silence') return
    this.#far.end()
    if (loss === 'reset') this.#near.resetAndDestroy()
    else {
      this.#near.end()
      this.#near.on('data', () => this.#near.resetAndDestroy())
    }
  }
}
