// The sockets under a pool of connections, so that none outlives the pool: not one that the pool has forgotten, nor one to a
// server that hangs and never answers the good-bye.
import { Socket } from 'node:net'
import { settledWithin } from '../domain/patience.js'

/** How long a server may take to answer the good-bye, and a statement that was given up to end. */
const GOODBYE_MS = 200

export class PoolSockets {
  readonly #open = new Set<Socket>()

  /** A new one, to be connected. */
  make(): Socket {
    return this.add(new Socket())
  }

  add(socket: Socket): Socket {
    this.#open.add(socket)
    socket.once('close', () => this.#open.delete(socket))
    // We have said good-bye: a server that hangs would leave the connection half closed.
    socket.once('finish', () => setTimeout(() => socket.destroy(), GOODBYE_MS).unref())
    return socket
  }

  /**
   * Ends the pool, whatever state its connections are in.
   *
   * @param ended the pool's own end, which may never come
   */
  async endAfter(ended: Promise<unknown>): Promise<void> {
    await settledWithin(GOODBYE_MS, ended)
    for (const socket of this.#open) {
      // What was written, such as the good-bye, is still sent, where the server takes it.
      if (socket.connecting) socket.destroy()
      else socket.destroySoon()
      setTimeout(() => socket.destroy(), GOODBYE_MS).unref()
    }
  }
}
