// A database that goes back to an earlier state. On SQLite, the file goes back with its folder.
import type { Engine } from '../../src/database/engine.js'
import { askServer } from '../support/ask-server.js'
import { makeDatabase, type ServerEngine, serverUrl } from '../support/servers.js'

export interface KeptDatabase {
  readonly url: string
  /** @returns what `restore` needs, also in another lane */
  keep(state: string): Promise<string>
  restore(kept: string): Promise<void>
}

export async function keptDatabase(engine: Engine, file: string): Promise<KeptDatabase> {
  if (engine === 'sqlite') return { url: `sqlite:${file}`, keep: async () => '', restore: async () => undefined }
  const url = await makeDatabase(engine, { suffix: '_sweep' })
  const name = new URL(url).pathname.slice(1)
  const copy = COPIES[engine]
  const keep = async (state: string) => {
    await copy(name, `${name}_${state}`)
    return `${name}_${state}`
  }
  return { url, keep, restore: (kept) => copy(kept, name) }
}

type Copy = (from: string, to: string) => Promise<void>

const COPIES: Readonly<Record<ServerEngine, Copy>> = {
  // A killed process is connected for a moment longer.
  postgres: async (from, to) => {
    await askServer(
      serverUrl('postgres'),
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${from}'`,
      `drop database if exists ${to} with (force)`,
      `create database ${to} template ${from}`,
    )
  },
  mysql: async (from, to) => {
    const server = serverUrl('mysql')
    await askServer(server, `drop database if exists ${to}`, `create database ${to} character set latin1`)
    // Generated columns take no values.
    const columns = await askServer(
      server,
      `select table_name as table_name, column_name as column_name from information_schema.columns
       where table_schema = '${from}' and extra not like '%GENERATED%'`,
    )
    const tables = [...new Set(columns.map(({ table_name }) => String(table_name)))]
    const definitions = await Promise.all(
      tables.map((table) => askServer(server, `show create table ${from}.${table}`)),
    )
    const fill = tables.map((table) => {
      const names = columns.filter((row) => row['table_name'] === table).map((row) => `\`${row['column_name']}\``)
      return `insert into ${table} (${names}) select ${names} from ${from}.${table}`
    })
    const create = definitions.map(([row]) => String(row?.['Create Table']))
    await askServer(serverUrl('mysql', { pathname: to }), 'set foreign_key_checks = 0', ...create, ...fill)
  },
}
