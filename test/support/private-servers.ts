// Database servers of a test's own, which it may kill and start again. They check passwords.

import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, chownSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { afterAll, test as plainTest } from 'vitest'
import { PASSWORD } from '../queue/refused.js'
import { askServer } from './ask-server.js'
import type { ServerEngine } from './database-servers.js'
import { EngineShop } from './engine-shop.js'
import { freePort, PrivateProcess } from './private-process.js'
import { describeUnless } from './servers.js'

const USER = 'orderctl'

/** How a kind of server is created and started. */
interface Kind {
  readonly engine: ServerEngine
  readonly product: string
  readonly binaries: readonly [maker: string, server: string] | undefined
  /** One that exists from the start. */
  readonly firstDatabase: string
  /** What the server logs once it is ready. */
  readonly ready: string
  /** Prepares the folder, and returns the arguments of the program that creates the server's files there. */
  make(folder: string): string[]
  /** Changes the files that were created. */
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
  readonly #kind: Kind
  readonly #process = new PrivateProcess('server')
  /** Neither server runs as root. */
  readonly #account = unprivileged()
  #databases = 0

  private constructor(kind: Kind, port: number) {
    this.engine = kind.engine
    this.product = kind.product
    this.#kind = kind
    this.port = port
  }

  /**
   * Has an empty database `empty`, and users: `reader` may create nothing in `empty`; `stranger` may not log in from
   * this host; `lonely` has one connection; statements of `hasty` time out at once; transactions of `standby` are
   * read-only, on MySQL once the server is.
   */
  static async open(kind: Kind): Promise<PrivateServer> {
    const server = new PrivateServer(kind, await freePort())
    const { folder } = server.#process
    try {
      const { uid, gid } = server.#account
      if (uid !== undefined && gid !== undefined) chownSync(folder, uid, gid)
      chmodSync(folder, 0o700)
      execFileSync(`${kind.binaries?.[0]}`, kind.make(folder), { ...server.#account, cwd: folder, stdio: 'pipe' })
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

  /** Creates an empty database, which URLs name from then on. */
  async makeDatabase(): Promise<void> {
    this.#databases += 1
    const name = `shop${this.#databases}`
    await askServer(this.urlWith({ pathname: this.#kind.firstDatabase }), `create database ${name}`)
    this.database = name
  }

  urlWith(parts: Partial<URL> = {}): string {
    const url = new URL(`${this.engine}://${USER}:${PASSWORD}@127.0.0.1:${this.port}/${this.database}`)
    return Object.assign(url, parts).href
  }

  start(): Promise<void> {
    const { binaries, ready } = this.#kind
    const args = this.#kind.args(this.#process.folder, this.port)
    return this.#process.start({ binary: `${binaries?.[1]}`, args, ready, options: this.#account })
  }

  /** Like a crash. */
  kill(): Promise<void> {
    // At SIGQUIT, PostgreSQL ends its children and waits for nothing.
    return this.#process.stop(this.engine === 'postgres' ? 'SIGQUIT' : 'SIGKILL')
  }

  async close(): Promise<void> {
    await this.kill()
    await this.#process.close()
  }
}

/** Small files are created faster. */
const SMALL = ['--innodb-log-file-size=4M', '--innodb-buffer-pool-size=16M']

/** Defaults that a server may have, and that no session of ours may depend on. */
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
function findBinaries(...names: [maker: string, server: string]): Kind['binaries'] {
  const versions = '/usr/lib/postgresql'
  const ofVersions = existsSync(versions) ? readdirSync(versions).sort((a, b) => Number(b) - Number(a)) : []
  const folders = [
    ...ofVersions.map((version) => join(versions, version, 'bin')),
    ...(process.env['PATH'] ?? '').split(delimiter),
    '/usr/sbin',
  ]
  const [maker, server] = names.map((name) => folders.map((folder) => join(folder, name)).find(existsSync))
  return maker && server ? [maker, server] : undefined
}

/** For root, an account that exists on every system. */
function unprivileged(): { readonly uid?: number; readonly gid?: number } {
  if (process.getuid?.() !== 0) return {}
  const number = (flag: string) => Number(spawnSync('id', [flag, 'nobody'], { encoding: 'utf8' }).stdout)
  return { uid: number('-u'), gid: number('-g') }
}

function testOn(kind: Kind, open: () => Promise<PrivateServer>) {
  return plainTest.extend<{ server: PrivateServer; shop: EngineShop }>({
    // biome-ignore lint/correctness/noEmptyPattern: Vitest reads from it that the fixture needs no other.
    server: async ({}, use) => {
      const server = await open()
      await server.start()
      await use(server)
    },
    shop: async ({ server }, use) => {
      await server.makeDatabase()
      const shop = await EngineShop.at(kind.engine, server.urlWith())
      await use(shop)
      await shop.close()
    },
  })
}

/** Once for each kind of server. The tests share one server and run one after the other. */
export function describeOnPrivateServers(
  name: string,
  body: (test: ReturnType<typeof testOn>, engine: ServerEngine) => void,
): void {
  for (const kind of KINDS) {
    const missing = kind.binaries ? undefined : `${kind.product} is not installed`
    describeUnless(missing, `${kind.product} of its own: ${name}`, () => {
      let server: Promise<PrivateServer> | undefined
      const open = () => {
        server ??= PrivateServer.open(kind)
        return server
      }
      afterAll(async () => (await server)?.close())
      body(testOn(kind, open), kind.engine)
    })
  }
}
