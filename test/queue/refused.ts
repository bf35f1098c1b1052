// What a command prints if a server cannot be used, or must not be.

import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { expect } from 'vitest'
import type { Cli } from '../support/cli.js'
import type { Environment } from '../support/drain.js'

/** The password of all test servers that need one. No command may print it. */
export const PASSWORD = 'tr0ub4dor'

/** Runs without and with --json: neither may hang (the test's limit ends it) or show the password. */
export async function refused(shop: Cli, environment: Environment, ...args: string[]) {
  const plain = await shop.runWith(environment, ...args)
  const json = await shop.runWith(environment, ...args, '--json')
  for (const { stdout, stderr } of [plain, json]) expect(`${stdout}${stderr}`).not.toContain(PASSWORD)
  expect(json.stdout).toBe('')
  const { error } = JSON.parse(json.stderr) as { error: Record<string, unknown> }
  return { codes: [plain.code, json.code], stderr: plain.stderr, error }
}

/** A server that accepts connections and never sends anything. */
export async function listenDeaf(): Promise<{ port: number; close: () => void }> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => sockets.add(socket)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const close = () => {
    for (const socket of sockets) socket.destroy()
    server.close()
  }
  const { port } = server.address() as AddressInfo
  return { port, close }
}
