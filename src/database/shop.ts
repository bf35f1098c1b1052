// The identity of a shop, which starts its idempotency keys, and the place for which it was confirmed. A copy of a
// database has the identity of the original, and would charge under the same keys.
import { existsSync, realpathSync, statSync } from 'node:fs'
import { hostname } from 'node:os'
import { type Kysely, sql } from 'kysely'
import type { ShopId } from '../domain/ids.js'
import type { DatabaseAddress } from '../servers/addresses.js'
import { recordAction } from './actions.js'
import { countRows } from './count-rows.js'
import { engineOf, forUpdate } from './engine.js'
import type { Schema } from './schema.js'
import { readSetting, writeSetting } from './settings.js'
import { inTransaction } from './transaction.js'

/** Where a database is. It is still the same database if either part is the same. */
interface Home {
  /** Its names, for people. A backup that is restored in its place has the same names. */
  readonly place: string
  /** What a copy does not have: it lasts if the database is renamed, or a container gets another host name. */
  readonly object: string
}

/** Without letters that look like digits. */
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'
const LENGTH = 12

/** Makes an identity of 60 random bits. */
function newShopId(): ShopId {
  return [...crypto.getRandomValues(new Uint8Array(LENGTH))]
    .map((byte) => ALPHABET.charAt(byte % ALPHABET.length))
    .join('') as ShopId
}

/** @param lock whether to keep others from changing it until the end of the transaction */
export async function readShop(db: Kysely<Schema>, { lock = false } = {}): Promise<ShopId> {
  const row = db.selectFrom('settings').select('value').where('name', '=', 'shop')
  return (await (lock ? forUpdate(db, row) : row).executeTakeFirstOrThrow()).value as ShopId
}

/** Gives a new database its identity, while its tables are created. */
export async function createShop(db: Kysely<Schema>, address: DatabaseAddress): Promise<void> {
  await writeSetting(db, 'shop', newShopId())
  await confirmHome(db, address)
}

/** Confirms that the database with this identity is the one at this address. */
export async function confirmHome(db: Kysely<Schema>, address: DatabaseAddress): Promise<void> {
  await writeSetting(db, 'shop_home', JSON.stringify(await homeOf(db, address)))
}

/**
 * Whether the database is where its identity was confirmed. If not, it was copied, moved or restored elsewhere, which
 * look alike. A copy of all files of a server, such as a disk snapshot, looks like its original.
 *
 * @returns undefined if it is, else both places
 */
export async function findRelocation(db: Kysely<Schema>, address: DatabaseAddress) {
  const confirmed: Partial<Home> = JSON.parse((await readSetting(db, 'shop_home')) ?? '{}')
  const { place, object } = await homeOf(db, address)
  if (confirmed.place === place || confirmed.object === object) return undefined
  return { confirmed: confirmed.place ?? 'another place', place }
}

/**
 * Gives a copy its own identity. Stored payment intents keep their keys, so open charges are asked again under these.
 *
 * @returns both identities, and the number of open charges that keep their keys
 */
export function renewShop(db: Kysely<Schema>, address: DatabaseAddress) {
  return inTransaction(db, async (trx) => {
    const [previous, shop] = [await readShop(trx, { lock: true }), newShopId()]
    await writeSetting(trx, 'shop', shop)
    await confirmHome(trx, address)
    const open = trx.selectFrom('payments').where('status', 'in', ['pending', 'unknown'])
    const openCharges = await countRows(open)
    await recordAction(trx, { command: 'migrate --new-shop', subject: shop, details: `was ${previous}` })
    return { shop, previous, openCharges }
  })
}

/** Confirms the identity of a database that was moved or restored. */
export function keepShop(db: Kysely<Schema>, address: DatabaseAddress): Promise<ShopId> {
  return inTransaction(db, async (trx) => {
    const shop = await readShop(trx)
    const moved = await findRelocation(trx, address)
    await confirmHome(trx, address)
    const details = moved && `was ${moved.confirmed}`
    if (moved) await recordAction(trx, { command: 'migrate --keep-shop', subject: shop, details })
    return shop
  })
}

async function homeOf(db: Kysely<Schema>, address: DatabaseAddress): Promise<Home> {
  if (address.kind === 'sqlite') return homeOfFile(address.path)
  const isPostgres = engineOf(db) === 'postgres'
  const { rows } = await (isPostgres ? POSTGRES_PLACE : MYSQL_PLACE).execute(db)
  const { server = '', name = '', made = '' } = rows[0] ?? {}
  const uid = isPostgres ? server : (await MYSQL_UID.execute(db)).rows[0]?.Value
  return { place: `${name} on server ${uid ?? server}`, object: `${isPostgres ? server : name}:${made}` }
}

/** A copy can get the number of the original only on another file system, and then has another time of birth. */
function homeOfFile(path: string): Home {
  if (!existsSync(path)) return { place: '', object: '' }
  const { ino, birthtimeNs } = statSync(path, { bigint: true })
  return { place: `${realpathSync(path)} on ${hostname()}`, object: `${ino}:${birthtimeNs}` }
}

interface ServerPlace {
  readonly server: string
  /** Names of the database and of the schema. */
  readonly name: string
  /** Differs after a dump was restored, and in a database made from another as a template. */
  readonly made: string
}

const POSTGRES_PLACE = sql<ServerPlace>`
  select system_identifier::text as server, current_database() || '.' || current_schema() as name,
    pg_database.oid || ':' || pg_class.oid as made
  from pg_control_system(), pg_database, pg_class
  where pg_database.datname = current_database() and pg_class.oid = 'settings'::regclass`

const MYSQL_PLACE = sql<ServerPlace>`
  select @@hostname as server, database() as name, cast(unix_timestamp(create_time) as char) as made
  from information_schema.tables where table_schema = database() and table_name = 'settings'`

/** MySQL has a server_uuid, and MariaDB a server_uid from 10.11.9 on. */
const MYSQL_UID = sql<{ Value: string }>`show global variables where variable_name in ('server_uuid', 'server_uid')`
