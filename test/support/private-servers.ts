// Database servers of a test's own, which it may kill and start again, with passwords that count.

import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, chownSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { afterAll, beforeAll, test as plainTest } from 'vitest'
import { PASSWORD } from '../queue/refused.js'
import { askServer } from './ask-server.js'
import type { ServerEngine } from './database-servers.js'
import { EngineShop } from './engine-shop.js'
import { freePort, PrivateProcess } from './private-process.js'
import { describeUnless } from './servers.js'

const USER = 'orderctl'

/** The two programs of a kind of server. */
interface Binaries {
  /** Creates its files. */
  readonly maker: string
  readonly server: string
}

/** How a kind of server is created and started. */
interface Kind {
  readonly engine: ServerEngine
  /** As the program calls it. */
  readonly product: string
  readonly binaries: Binaries | undefined
  /** One that exists from the start. */
  readonly firstDatabase: string
  readonly ready: string
  /** Prepares the folder, and returns the arguments of the program that creates the server's files there. */
  make(folder: string): string[]
  /** Once its files are there. */
  made?(folder: string): void
  args(folder: string, port: number): string[]
  readonly setup: readonly string[]
}

class PrivateServer {
  readonly engine: ServerEngine
  readonly product: string
  readonly port: number
  /** The latest one. */
  database = 'shop'
  readonly #kind: Kind & { readonly binaries: Binaries }
  readonly #process = new PrivateProcess('server')
  /** Neither server runs as root. */
  readonly #account = unprivileged()
  #databases = 0

  private constructor(kind: Kind & { readonly binaries: Binaries }, port: number) {
    this.engine = kind.engine
    this.product = kind.product
    this.#kind = kind
    this.port = port
  }

  /**
   * With an empty database `empty`, and users: `reader` may create nothing in `empty`, `stranger` may not
   * come from here, `lonely` has one connection, `hasty` no time; what `standby` begins is read-only, on MySQL once the
   * server is.
   */
  static async open(kind: Kind): Promise<PrivateServer> {
    const { binaries } = kind
    if (!binaries) throw new Error(`${kind.product} is not installed`)
    const server = new PrivateServer({ ...kind, binaries }, await freePort())
    const { folder } = server.#process
    try {
      const { uid, gid } = server.#account
      if (uid !== undefined && gid !== undefined) chownSync(folder, uid, gid)
      chmodSync(folder, 0o700)
      execFileSync(binaries.maker, kind.make(folder), { ...server.#account, cwd: folder, stdio: 'pipe' })
      kind.made?.(folder)
      await server.start()
      const first = server.urlWith({ pathname: kind.firstDatabase })
      for (const statement of kind.setup) await askServer(first, statement)
      return server
    } catch (error) {
      await server.close()
      throw error
    }
  }

  /** Empty, and the one that URLs then name. */
  async makeDatabase(): Promise<void> {
    this.#databases += 1
    const name = `shop${this.#databases}`
    await askServer(this.urlWith({ pathname: this.#kind.firstDatabase }), `create database ${name}`)
    this.database = name
  }

  urlWith(parts: Partial<Pick<URL, 'username' | 'password' | 'pathname'>> = {}): string {
    const url = new URL(`${this.engine}://${USER}:${PASSWORD}@127.0.0.1:${this.port}/${this.database}`)
    return Object.assign(url, parts).href
  }

  /** Also after a kill: what was committed is there again. Does nothing if it is running. */
  start(): Promise<void> {
    const { binaries, ready } = this.#kind
    const args = this.#kind.args(this.#process.folder, this.port)
    return this.#process.start({ binary: binaries.server, args, ready, options: this.#account })
  }

  /** Like a crash. */
  kill(): Promise<void> {
    // At SIGQUIT, PostgreSQL's parent process takes its children with it, and nobody waits for anything.
    return this.#process.stop(this.engine === 'postgres' ? 'SIGQUIT' : 'SIGKILL')
  }

  async close(): Promise<void> {
    await this.kill()
    await this.#process.close()
  }
}

/** Makes files small, which is faster. */
const SMALL = ['--innodb-log-file-size=4M', '--innodb-buffer-pool-size=16M']

/** Defaults that a server may have. No session may depend on them. */
const UNUSUAL_POSTGRES = [
  ...['client_encoding=LATIN1', 'standard_conforming_strings=off', 'timezone=Asia/Kolkata', 'DateStyle=SQL,DMY'],
  ...['default_transaction_isolation=serializable', 'transform_null_equals=on'],
]
const UNUSUAL_MYSQL = [
  ...['--character-set-server=latin1', '--skip-character-set-client-handshake', '--default-time-zone=+05:30'],
  ...['--autocommit=0', '--completion-type=CHAIN', '--sql-safe-updates=1', '--transaction-isolation=SERIALIZABLE'],
  '--sql-mode=ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PAD_CHAR_TO_FULL_LENGTH,HIGH_NOT_PRECEDENCE',
]

const KINDS: readonly Kind[] = [
  {
    engine: 'postgres',
    product: 'PostgreSQL',
    binaries: findBinaries('initdb', 'postgres'),
    firstDatabase: 'postgres',
    ready: 'ready to accept connections',
    make(folder) {
      const password = join(folder, 'password')
      writeFileSync(password, PASSWORD, { mode: 0o644 })
      const access = ['--auth', 'scram-sha-256', '--username', USER, '--pwfile', password]
      return ['--pgdata', join(folder, 'data'), ...access, '--encoding', 'UTF8', '--no-locale', '--no-sync']
    },
    made(folder) {
      const rules = join(folder, 'data', 'pg_hba.conf')
      writeFileSync(rules, `host all stranger all reject\n${readFileSync(rules, 'utf8')}`)
    },
    args(folder, port) {
      const listening = ['-h', '127.0.0.1', '-p', String(port), '-k', folder]
      return ['-D', join(folder, 'data'), ...listening, ...UNUSUAL_POSTGRES.flatMap((setting) => ['-c', setting])]
    },
    setup: [
      'create database empty',
      `create role reader login password '${PASSWORD}'`,
      `create role stranger login password '${PASSWORD}'`,
      `create role lonely login password '${PASSWORD}' connection limit 1`,
      `create role hasty superuser login password '${PASSWORD}'`,
      "alter role hasty set statement_timeout = '1ms'",
      `create role standby superuser login password '${PASSWORD}'`,
      'alter role standby set default_transaction_read_only = on',
    ],
  },
  {
    engine: 'mysql',
    product: 'MySQL',
    binaries: findBinaries('mariadb-install-db', 'mariadbd'),
    firstDatabase: 'shop',
    ready: 'ready for connections',
    make(folder) {
      // Runs at every start.
      const first = `create database if not exists shop;
         create user if not exists ${USER} identified by '${PASSWORD}';
         grant all on *.* to ${USER} with grant option;`
      writeFileSync(join(folder, 'first.sql'), first, { mode: 0o644 })
      return ['--no-defaults', `--datadir=${join(folder, 'data')}`, `--tmpdir=${folder}`, '--skip-test-db', ...SMALL]
    },
    args(folder, port) {
      // A server that starts removes temporary tables, also of others, from its tmpdir.
      const files = [`--datadir=${join(folder, 'data')}`, `--tmpdir=${folder}`, `--socket=${join(folder, 'socket')}`]
      const listening = ['--bind-address=127.0.0.1', `--port=${port}`, `--init-file=${join(folder, 'first.sql')}`]
      return ['--no-defaults', ...files, ...listening, ...SMALL, ...UNUSUAL_MYSQL]
    },
    setup: [
      'create database empty',
      `create user reader identified by '${PASSWORD}'`,
      'grant select on empty.* to reader',
      `create user stranger@'10.0.0.1' identified by '${PASSWORD}'`,
      `create user lonely identified by '${PASSWORD}' with max_user_connections 1`,
      `create user hasty identified by '${PASSWORD}' with max_statement_time 0.0001`,
      `create user standby identified by '${PASSWORD}'`,
      ...['lonely', 'hasty', 'standby'].map((user) => `grant all on \`shop%\`.* to ${user}`),
    ],
  },
]

/** On the PATH, or where packages put them; undefined if one is missing. */
function findBinaries(...names: [maker: string, server: string]): Binaries | undefined {
  const versions = '/usr/lib/postgresql'
  const ofVersions = existsSync(versions) ? readdirSync(versions).sort((a, b) => Number(b) - Number(a)) : []
  const folders = [
    ...ofVersions.map((version) => join(versions, version, 'bin')),
    ...(process.env['PATH'] ?? '').split(delimiter),
    '/usr/sbin',
  ]
  const [maker, server] = names.map((name) => folders.map((folder) => join(folder, name)).find(existsSync))
  return maker && server ? { maker, server } : undefined
}

/** For root, an account that exists on every system. */
function unprivileged(): { readonly uid?: number; readonly gid?: number } {
  if (process.getuid?.() !== 0) return {}
  const number = (flag: string) => Number(spawnSync('id', [flag, 'nobody'], { encoding: 'utf8' }).stdout)
  return { uid: number('-u'), gid: number('-g') }
}

function testOn(kind: Kind, server: () => PrivateServer) {
  return plainTest.extend<{ server: PrivateServer; shop: EngineShop }>({
    // biome-ignore lint/correctness/noEmptyPattern: Vitest reads from it that the fixture needs no other.
    server: async ({}, use) => {
      await server().start()
      await use(server())
    },
    shop: async ({ server }, use) => {
      await server.makeDatabase()
      const shop = await EngineShop.at(kind.engine, server.urlWith())
      await use(shop)
      await shop.close()
    },
  })
}

/** Once for each kind of server. The tests share one and run in turn. */
export function describeOnPrivateServers(
  name: string,
  body: (test: ReturnType<typeof testOn>, engine: ServerEngine) => void,
): void {
  for (const kind of KINDS) {
    const missing = kind.binaries ? undefined : `${kind.product} is not installed here, so none can be started`
    describeUnless(missing, `${kind.product} of its own: ${name}`, () => {
      let server: PrivateServer | undefined
      beforeAll(async () => {
        server = await PrivateServer.open(kind)
      })
      afterAll(() => server?.close())
      const opened = () => {
        if (!server) throw new Error('the server could not be started')
        return server
      }
      body(testOn(kind, opened), kind.engine)
    })
  }
}
