// A Redis server of a test's own, which it may stop, flush and reconfigure.
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface PrivateRedisOptions {
  readonly password?: string
  readonly maxmemoryPolicy?: string
  /** Keeps its data over a stop. */
  readonly durable?: boolean
  /** Speaks TLS alone. `certificate` is then its own authority. */
  readonly tls?: boolean
}

/** A server of the test's own, empty at first. */
export class PrivateRedis {
  readonly port: number
  readonly url: string
  readonly #folder = mkdtempSync(join(tmpdir(), 'orderctl-redis-'))
  readonly #options: PrivateRedisOptions
  #child: ChildProcess | undefined

  constructor(port: number, options: PrivateRedisOptions) {
    this.port = port
    this.#options = options
    const { password, tls } = options
    this.url = `${tls ? 'rediss' : 'redis'}://${password ? `:${password}@` : ''}127.0.0.1:${port}`
    if (tls) makeCertificate(this.#folder)
  }

  /** For NODE_EXTRA_CA_CERTS. */
  get certificate(): string {
    return join(this.#folder, 'certificate.pem')
  }

  async start(): Promise<void> {
    const child = spawn('redis-server', this.#arguments(), { cwd: this.#folder, stdio: ['ignore', 'pipe', 'ignore'] })
    this.#child = child
    let log = ''
    await new Promise<void>((ready, failed) => {
      child.stdout.on('data', (data) => {
        log += data
        if (log.includes('Ready to accept connections')) ready()
      })
      child.on('error', failed)
      child.on('exit', () => failed(new Error(`redis-server ended at once: ${log}`)))
    })
  }

  /** It forgets all, unless it is durable. */
  async stop(): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (!child) return
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGCONT')
    child.kill('SIGTERM')
    await gone
  }

  /** Connections stand, and nothing is answered, until it goes on. */
  hang(): void {
    this.#child?.kill('SIGSTOP')
  }

  goOn(): void {
    this.#child?.kill('SIGCONT')
  }

  async close(): Promise<void> {
    await this.stop()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #arguments(): string[] {
    const { password, maxmemoryPolicy = 'noeviction', durable = false, tls = false } = this.#options
    const port = String(this.port)
    const key = join(this.#folder, 'key.pem')
    const secure = ['--port', '0', '--tls-port', port, '--tls-auth-clients', 'no']
    return [
      ...(tls ? [...secure, '--tls-cert-file', this.certificate, '--tls-key-file', key] : ['--port', port]),
      ...['--bind', '127.0.0.1', '--save', '', '--appendonly', durable ? 'yes' : 'no', '--appendfsync', 'always'],
      ...['--maxmemory-policy', maxmemoryPolicy],
      ...(password ? ['--requirepass', password] : []),
    ]
  }
}

export async function startPrivateRedis(options: PrivateRedisOptions = {}): Promise<PrivateRedis> {
  const server = new PrivateRedis(await freePort(), options)
  await server.start().catch(async (error: unknown) => {
    await server.close()
    throw error
  })
  return server
}

export function freePort(): Promise<number> {
  return new Promise((found, failed) => {
    const server = createServer()
    server.on('error', failed)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => (address && typeof address === 'object' ? found(address.port) : failed(new Error('no port'))))
    })
  })
}

/** Whether a `redis-server` is on the PATH. */
export function hasRedisServer(): boolean {
  return spawnSync('redis-server', ['--version']).status === 0
}

/** Whether one can be made that speaks TLS: with openssl for its certificate, and built for it. */
export function hasTls(): boolean {
  if (spawnSync('openssl', ['version']).status !== 0) return false
  // It stops at the first directive that it does not know.
  const { stderr } = spawnSync('redis-server', ['--tls-port', '0', '--no-such-directive', 'yes'], { encoding: 'utf8' })
  return stderr.includes('no-such-directive')
}

function makeCertificate(folder: string): void {
  const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1']
  const files = ['-keyout', join(folder, 'key.pem'), '-out', join(folder, 'certificate.pem')]
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  execFileSync('openssl', ['req', '-x509', ...key, ...files, '-days', '2', ...subject], { stdio: 'ignore' })
}
