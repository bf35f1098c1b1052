// A PgBouncer of a test's own before a PostgreSQL.
import { spawnSync } from 'node:child_process'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, PrivateProcess } from './private-process.js'

export type PoolMode = 'transaction' | 'session'

export interface PgBouncer {
  /** Leads through it to the database that it was started for. */
  readonly url: string
  close(): Promise<void>
}

/** Whether a `pgbouncer` is on the PATH. */
export function hasPgBouncer(): boolean {
  return spawnSync('pgbouncer', ['--version']).status === 0
}

/** @param sessions at most on the server: clients share them */
export async function startPgBouncer(databaseUrl: string, mode: PoolMode, sessions: number): Promise<PgBouncer> {
  const port = await freePort()
  const server = new PrivateProcess('pgbouncer')
  chmodSync(server.folder, 0o755)
  const settings = join(server.folder, 'pgbouncer.ini')
  writeFileSync(settings, settingsOf(new URL(databaseUrl), port, mode, sessions), { mode: 0o644 })
  try {
    await server.start({ binary: 'pgbouncer', args: [settings], ready: 'listening on 127.0.0.1' })
  } catch (error) {
    await server.close()
    throw error
  }
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
