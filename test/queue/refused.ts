// A server that cannot be had, or should not be: what a command says of it.

import { createServer } from 'node:net'
import { expect } from 'vitest'
import type { Cli } from '../support/cli.js'
import type { Environment } from '../support/drain.js'

/** Of every server that asks for one in the tests; nobody may ever see it. */
export const PASSWORD = 'tr0ub4dor'

/** Runs without and with --json: neither may hang (the test's limit ends it) or show the password. */
export async function refused(shop: Cli, environment: Environment, ...args: string[]) {
  const plain = await shop.runWith(environment, ...args)
  const json = await shop.runWith(environment, ...args, '--json')
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
