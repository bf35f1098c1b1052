// A proxy between a program and its server, which a test can stop, hang, redirect, or cut at a message.
import { type AddressInfo, createConnection, createServer, type Server, type Socket } from 'node:net'
import { type Protocol, type Side, splitter } from './framing.js'

const PORTS: Record<string, number> = { postgres: 5432, mysql: 3306, redis: 6379, amqp: 5672 }

/**
 * How a connection is lost.
 * - `reset`: the client gets RST.
 * - `end`: the client gets FIN, and RST if it sends anything.
 * - `silence`: neither end is told, and nothing arrives any more.
 */
export type Loss = 'reset' | 'end' | 'silence'

/** The two halves of a connection. */
export class Pair {
  /** To the client. */
  readonly near: Socket
  /** To the server. */
  readonly far: Socket
  isLost = false

  constructor(near: Socket, far: Socket) {
    this.near = near
    this.far = far
    near.on('close', () => far.destroy())
    far.on('close', () => this.isLost || near.destroy())
  }

  get sockets(): readonly Socket[] {
    return [this.near, this.far]
  }

  lose(loss: Loss): void {
    this.isLost = true
    if (loss === 'silence') return
    this.far.end()
    if (loss === 'reset') this.#reset()
    else {
      this.near.end()
      this.near.on('data', () => this.#reset())
    }
  }

  /** In mid-shutdown, a reset fails and would leave the socket open. */
  #reset(): void {
    if (this.near.writableEnded && !this.near.writableFinished) this.near.destroy()
    else this.near.resetAndDestroy()
  }
}

const HALF_OPEN = { allowHalfOpen: true }

export class TcpProxy {
  readonly #server: Server
  readonly #url: URL
  #target: { readonly host: string; readonly port: number }
  readonly #pairs = new Set<Pair>()
  #port = 0
  #hangs = false
  #drops = false
  /** Connections that clients have opened. */
  attempts = 0

  static open<Proxy extends TcpProxy>(this: new (url: string) => Proxy, url: string): Promise<Proxy> {
    return new this(url).listen()
  }

  constructor(url: string) {
    this.#url = new URL(url)
    const { hostname, port, protocol } = this.#url
    this.#target = { host: hostname, port: Number(port) || (PORTS[protocol.slice(0, -1)] ?? 0) }
    this.#server = createServer(HALF_OPEN, (near) => this.#connect(near))
  }

  /** On the same port as before. */
  async listen(): Promise<this> {
    await new Promise<void>((ready) => this.#server.listen(this.#port, '127.0.0.1', ready))
    this.#port = (this.#server.address() as AddressInfo).port
    return this
  }

  get port(): number {
    return this.#port
  }

  /** The server's URL through the proxy. */
  get url(): string {
    return Object.assign(new URL(this.#url), { hostname: '127.0.0.1', port: String(this.port) }).href
  }

  /** Accepts connections and passes nothing on. */
  hang(): void {
    this.#hangs = true
    for (const { sockets } of this.#pairs) for (const socket of sockets) socket.pause()
  }

  /** Ends every connection, and new ones at once, like a server that is starting. */
  drop(): void {
    this.#drops = true
    this.cut()
  }

  /** Ends every connection and refuses new ones. */
  async stop(): Promise<void> {
    const closed = new Promise((done) => this.#server.close(done))
    this.cut()
    await closed
  }

  /** Ends `hang`, `drop` and `stop`. */
  async goOn(): Promise<void> {
    this.#hangs = false
    this.#drops = false
    for (const { sockets } of this.#pairs) for (const socket of sockets) socket.resume()
    if (!this.#server.listening) await this.listen()
  }

  /** Leads new connections to another port. */
  leadTo(port: number): void {
    this.#target = { ...this.#target, port }
  }

  /** Loses the open connections in silence. New ones work. */
  loseConnections(): void {
    for (const pair of this.#pairs) pair.lose('silence')
  }

  /** Ends the open connections. New ones work. */
  cut(): void {
    for (const { sockets } of this.#pairs) for (const socket of sockets) socket.destroy()
  }

  close(): void {
    this.drop()
    this.#server.close()
  }

  #connect(near: Socket): void {
    this.attempts += 1
    if (this.#drops) {
      near.destroy()
      return
    }
    const far = createConnection({ ...HALF_OPEN, ...this.#target })
    const pair = new Pair(near, far)
    this.#pairs.add(pair)
    for (const socket of pair.sockets) {
      socket.setNoDelay(true)
      socket.on('error', () => undefined)
      socket.on('close', () => near.destroyed && far.destroyed && this.#pairs.delete(pair))
    }
    this.#relay('client', pair)
    this.#relay('server', pair)
    if (this.#hangs) for (const socket of pair.sockets) socket.pause()
  }

  /** Passes on what one side sends. */
  #relay(side: Side, pair: Pair): void {
    const [from, to] = side === 'client' ? [pair.near, pair.far] : [pair.far, pair.near]
    const split = this.splitter(side)
    const connection = this.attempts
    from.on('data', (data) => {
      for (const part of split(data)) if (!pair.isLost) this.pass(part, { side, connection }, pair, to)
    })
    from.on('end', () => pair.isLost || to.end())
  }

  protected splitter(_side: Side): (data: Buffer) => Buffer[] {
    return (data) => [data]
  }

  protected pass(data: Buffer, _from: Message, _pair: Pair, to: Socket): void {
    to.write(data)
  }
}

export interface CutPoint {
  /**
   * The message of this number, counted from 1 over all connections and both directions; or the first with this text.
   */
  readonly at: number | RegExp
  readonly when: 'before' | 'after'
  readonly loss: Loss
}

export interface Message {
  readonly side: Side
  readonly connection: number
}

/** Counts messages, and loses the connection at one of them. */
export class CutProxy extends TcpProxy {
  readonly #protocol: Protocol
  readonly #cut: CutPoint | undefined
  readonly messages: Message[] = []
  /** Whether a connection was lost. At most one is. */
  hasCut = false

  /** @param cut without it, messages are only counted */
  constructor(protocol: Protocol, url: string, cut?: CutPoint) {
    super(url)
    this.#protocol = protocol
    this.#cut = cut
  }

  protected override splitter(side: Side): (data: Buffer) => Buffer[] {
    return splitter(this.#protocol, side)
  }

  protected override pass(message: Buffer, from: Message, pair: Pair, to: Socket): void {
    this.messages.push(from)
    const cut = this.#cutFor(message)
    if (!cut) to.write(message)
    else if (cut.when === 'before') pair.lose(cut.loss)
    else {
      // The message arrives before the connection is lost.
      pair.isLost = true
      to.write(message, () => pair.lose(cut.loss))
    }
  }

  #cutFor(message: Buffer): CutPoint | undefined {
    const { at } = this.#cut ?? {}
    if (at === undefined || this.hasCut) return undefined
    this.hasCut = typeof at === 'number' ? at === this.messages.length : at.test(message.toString('latin1'))
    return this.hasCut ? this.#cut : undefined
  }
}
