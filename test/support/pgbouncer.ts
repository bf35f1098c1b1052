// A PgBouncer in front of a PostgreSQL, for one test.
import { spawnSync } from 'node:child_process'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, PrivateProcess } from './private-process.js'

export type PoolMode = 'transaction' | 'session'

export function hasPgBouncer(): boolean {
  return spawnSync('pgbouncer', ['--version']).status === 0
}

/** @param sessions number of sessions on the server, which the clients share */
export async function startPgBouncer(databaseUrl: string, mode: PoolMode, sessions: number) {
  const port = await freePort()
  const server = new PrivateProcess('listening on 127.0.0.1', (folder) => ['pgbouncer', join(folder, 'settings.ini')])
  chmodSync(server.folder, 0o755)
  const settings = settingsOf(new URL(databaseUrl), port, mode, sessions)
  writeFileSync(join(server.folder, 'settings.ini'), settings, { mode: 0o644 })
  await server.start()
  const url = Object.assign(new URL(databaseUrl), { hostname: '127.0.0.1', port: String(port) }).href
  return { url, close: () => server.close() }
}

function settingsOf(server: URL, own: number, mode: PoolMode, sessions: number): string {
  const { hostname, port, username, password } = server
  const user = `user=${username}${password && ` password=${decodeURIComponent(password)}`}`
  return `[databases]
* = host=${hostname} port=${port || 5432} ${user}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${own}
unix_socket_dir =
auth_type = any
pool_mode = ${mode}
default_pool_size = ${sessions}
${process.getuid?.() === 0 ? 'user = nobody' : ''}
`
}
