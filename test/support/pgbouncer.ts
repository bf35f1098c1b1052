// A PgBouncer of a test's own before a PostgreSQL.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from './private-redis.js'

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

/** @param sessions on the server, at the most: clients share them */
export async function startPgBouncer(databaseUrl: string, mode: PoolMode, sessions: number): Promise<PgBouncer> {
  const port = await freePort()
  const folder = mkdtempSync(join(tmpdir(), 'orderctl-pgbouncer-'))
  chmodSync(folder, 0o755)
  const settings = join(folder, 'pgbouncer.ini')
  writeFileSync(settings, settingsOf(new URL(databaseUrl), port, mode, sessions), { mode: 0o644 })
  const child = spawn('pgbouncer', [settings], { stdio: ['ignore', 'ignore', 'pipe'] })
  const close = async () => {
    await end(child)
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    await listening(child)
  } catch (error) {
    await close()
    throw error
  }
  return { url: Object.assign(new URL(databaseUrl), { hostname: '127.0.0.1', port: String(port) }).href, close }
}

function settingsOf(
  { hostname, port, username, password }: URL,
  own: number,
  mode: PoolMode,
  sessions: number,
): string {
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

function listening(child: ChildProcess): Promise<void> {
  let log = ''
  return new Promise((ready, failed) => {
    child.stderr?.on('data', (data) => {
      log += data
      if (log.includes('listening on 127.0.0.1')) ready()
    })
    child.on('error', failed)
    child.on('exit', () => failed(new Error(`pgbouncer ended: ${log}`)))
  })
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.pid === undefined) return
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGINT')
  child.kill('SIGTERM')
  await gone
}
