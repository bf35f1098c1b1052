// A Redis server of a test's own, which it may stop, flush and reconfigure.
import { spawnSync } from 'node:child_process'
import { freePort, PrivateProcess } from './private-process.js'

export type PrivateRedis = Awaited<ReturnType<typeof startPrivateRedis>>

/** @param settings such as `--requirepass` and its value */
export async function startPrivateRedis(...settings: string[]) {
  const port = await freePort()
  const args = ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', ...settings]
  const server = new PrivateProcess('Ready to accept connections', () => ['redis-server', ...args])
  await server.start()
  return Object.assign(server, { port, url: `redis://127.0.0.1:${port}` })
}

export function hasRedisServer(): boolean {
  return spawnSync('redis-server', ['--version']).status === 0
}
