// Database servers of a test's own, which it may kill and start again, with passwords that count.
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterAll, beforeAll, test as plainTest } from 'vitest'
import { PASSWORD } from '../queue/refused.js'
import { askServer } from './ask-server.js'
import type { ServerEngine } from './database-servers.js'
import { EnginePlace } from './engine-place.js'
import { freePort } from './private-redis.js'
import { describeUnless } from './servers.js'

const USER = 'orderctl'

/** How a kind of server is made and started. */
interface Kind {
  readonly engine: ServerEngine
  /** As the program calls it. */
  readonly product: string
  /** Found on the PATH or where packages put them. Undefined where one is missing. */
  readonly binaries: Record<string, string> | undefined
  /** One that is there from the start. */
  readonly firstDatabase: string
  readonly ready: string
  make(folder: string, as: Account): void
  command(folder: string, port: number): readonly [string, ...string[]]
}

/** Who the server runs as: neither of them runs as root. */
interface Account {
  readonly uid?: number
  readonly gid?: number
}

class PrivateServer {
  readonly port: number
  readonly database = 'shop'
  readonly #kind: Kind
  readonly #folder = mkdtempSync(join(tmpdir(), 'orderctl-server-'))
  readonly #account = unprivileged()
  #child: ChildProcess | undefined

  private constructor(kind: Kind, port: number) {
    this.#kind = kind
    this.port = port
  }

  /**
   * With an empty database `shop`, another one `empty`, and users: `reader` may make nothing in `empty`, `stranger` may not
   * come from here, `lonely` has one connection, `hasty` no time; what `standby` begins is read-only, on MySQL once the
   * server is.
   */
  static async open(kind: Kind): Promise<PrivateServer> {
    const server = new PrivateServer(kind, await freePort())
    try {
      const { uid, gid } = server.#account
      if (uid !== undefined && gid !== undefined) chownSync(server.#folder, uid, gid)
      chmodSync(server.#folder, 0o700)
      kind.make(server.#folder, server.#account)
      await server.start()
      const first = server.urlWith({ pathname: kind.firstDatabase })
      for (const statement of SETUP[kind.engine]) await askServer(first, statement)
      return server
    } catch (error) {
      await server.close()
      throw error
    }
  }

  get product(): string {
    return this.#kind.product
  }

  urlWith(parts: Partial<Pick<URL, 'username' | 'password' | 'pathname'>> = {}): string {
    const scheme = this.#kind.engine
    return Object.assign(new URL(`${scheme}://${USER}:${PASSWORD}@127.0.0.1:${this.port}/${this.database}`), parts).href
  }

  /** Also after a kill: what was committed is there again. Nothing, where it runs. */
  async start(): Promise<void> {
    if (this.#child) return
    const [binary, ...args] = this.#kind.command(this.#folder, this.port)
    const child = spawn(binary, args, { ...this.#account, cwd: this.#folder, stdio: ['ignore', 'ignore', 'pipe'] })
    this.#child = child
    let log = ''
    await new Promise<void>((ready, failed) => {
      child.stderr.on('data', (data) => {
        log += data
        if (log.includes(this.#kind.ready)) ready()
      })
      child.on('error', failed)
      child.on('exit', () => failed(new Error(`${binary} ended: ${log}`)))
    })
  }

  /** As a crash does. */
  async kill(): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (!child) return
    const gone = new Promise((resolve) => child.once('exit', resolve))
    // PostgreSQL's parent process takes its children with it at this signal, and nobody waits for anything.
    child.kill(this.#kind.engine === 'postgres' ? 'SIGQUIT' : 'SIGKILL')
    await gone
  }

  async close(): Promise<void> {
    await this.kill()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

const SETUP: Record<ServerEngine, readonly string[]> = {
  postgres: [
    'create database shop',
    'create database empty',
    `create role reader login password '${PASSWORD}'`,
    `create role stranger login password '${PASSWORD}'`,
    `create role lonely login password '${PASSWORD}' connection limit 1`,
    `create role hasty superuser login password '${PASSWORD}'`,
    "alter role hasty set statement_timeout = '1ms'",
    `create role standby superuser login password '${PASSWORD}'`,
    'alter role standby set default_transaction_read_only = on',
  ],
  mysql: [
    'create database empty',
    `create user reader identified by '${PASSWORD}'`,
    'grant select on empty.* to reader',
    `create user stranger@'10.0.0.1' identified by '${PASSWORD}'`,
    `create user lonely identified by '${PASSWORD}' with max_user_connections 1`,
    'grant all on shop.* to lonely',
    `create user hasty identified by '${PASSWORD}' with max_statement_time 0.0001`,
    'grant all on shop.* to hasty',
    `create user standby identified by '${PASSWORD}'`,
    'grant all on shop.* to standby',
  ],
}

const KINDS: readonly Kind[] = [
  {
    engine: 'postgres',
    product: 'PostgreSQL',
    binaries: findBinaries('initdb', 'postgres'),
    firstDatabase: 'postgres',
    ready: 'ready to accept connections',
    make(folder, as) {
      const password = join(folder, 'password')
      writeFileSync(password, PASSWORD, { mode: 0o644 })
      const access = ['--auth', 'scram-sha-256', '--username', USER, '--pwfile', password]
      const args = ['--pgdata', join(folder, 'data'), ...access, '--encoding', 'UTF8', '--no-locale', '--no-sync']
      execFileSync(this.binaries?.['initdb'] ?? 'initdb', args, { ...as, cwd: folder, stdio: 'pipe' })
      const rules = join(folder, 'data', 'pg_hba.conf')
      writeFileSync(rules, `host all stranger all reject\n${readFileSync(rules, 'utf8')}`)
    },
    command(folder, port) {
      const listening = ['-h', '127.0.0.1', '-p', String(port), '-k', folder]
      const settings = UNUSUAL.postgres.flatMap((setting) => ['-c', setting])
      return [this.binaries?.['postgres'] ?? 'postgres', '-D', join(folder, 'data'), ...listening, ...settings]
    },
  },
  {
    engine: 'mysql',
    product: 'MySQL',
    binaries: findBinaries('mariadb-install-db', 'mariadbd'),
    firstDatabase: 'shop',
    ready: 'ready for connections',
    make(folder, as) {
      // Done at every start.
      writeFileSync(
        join(folder, 'first.sql'),
        `create database if not exists shop;
         create user if not exists ${USER} identified by '${PASSWORD}';
         grant all on *.* to ${USER} with grant option;`,
        { mode: 0o644 },
      )
      const args = ['--no-defaults', `--datadir=${join(folder, 'data')}`, '--skip-test-db', ...SMALL]
      execFileSync(this.binaries?.['mariadb-install-db'] ?? 'mariadb-install-db', args, {
        ...as,
        cwd: folder,
        stdio: 'pipe',
      })
    },
    command(folder, port) {
      const files = [`--datadir=${join(folder, 'data')}`, `--socket=${join(folder, 'socket')}`]
      const listening = ['--bind-address=127.0.0.1', `--port=${port}`, `--init-file=${join(folder, 'first.sql')}`]
      return [
        this.binaries?.['mariadbd'] ?? 'mariadbd',
        '--no-defaults',
        ...files,
        ...listening,
        ...SMALL,
        ...UNUSUAL.mysql,
      ]
    },
  },
]

/** Defaults that somebody may have set on a server. A session must not depend on them. */
const UNUSUAL: Record<ServerEngine, readonly string[]> = {
  postgres: [
    ...['client_encoding=LATIN1', 'standard_conforming_strings=off', 'timezone=Asia/Kolkata', 'DateStyle=SQL,DMY'],
    ...['default_transaction_isolation=serializable', 'transform_null_equals=on'],
  ],
  mysql: [
    ...['--character-set-server=latin1', '--skip-character-set-client-handshake', '--default-time-zone=+05:30'],
    ...['--autocommit=0', '--completion-type=CHAIN', '--sql-safe-updates=1', '--transaction-isolation=SERIALIZABLE'],
    '--sql-mode=ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PAD_CHAR_TO_FULL_LENGTH,HIGH_NOT_PRECEDENCE',
  ],
}

/** Its files are made faster so. */
const SMALL = ['--innodb-log-file-size=4M', '--innodb-buffer-pool-size=16M']

function findBinaries(...names: string[]): Record<string, string> | undefined {
  const versions = '/usr/lib/postgresql'
  const ofVersions = existsSync(versions) ? readdirSync(versions).sort((a, b) => Number(b) - Number(a)) : []
  const folders = [
    ...ofVersions.map((version) => join(versions, version, 'bin')),
    ...(process.env['PATH'] ?? '').split(delimiter),
    '/usr/sbin',
  ]
  const found = names.map((name) => [name, folders.map((folder) => join(folder, name)).find(existsSync)] as const)
  if (found.some(([, path]) => path === undefined)) return undefined
  return Object.fromEntries(found.map(([name, path]) => [name, path ?? name]))
}

/** Root lends its processes to an account that is on every system. */
function unprivileged(): Account {
  if (process.getuid?.() !== 0) return {}
  const number = (flag: string) => Number(spawnSync('id', [flag, 'nobody'], { encoding: 'utf8' }).stdout)
  return { uid: number('-u'), gid: number('-g') }
}

function testOn(kind: Kind, server: () => PrivateServer) {
  return plainTest.extend<{ server: PrivateServer; place: EnginePlace }>({
    // biome-ignore lint/correctness/noEmptyPattern: Vitest reads from it that the fixture needs no other.
    server: async ({}, use) => {
      await server().start()
      await use(server())
    },
    place: async ({ server }, use) => {
      const place = await EnginePlace.at(kind.engine, server.urlWith())
      await use(place)
      await place.close()
    },
  })
}

/** Once for each kind of server: the tests share one, one after the other. */
export function describeOnPrivateServers(name: string, body: (test: ReturnType<typeof testOn>) => void): void {
  for (const kind of KINDS) {
    const missing = kind.binaries ? undefined : `${kind.product} is not installed here, so none can be started`
    describeUnless(missing, `${kind.product} of its own: ${name}`, () => {
      let server: PrivateServer | undefined
      beforeAll(async () => {
        server = await PrivateServer.open(kind)
      })
      afterAll(() => server?.close())
      body(
        testOn(kind, () => {
          if (!server) throw new Error('the server could not be started')
          return server
        }),
      )
    })
  }
}
