// Destroys all sockets of a connection pool when it ends, even those that the pool lost track of or whose server hangs.
import type { Socket } from 'node:net'
import { settledWithin } from '../domain/timeout.js'

/** The server ends a transaction that is idle for this long, since its locks block others. */
export const IDLE_TRANSACTION_MS = 30_000

export const CONNECT_TIMEOUT_MS = 5000

/** TCP checks a connection that is idle for this long. */
export const KEEP_ALIVE_MS = 10_000

/** Time for a server to answer the closing message, and for a cancelled statement to end. */
const CLOSE_MS = 200

export class PoolSockets {
  readonly #open = new Set<Socket>()

  add(socket: Socket): Socket {
    this.#open.add(socket)
    socket.once('close', () => this.#open.delete(socket))
    // After our closing message, a server that hangs would leave the connection half closed.
    socket.once('finish', () => setTimeout(() => socket.destroy(), CLOSE_MS).unref())
    return socket
  }

  /** Destroys the sockets once the pool has ended. @param ended the pool's own end, which may never come */
  async endAfter(ended: Promise<unknown>): Promise<void> {
    await settledWithin(CLOSE_MS, ended)
    for (const socket of this.#open) {
      // Data that was written, such as the closing message, is still sent if the server accepts it.
      if (socket.connecting) socket.destroy()
      else socket.destroySoon()
      setTimeout(() => socket.destroy(), CLOSE_MS).unref()
    }
  }
}
