// Destroys the sockets of a connection pool with it, also those that the pool has forgotten or whose server hangs.
import type { Socket } from 'node:net'
import { settledWithin } from '../domain/timeout.js'

/** The server ends a transaction whose process is silent for so long, since its locks block others. */
export const IDLE_TRANSACTION_MS = 30_000

export const CONNECT_TIMEOUT_MS = 5000

/** TCP checks an idle connection after so long. */
export const KEEP_ALIVE_MS = 10_000

/** Time for a server to answer the goodbye, and for a cancelled statement to end. */
const GOODBYE_MS = 200

export class PoolSockets {
  readonly #open = new Set<Socket>()

  add(socket: Socket): Socket {
    this.#open.add(socket)
    socket.once('close', () => this.#open.delete(socket))
    // After our goodbye, a server that hangs would leave the connection half closed.
    socket.once('finish', () => setTimeout(() => socket.destroy(), GOODBYE_MS).unref())
    return socket
  }

  /** @param ended the pool's own end, which may never come */
  async endAfter(ended: Promise<unknown>): Promise<void> {
    await settledWithin(GOODBYE_MS, ended)
    for (const socket of this.#open) {
      // What was written, such as the goodbye, is still sent if the server takes it.
      if (socket.connecting) socket.destroy()
      else socket.destroySoon()
      setTimeout(() => socket.destroy(), GOODBYE_MS).unref()
    }
  }
}
