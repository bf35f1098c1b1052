// A Redis server of a test's own, which it may stop, flush and reconfigure.
import { execFileSync, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { freePort, PrivateProcess } from './private-process.js'

export interface PrivateRedisOptions {
  readonly password?: string
  readonly maxmemoryPolicy?: string
  /** Keeps its data when it stops. */
  readonly durable?: boolean
  /** Accepts only TLS. `certificate` is its own authority. */
  readonly tls?: boolean
}

export class PrivateRedis {
  readonly port: number
  readonly url: string
  /** For NODE_EXTRA_CA_CERTS. */
  readonly certificate: string
  readonly #process = new PrivateProcess('redis')
  readonly #options: PrivateRedisOptions

  constructor(port: number, options: PrivateRedisOptions) {
    this.port = port
    this.#options = options
    const { password, tls } = options
    this.url = `${tls ? 'rediss' : 'redis'}://${password ? `:${password}@` : ''}127.0.0.1:${port}`
    this.certificate = join(this.#process.folder, 'certificate.pem')
    if (tls) makeCertificate(this.#process.folder)
  }

  start(): Promise<void> {
    const args = this.#arguments()
    return this.#process.start({ binary: 'redis-server', args, ready: 'Ready to accept connections' })
  }

  stop(): Promise<void> {
    return this.#process.stop('SIGCONT', 'SIGTERM')
  }

  hang(): void {
    this.#process.signal('SIGSTOP')
  }

  goOn(): void {
    this.#process.signal('SIGCONT')
  }

  close(): Promise<void> {
    return this.#process.close()
  }

  #arguments(): string[] {
    const { password, maxmemoryPolicy = 'noeviction', durable = false, tls = false } = this.#options
    const port = String(this.port)
    const key = join(this.#process.folder, 'key.pem')
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
  await server.start()
  return server
}

export function hasRedisServer(): boolean {
  return spawnSync('redis-server', ['--version']).status === 0
}

/** Whether there is openssl, and a Redis that was built with TLS. */
export function hasTls(): boolean {
  if (spawnSync('openssl', ['version']).status !== 0) return false
  // Redis stops at the first directive that it does not know.
  const { stderr } = spawnSync('redis-server', ['--tls-port', '0', '--no-such-directive', 'yes'], { encoding: 'utf8' })
  return stderr.includes('no-such-directive')
}

function makeCertificate(folder: string): void {
  const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1']
  const files = ['-keyout', join(folder, 'key.pem'), '-out', join(folder, 'certificate.pem')]
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  execFileSync('openssl', ['req', '-x509', ...key, ...files, '-days', '2', ...subject], { stdio: 'ignore' })
}
