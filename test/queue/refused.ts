// A server that cannot be had, or should not be: what a command says of it.
import { createServer } from 'node:net'
import { expect } from 'vitest'
import type { WorkFolder } from '../workplace.js'
import type { Environment } from './drain.js'

/** Of every server that asks for one in the tests; nobody may ever see it. */
export const PASSWORD = 'tr0ub4dor'

/** It takes five, at the most; the rest is for the start of a process on a busy machine. */
const MOST_SECONDS = 25

/** Runs without and with --json: neither may hang or say anything of the password. */
export async function refused(place: WorkFolder, environment: Environment, ...args: string[]) {
  const timed = async (...more: string[]) => {
    const began = performance.now()
    const outcome = await place.runWith(environment, ...args, ...more)
    return { ...outcome, seconds: (performance.now() - began) / 1000 }
  }
  const [plain, json] = await Promise.all([timed(), timed('--json')])
  expect(plain.seconds).toBeLessThan(MOST_SECONDS)
  expect(json.seconds).toBeLessThan(MOST_SECONDS)
  for (const { stdout, stderr } of [plain, json]) expect(`${stdout}${stderr}`).not.toContain(PASSWORD)
  expect(json.stderr).toBe('')
  const { error } = JSON.parse(json.stdout) as { error: Record<string, unknown> }
  return { codes: [plain.code, json.code], stderr: plain.stderr, error }
}

/** A server that takes connections and never says anything. */
export function listenDeaf(): Promise<{ port: number; close: () => void }> {
  const server = createServer()
  const sockets = new Set<{ destroy(): void }>()
  server.on('connection', (socket) => sockets.add(socket))
  return new Promise((ready) => {
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      const close = () => {
        for (const socket of sockets) socket.destroy()
        server.close()
      }
      ready({ port, close })
    })
  })
}
