// Database servers of a test's own, which it may kill and start again. They check passwords.

import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, chownSync, existsSync, readdirSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { beforeAll, test as plainTest, type TestAPI } from 'vitest'
import { PASSWORD } from '../queue/refused.js'
import { askServer } from './ask-server.js'
import { EngineShop } from './engine-shop.js'
import { freePort, PrivateProcess } from './private-process.js'
import { describeUnless, type ServerEngine } from './servers.js'

const USER = 'orderctl'

/** Neither server runs as root: for root, an account that exists on every system. */
const ACCOUNT = process.getuid?.() === 0 ? { uid: idOfNobody('-u'), gid: idOfNobody('-g') } : undefined

function idOfNobody(flag: string): number {
  return Number(spawnSync('id', [flag, 'nobody'], { encoding: 'utf8' }).stdout)
}

/** How a kind of server is created and started. */
interface Kind {
  readonly engine: ServerEngine
  readonly product: string
  readonly binaries: readonly [maker: string, server: string] | undefined
  /** What the server logs once it is ready. */
  readonly ready: string
  /** Prepares the folder, and returns the arguments of the program that creates the server's files there. */
  make(folder: string): string[]
  args(folder: string, port: number): string[]
  readonly setup: readonly string[]
}

export class PrivateServer {
  readonly engine: ServerEngine
  readonly product: string
  readonly port: number
  readonly #process: PrivateProcess
  #databases = 0

  private constructor({ engine, product, binaries, ready, args }: Kind, port: number, settings: readonly string[]) {
    this.engine = engine
    this.product = product
    this.port = port
    const command = (folder: string) => [`${binaries?.[1]}`, ...args(folder, port), ...settings]
    this.#process = new PrivateProcess(ready, command, ACCOUNT)
  }

  /**
   * Has an empty database `empty`, and users: `reader` may create nothing in `empty`; `stranger` may not log in from
   * this host; `lonely` has one connection; statements of `hasty` time out at once; transactions of `standby` are
   * read-only, on MySQL once the server is.
   */
  static async open(kind: Kind, settings: readonly string[] = []): Promise<PrivateServer> {
    const server = new PrivateServer(kind, await freePort(), settings)
    const { folder } = server.#process
    try {
      if (ACCOUNT) chownSync(folder, ACCOUNT.uid, ACCOUNT.gid)
      chmodSync(folder, 0o700)
      execFileSync(`${kind.binaries?.[0]}`, kind.make(folder), { ...ACCOUNT, cwd: folder, stdio: 'pipe' })
      await server.start()
      await server.#ask(...kind.setup)
      return server
    } catch (error) {
      await server.close()
      throw error
    }
  }

  /** Over the database that exists from the start. */
  async #ask(...statements: string[]): Promise<void> {
    await askServer(this.urlWith({ pathname: this.engine }), ...statements)
  }

  /** Creates an empty database, which URLs name from then on. */
  async makeDatabase(): Promise<void> {
    this.#databases += 1
    await this.#ask(`create database shop${this.#databases}`)
  }

  urlWith(parts: Partial<URL> = {}): string {
    const url = new URL(`${this.engine}://${USER}:${PASSWORD}@127.0.0.1:${this.port}/shop${this.#databases}`)
    return Object.assign(url, parts).href
  }

  start(): Promise<void> {
    return this.#process.start()
  }

  /** Like a crash. */
  kill(): Promise<void> {
    // At SIGQUIT, PostgreSQL ends its children and waits for nothing.
    return this.#process.stop([this.engine === 'postgres' ? 'SIGQUIT' : 'SIGKILL'])
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
    ready: 'ready to accept connections',
    make(folder) {
      const password = join(folder, 'password')
      writeFileSync(password, PASSWORD, { mode: 0o644 })
      const rules = 'host all stranger all reject\nhost all all all scram-sha-256\n'
      writeFileSync(join(folder, 'rules'), rules, { mode: 0o644 })
      const access = ['--auth', 'scram-sha-256', '--username', USER, '--pwfile', password]
      return ['--pgdata', join(folder, 'data'), ...access, '--encoding', 'UTF8', '--no-locale', '--no-sync']
    },
    args(folder, port) {
      const listening = ['-h', '127.0.0.1', '-p', String(port), '-k', folder]
      const settings = [`hba_file=${join(folder, 'rules')}`, ...UNUSUAL_POSTGRES]
      return ['-D', join(folder, 'data'), ...listening, ...settings.flatMap((setting) => ['-c', setting])]
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
    ready: 'ready for connections',
    make(folder) {
      // Runs at every start.
      const first = `create user if not exists ${USER} identified by '${PASSWORD}';
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

export function isInstalled(engine: ServerEngine): boolean {
  return KINDS.find((kind) => kind.engine === engine)?.binaries !== undefined
}

/** Commits outlive the server's process, but not the machine. */
const QUICK: Record<ServerEngine, readonly string[]> = {
  postgres: ['-c', 'fsync=off'],
  mysql: ['--innodb-flush-log-at-trx-commit=2', '--innodb-flush-method=nosync'],
}

/** A server that writes to the disk only when the system does. @throws if its programs are not installed */
export async function openPrivateServer(engine: ServerEngine): Promise<PrivateServer> {
  const kind = KINDS.find((known) => known.engine === engine)
  if (!kind?.binaries) throw new Error(`${kind?.product} is not installed`)
  return PrivateServer.open(kind, QUICK[engine])
}

/** Once for each kind of server. The tests share one server and run one after the other. */
export function describeOnPrivateServers(
  name: string,
  body: (test: TestAPI<{ server: PrivateServer; shop: EngineShop }>, engine: ServerEngine) => void,
): void {
  for (const kind of KINDS) {
    const missing = kind.binaries ? undefined : `${kind.product} is not installed`
    describeUnless(missing, `${kind.product} of its own: ${name}`, () => {
      let running: PrivateServer
      beforeAll(async () => {
        running = await PrivateServer.open(kind)
        return () => running.close()
      })
      const test = plainTest.extend<{ server: PrivateServer; shop: EngineShop }>({
        // biome-ignore lint/correctness/noEmptyPattern: Vitest reads from it that the fixture needs no other.
        server: async ({}, use) => {
          await running.start()
          await use(running)
        },
        shop: async ({ server }, use) => {
          await server.makeDatabase()
          const shop = await EngineShop.at(kind.engine, server.urlWith())
          await use(shop)
          await shop.close()
        },
      })
      body(test, kind.engine)
    })
  }
}
